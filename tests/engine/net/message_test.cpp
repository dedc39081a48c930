#include "engine/net/message.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace cleave {

namespace {

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

MessageHeader some_header() {
  return {.type = MessageType::data,
          .flags = kFlagMarker,
          .minor = 3,
          .edge = 0x1122334455667788,
          .seq = 9,
          .tag = std::uint64_t{7} << 32 | 5,
          .length = 4096,
          .body_crc = 0xCAFEF00D};
}

// Writes a number over bytes of a header and puts its checksum right again.
template <class T>
HeaderBytes changed(const HeaderBytes& before, std::size_t at, T value) {
  HeaderBytes bytes = before;
  std::memcpy(bytes.data() + at, &value, sizeof value);
  const std::uint32_t crc = crc32c(std::span<const std::byte>(bytes.data(), 36));
  std::memcpy(bytes.data() + 36, &crc, sizeof crc);
  return bytes;
}

HeaderFault fault_of(const HeaderBytes& bytes, std::uint64_t edge = 0, std::int64_t most = 1 << 20) {
  MessageHeader header;
  return decode_header(bytes, edge, most, header);
}

Greeting some_greeting() {
  Greeting greeting;
  greeting.plan_hash.fill(0xA5);
  greeting.device = "pi4";
  greeting.peer = std::string(kMaxNameBytes, 'p');
  greeting.boot_id = ~std::uint64_t{0};
  greeting.met_boot_id = 3;
  greeting.incarnation = 4;
  greeting.item_bytes = 12'288;
  greeting.sent_committed = 5, greeting.sent_first = 6;
  greeting.next = 7, greeting.committed = 8, greeting.credit_seq = 9, greeting.credit_bytes = kMaxPosition;
  return greeting;
}

// Everything but exactly these bytes is refused: no prefix, nothing behind.
template <class Decode>
void expect_strict(const std::vector<std::byte>& bytes, const Decode& decode) {
  EXPECT_TRUE(decode(bytes));
  for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(decode(std::span(bytes).first(n))) << n << " bytes";
  std::vector<std::byte> longer = bytes;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(decode(longer));
}

}  // namespace

// RFC 3720 B.4, and the check value of CRC-32C in the catalogue of parametrised CRC algorithms.
TEST(Crc32c, AgreesWithPublishedValues) {
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xE3069283U);
  EXPECT_EQ(crc32c(bytes_of(std::string(32, '\0'))), 0x8A9136AAU);
  EXPECT_EQ(crc32c(bytes_of(std::string(32, '\xFF'))), 0x62A8AB43U);
  EXPECT_EQ(crc32c({}), 0U);
}

TEST(Crc32c, GoesOnFromWhatCameBefore) {
  const std::string text = "0123456789abcdefghijklmnopqrstuvwxyz";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const std::uint32_t before = crc32c(bytes_of(text.substr(0, cut)));
    EXPECT_EQ(crc32c(bytes_of(text.substr(cut)), before), crc32c(bytes_of(text)));
  }
}

TEST(Header, ComesBackAsItWas) {
  const HeaderBytes bytes = encode_header(some_header());
  MessageHeader header;
  EXPECT_EQ(decode_header(bytes, some_header().edge, 4096, header), HeaderFault::none);
  EXPECT_EQ(header, some_header());
}

TEST(Header, StandsOnTheWireAsDocumented) {
  const HeaderBytes bytes = encode_header(some_header());
  EXPECT_EQ(std::memcmp(bytes.data(), "CLV1\x01\x03\x04\x01\x88\x77\x66\x55\x44\x33\x22\x11\x09\0\0\0\0\0\0\0", 24), 0);
  EXPECT_EQ(std::memcmp(bytes.data() + 24, "\x05\0\0\0\x07\0\0\0\0\x10\0\0", 12), 0);
  EXPECT_EQ(std::memcmp(bytes.data() + 40, "\x0D\xF0\xFE\xCA\0\0\0\0", 8), 0);
}

// The checksum of the payload lies outside; a wrong one shows when the payload is summed.
TEST(Header, NoFlippedBitPasses) {
  for (std::size_t bit = 0; bit < 8 * static_cast<std::size_t>(kMessageHeaderBytes); ++bit) {
    HeaderBytes bytes = encode_header(some_header());
    bytes.at(bit / 8) ^= static_cast<std::byte>(1U << bit % 8);
    const bool in_body_crc = bit / 8 >= 40 && bit / 8 < 44;
    EXPECT_EQ(fault_of(bytes) == HeaderFault::none, in_body_crc) << "bit " << bit;
  }
}

TEST(Header, FaultsAreToldApart) {
  const HeaderBytes good = encode_header(some_header());
  EXPECT_EQ(fault_of(changed(good, 0, 'D')), HeaderFault::magic);
  EXPECT_EQ(fault_of(changed(good, 4, std::uint8_t{2})), HeaderFault::version);
  EXPECT_EQ(fault_of(changed(good, 6, std::uint8_t{0})), HeaderFault::type);
  EXPECT_EQ(fault_of(changed(good, 6, std::uint8_t{11})), HeaderFault::type);
  EXPECT_EQ(fault_of(good, 1), HeaderFault::edge);
  EXPECT_EQ(fault_of(good, 0, 4095), HeaderFault::length);
  HeaderBytes damaged = good;
  damaged[8] ^= std::byte{1};
  EXPECT_EQ(fault_of(damaged), HeaderFault::checksum);
}

TEST(Header, ANewerMinorVersionIsFine) {
  EXPECT_EQ(fault_of(changed(encode_header(some_header()), 5, std::uint8_t{200})), HeaderFault::none);
}

TEST(Header, ControlPayloadsAreShort) {
  MessageHeader header = some_header();
  header.type = MessageType::ack;
  header.length = kMaxControlBytes;
  EXPECT_EQ(fault_of(encode_header(header)), HeaderFault::none);
  header.length += 1;
  EXPECT_EQ(fault_of(encode_header(header)), HeaderFault::length);
}

TEST(Greeting, ComesBackAsItWas) {
  EXPECT_EQ(decode_greeting(encode_greeting(some_greeting())), some_greeting());
  EXPECT_EQ(decode_greeting(encode_greeting({})), Greeting{});
  EXPECT_LE(static_cast<std::int64_t>(encode_greeting(some_greeting()).size()), kMaxControlBytes);
}

TEST(Greeting, OnlyWholeOnesAreRead) {
  expect_strict(encode_greeting(some_greeting()), [](auto bytes) { return decode_greeting(bytes).has_value(); });
}

TEST(Greeting, LongNamesAreCutWhenSentAndRefusedWhenRead) {
  Greeting greeting = some_greeting();
  greeting.peer += "q";
  std::vector<std::byte> bytes = encode_greeting(greeting);
  EXPECT_EQ(decode_greeting(bytes)->peer.size(), kMaxNameBytes);
  const std::size_t length_at = 2 + 32 + 2 + greeting.device.size();
  bytes.at(length_at) = std::byte{kMaxNameBytes + 1};
  bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(length_at) + 2, std::byte{'q'});
  EXPECT_EQ(decode_greeting(bytes), std::nullopt);
}

TEST(Greeting, ImpossiblePositionsAreRefused) {
  Greeting greeting = some_greeting();
  greeting.next = kMaxPosition + 1;
  EXPECT_EQ(decode_greeting(encode_greeting(greeting)), std::nullopt);
}

TEST(Ack, ComesBackAsItWas) {
  const Ack ack{.next = 1, .committed = 2, .credit_seq = 3, .credit_bytes = 4};
  EXPECT_EQ(decode_ack(encode_ack(ack)), ack);
  expect_strict(encode_ack(ack), [](auto bytes) { return decode_ack(bytes).has_value(); });
  EXPECT_EQ(decode_ack(encode_ack({.credit_bytes = kMaxPosition + 1})), std::nullopt);
}

TEST(Refusal, ComesBackAsItWas) {
  const Refusal refusal{RefuseCode::unknown_edge, "no such edge"};
  EXPECT_EQ(decode_refusal(encode_refusal(refusal)), refusal);
  expect_strict(encode_refusal(refusal), [](auto bytes) { return decode_refusal(bytes).has_value(); });
}

TEST(Refusal, UnknownCodesAndLongTextsAreRefused) {
  std::vector<std::byte> bytes = encode_refusal({RefuseCode::unknown_edge, "x"});
  bytes[0] = std::byte{9};
  EXPECT_EQ(decode_refusal(bytes), std::nullopt);
  EXPECT_EQ(decode_refusal(encode_refusal({RefuseCode::busy, std::string(5000, 'x')}))->text.size(), kMaxRefusalBytes);
}

TEST(Refusal, OnlyWhatMayPassIsTriedAgain) {
  EXPECT_FALSE((Refusal{RefuseCode::busy, ""}.is_final()));
  EXPECT_FALSE((Refusal{RefuseCode::unknown_edge, ""}.is_final()));
  EXPECT_TRUE((Refusal{RefuseCode::zombie, ""}.is_final()));
}

}  // namespace cleave
