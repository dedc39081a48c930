#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/net/channel.h"
#include "engine/net/nng_channel.h"
#include "engine/net/tls.h"
#include "ops/core/catalog.h"

namespace cleave {

namespace {

constexpr TransportDef kTransports[] = {
    {"tcp", "Between machines, or on one.", nng_dial, nng_listen},
    {"ipc", "A Unix socket: between processes of one machine.", nng_dial, nng_listen},
};

const TransportDef& transport_of(const Address& address) {
  const TransportDef* const found = find(transport_catalog(), address.transport);
  if (found == nullptr)
    throw UserError(fmt::format("{}: there is no transport '{}'; one of: {}", address.text(), address.transport,
                                fmt::join(names_of(transport_catalog()), ", ")));
  return *found;
}

}  // namespace

std::span<const TransportDef> transport_catalog() { return kTransports; }

std::unique_ptr<Channel> dial(const Address& address, const TlsFiles& tls, const std::string& expected_name,
                              double timeout_s) {
  std::unique_ptr<Channel> channel = transport_of(address).dial(address, timeout_s);
  if (!tls.used()) return channel;
  return tls_channel(std::move(channel), TlsRole::client, {tls, expected_name});
}

Listener listen_on(const Address& address, const TlsFiles& tls) {
  Listener listener = transport_of(address).listen(address);
  if (!tls.used()) return listener;
  listener.accept = [plain = std::move(listener.accept), tls](double timeout_s) -> std::unique_ptr<Channel> {
    std::unique_ptr<Channel> channel = plain(timeout_s);
    if (channel == nullptr) return nullptr;
    return tls_channel(std::move(channel), TlsRole::server, {tls, ""});
  };
  return listener;
}

}  // namespace cleave
