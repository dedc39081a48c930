#include "tests/support/sim_net.h"

#include <algorithm>
#include <cstring>

namespace cleave {

void SimPipe::put(std::span<const std::byte> more) {
  if (ends) return;
  const std::size_t count = std::min(more.size(), passes.value_or(more.size()));
  bytes.insert(bytes.end(), more.begin(), more.begin() + static_cast<std::ptrdiff_t>(count));
  if (flips && *flips < count) {
    bytes[bytes.size() - count + *flips] ^= std::byte{0x10};
    flips.reset();
  }
  if (flips) *flips -= count;
  if (!passes) return;
  *passes -= count;
  ends = *passes == 0;
}

void SimPipe::break_after(std::size_t count, bool silently) {
  if (is_broken()) return;
  is_silent = silently;
  if (count < pending()) bytes.resize(head + count);
  passes = count - std::min(count, pending());
  ends = *passes == 0;
}

void write_message(SimPipe& pipe, const Outgoing& message) {
  pipe.put(encode_header(message.header));
  pipe.put(message.payload != nullptr ? message.payload->bytes() : std::span<const std::byte>(message.control));
}

SimRead read_message(std::vector<std::byte>& inbox, std::uint64_t edge, std::int64_t most, MessageHeader& header,
                     std::shared_ptr<Buffer>& payload, std::string& fault) {
  if (inbox.size() < static_cast<std::size_t>(kMessageHeaderBytes)) return SimRead::incomplete;
  HeaderBytes bytes;
  std::copy_n(inbox.begin(), bytes.size(), bytes.begin());
  const HeaderFault header_fault = decode_header(bytes, edge, most, header);
  if (header_fault != HeaderFault::none) {
    fault = to_text(header_fault);
    return SimRead::damaged;
  }
  const std::size_t size = bytes.size() + header.length;
  if (inbox.size() < size) return SimRead::incomplete;
  payload = header.length == 0 ? nullptr : std::make_shared<Buffer>(header.length);
  if (payload != nullptr) std::memcpy(payload->bytes().data(), inbox.data() + bytes.size(), header.length);
  inbox.erase(inbox.begin(), inbox.begin() + static_cast<std::ptrdiff_t>(size));
  return SimRead::message;
}

}  // namespace cleave
