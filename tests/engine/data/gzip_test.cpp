#include "engine/data/gzip.h"

#include <gtest/gtest.h>

#include "ops/core/error.h"
#include "ops/core/rng.h"
#include "tests/support/files.h"

namespace cleave {
namespace {

std::string fault(const Bytes& file, std::int64_t most = 1 << 20) {
  return error_of<RunError>([&] { gunzip(file, most, "f"); });
}

TEST(Gunzip, ReturnsAllMembersInOrder) {
  EXPECT_EQ(gunzip(gzipped(to_bytes("one ")) + gzipped(to_bytes("two")), 100, "f"), to_bytes("one two"));
}

TEST(Gunzip, LongDataComesBackUnchanged) {
  Bytes data(300000);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(i * i / 7);
  EXPECT_EQ(gunzip(gzipped(data), static_cast<std::int64_t>(data.size()), "f"), data);
}

TEST(Gunzip, MembersMayEndAnywhereInAPieceRead) {
  Rng rng(1, kTestStream, 0);
  Bytes noise(65536);  // does not shrink: the first member is about as long as a piece
  for (std::uint8_t& byte : noise) byte = static_cast<std::uint8_t>(rng.below(256));
  for (std::size_t size = 65490; size < 65536; ++size) {
    const Bytes first(noise.begin(), noise.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(gunzip(gzipped(first) + gzipped(to_bytes("two")), 1 << 20, "f"), first + to_bytes("two")) << size;
    EXPECT_EQ(fault(gzipped(first) + to_bytes("junk")), "f: 4 bytes follow the gzip data") << size;
  }
}

TEST(Gunzip, NeverInflatesBeyondTheBound) {
  EXPECT_EQ(fault(gzipped(Bytes(1001)), 1000), "f: inflates to more than 1000 bytes");
  EXPECT_EQ(gunzip(gzipped(Bytes(1000)), 1000, "f"), Bytes(1000));
}

TEST(Gunzip, EveryTruncationIsAnError) {
  const Bytes whole = gzipped(to_bytes("some text, some more text"));
  for (std::size_t kept = 2; kept < whole.size(); ++kept)
    EXPECT_EQ(fault(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(kept))),
              "f: the gzip data is truncated")
        << kept;
}

TEST(Gunzip, WrongChecksumIsDamage) {
  Bytes file = gzipped(to_bytes("text"));
  file[file.size() - 8] ^= 1;
  EXPECT_EQ(fault(file), "f: the gzip data is damaged (incorrect data check)");
}

TEST(Gunzip, TrailingBytesAreAnError) {
  EXPECT_EQ(fault(gzipped(to_bytes("text")) + to_bytes("junk")), "f: 4 bytes follow the gzip data");
}

TEST(GunzipPrefix, ReadsNoFurtherThanAsked) {
  Bytes file = gzipped(to_bytes("0123456789"));
  file[file.size() - 8] ^= 1;  // damage behind the prefix
  EXPECT_EQ(gunzip_prefix(file, 4, "f"), to_bytes("0123"));
  EXPECT_EQ(gunzip_prefix(gzipped(to_bytes("01")), 4, "f"), to_bytes("01"));
}

}  // namespace
}  // namespace cleave
