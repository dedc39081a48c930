// Any bytes as .npy files of samples and of labels.
#include <cstddef>
#include <cstdint>

#include "engine/data/npy.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const cleave::ByteSpan file(data, size);
  cleave::expect_only_promised_errors([&] { cleave::parse_npy_images(file, "fuzz"); });
  cleave::expect_only_promised_errors([&] { cleave::parse_npy_labels(file, "fuzz"); });
  return 0;
}
