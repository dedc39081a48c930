// TLS 1.3 over a channel: both ends show a certificate that the swarm's authority has signed (see engine/net/keys.h).
//
// The handshake is done by the first read or write, within kTlsHandshake_s. It ends with one byte from the end that was
// dialled to the one that dialled: with TLS 1.3 alone the latter would not know yet whether it was let in. Whoever is
// refused is told why in one line, and so is the end that refuses.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "engine/net/channel.h"

namespace cleave {

inline constexpr double kTlsHandshake_s = 2;

enum class TlsRole : std::uint8_t { client, server };  // who dialled, who was dialled

struct TlsOptions {
  TlsFiles files;             // read anew for each handshake: new keys and revocations count from the next one on
  std::string expected_name;  // the device that the peer's certificate must be for; "" = any
  std::int64_t rekey_bytes = std::int64_t{32} << 30;  // AES-GCM wears out: a new key after so many bytes sent
};

// Takes over a connection. Thread safe as every channel; peer_name() is "" until the handshake is done.
std::unique_ptr<Channel> tls_channel(std::unique_ptr<Channel> inner, TlsRole role, TlsOptions options);

// Whether a stream that begins so is one of TLS: for a plain end that wants to say what is wrong. Needs two bytes.
bool looks_like_tls(std::span<const std::byte> bytes);
// What to say then, and the other way round.
inline constexpr const char* kTlsOnOneEndOnly = "give both ends --keys, or neither";

}  // namespace cleave
