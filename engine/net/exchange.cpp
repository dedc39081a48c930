#include "engine/net/exchange.h"

#include <array>

#include <fmt/format.h>

#include "engine/net/tls.h"
#include "ops/core/file.h"

namespace cleave {

IoResult write_message(Channel& channel, MessageHeader header, std::span<const std::byte> payload, const Until& until) {
  header.length = static_cast<std::uint32_t>(payload.size());
  header.body_crc = crc32c(payload);
  const HeaderBytes bytes = encode_header(header);
  const std::array<std::span<const std::byte>, 2> parts = {std::span<const std::byte>(bytes), payload};
  return channel.write(std::span(parts).first(payload.empty() ? 1 : 2), until.left_s());
}

IoResult read_message(Channel& channel, std::uint64_t edge, std::int64_t most, Message& message, const Until& until) {
  HeaderBytes bytes{};
  IoResult result = read_all(channel, bytes, until.left_s());
  if (!result.ok()) return result;
  const HeaderFault fault = decode_header(bytes, edge, most, message.header);
  if (fault == HeaderFault::magic && looks_like_tls(bytes))
    return {IoStatus::failed, 0, fmt::format("it uses keys: {}", kTlsOnOneEndOnly)};
  if (fault != HeaderFault::none)
    return {IoStatus::failed, 0, fmt::format("what came is no answer: {}", to_text(fault))};
  message.payload.resize(message.header.length);
  if (!message.payload.empty()) result = read_all(channel, message.payload, until.left_s());
  if (!result.ok()) return result;
  const bool summed = (message.header.flags & kFlagNoCrc) == 0 || !channel.is_checked();
  if (summed && crc32c(message.payload) != message.header.body_crc)
    return {IoStatus::failed, 0, "what came was damaged on its way"};
  return result;
}

std::string what_happened(const IoResult& result) {
  if (result.status == IoStatus::timeout) return "no answer in time";
  if (result.status == IoStatus::closed) return "it hung up";
  return result.error;
}

Greeted greet(Channel& channel, std::uint64_t edge, const Greeting& hello, const Until& until) {
  Greeted greeted;
  MessageHeader header{.type = MessageType::hello, .edge = edge};
  IoResult result = write_message(channel, header, encode_greeting(hello), until);
  greeted.is_sent = result.ok();
  greeted.sent = std::chrono::steady_clock::now();
  Message message;
  if (result.ok()) result = read_message(channel, edge, 0, message, until);
  if (!result.ok()) {
    greeted.fault = what_happened(result);
    return greeted;
  }
  if (message.header.type == MessageType::refuse) {
    greeted.refusal = decode_refusal(message.payload);
    greeted.fault = greeted.refusal ? printable(greeted.refusal->text) : "it refused without a reason";
    return greeted;
  }
  const std::optional<Greeting> welcome = decode_greeting(message.payload);
  if (message.header.type != MessageType::welcome || !welcome)
    greeted.fault = fmt::format("it answered {} instead of a welcome", to_text(message.header.type));
  else greeted.welcome = *welcome;
  return greeted;
}

IoResult write_welcome(Channel& channel, std::uint64_t edge, const Greeting& welcome, const Until& until) {
  return write_message(channel, {.type = MessageType::welcome, .edge = edge}, encode_greeting(welcome), until);
}

IoResult write_refusal(Channel& channel, std::uint64_t edge, const Refusal& refusal, const Until& until) {
  return write_message(channel, {.type = MessageType::refuse, .edge = edge}, encode_refusal(refusal), until);
}

}  // namespace cleave
