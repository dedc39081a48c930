// Any bytes as a gzip file, with a bound and without reaching it.
#include <cstddef>
#include <cstdint>

#include "engine/data/gzip.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const cleave::ByteSpan file(data, size);
  cleave::expect_only_promised_errors([&] {
    constexpr std::int64_t kMost = 1 << 16;
    if (static_cast<std::int64_t>(cleave::gunzip(file, kMost, "fuzz").size()) > kMost) __builtin_trap();
  });
  cleave::expect_only_promised_errors([&] {
    if (cleave::gunzip_prefix(file, 16, "fuzz").size() > 16) __builtin_trap();
  });
  return 0;
}
