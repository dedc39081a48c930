#include "ops/core/tensor.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cleave {

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return count;
}

std::int64_t byte_count(DType dtype, std::int64_t count) {
  switch (dtype) {
    case DType::f32: return 4 * count;
    case DType::f16: return 2 * count;
    case DType::i8: return count;
    case DType::bit: return (count + 7) / 8;
  }
  return 4 * count;
}

const char* to_text(DType dtype) {
  switch (dtype) {
    case DType::f32: return "f32";
    case DType::f16: return "f16";
    case DType::i8: return "i8";
    case DType::bit: return "bit";
  }
  return "?";
}

std::string to_text(const Shape& shape) { return fmt::format("{}", fmt::join(shape, "x")); }

std::string to_text(const TensorType& type) { return fmt::format("{} {}", to_text(type.dtype), to_text(type.shape)); }

Tensor::Tensor(std::int64_t batch_size, Shape sample_shape) : batch(batch_size), shape(std::move(sample_shape)) {
  data.resize(static_cast<std::size_t>(batch * element_count(shape)));
}

void to_block(const ConstTensorView& from, std::int64_t first, const BlockView& block) {
  const std::int64_t used = std::clamp<std::int64_t>(from.batch - first, 0, block.lanes);
  if (used < block.lanes) std::fill(block.data, block.data + block.size(), 0.0F);
  for (std::int64_t lane = 0; lane < used; ++lane) {
    const float* sample = from.sample(first + lane);  // [pixels][channels]
    for (std::int64_t c = 0; c < block.channels; ++c)
      for (std::int64_t p = 0; p < block.pixels; ++p)
        block.data[(c * block.pixels + p) * block.lanes + lane] = sample[p * block.channels + c];
  }
}

void from_block(const ConstBlockView& block, std::int64_t first, const TensorView& to) {
  const std::int64_t used = std::clamp<std::int64_t>(to.batch - first, 0, block.lanes);
  for (std::int64_t lane = 0; lane < used; ++lane) {
    float* sample = to.sample(first + lane);
    for (std::int64_t c = 0; c < block.channels; ++c)
      for (std::int64_t p = 0; p < block.pixels; ++p)
        sample[p * block.channels + c] = block.data[(c * block.pixels + p) * block.lanes + lane];
  }
}

}  // namespace cleave
