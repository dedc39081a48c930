// Any bytes as a CIFAR-10 batch. A record is longer than libFuzzer likes to grow inputs, so the bytes are also repeated
// to whole records.
#include <cstddef>
#include <cstdint>

#include "engine/data/cifar10.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kRecordBytes = 3073;
  const auto parse = [](cleave::ByteSpan file) {
    cleave::Dataset set;
    cleave::append_cifar10(file, "fuzz", set);
  };
  cleave::expect_only_promised_errors([&] { parse({data, size}); });
  if (size == 0) return 0;
  cleave::Bytes whole((size % 4 + 1) * kRecordBytes);
  for (std::size_t i = 0; i < whole.size(); ++i) whole[i] = data[i % size];
  cleave::expect_only_promised_errors([&] { parse(whole); });
  return 0;
}
