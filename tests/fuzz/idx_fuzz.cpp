// Any bytes as IDX files of pictures and of labels, gzip or not.
#include <cstddef>
#include <cstdint>

#include "engine/data/idx.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const cleave::ByteSpan file(data, size);
  cleave::expect_only_promised_errors(
      [&] { cleave::parse_idx_images(cleave::inflate_idx(file, cleave::kIdxImagesHead, "fuzz"), "fuzz"); });
  cleave::expect_only_promised_errors(
      [&] { cleave::parse_idx_labels(cleave::inflate_idx(file, cleave::kIdxLabelsHead, "fuzz"), 10, "fuzz"); });
  return 0;
}
