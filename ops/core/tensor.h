// Tensors: a batch of samples of one shape, values held as 32-bit floats.
//
// Shapes are those of ONE sample, as the model language writes them: [N] for vectors, [C, H, W] for images; the batch
// stands apart. Memory:
//   inference  [batch, N] or [batch, H, W, C] (channels innermost), see Tensor
//   training   a block of images, [C][H*W][lanes] (images innermost), see BlockView
// `dtype` says what the values are and what they cost on a wire (a sign layer gives ±1: one bit), not how they are
// held.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cleave {

using Shape = std::vector<std::int64_t>;

enum class DType : std::uint8_t { f32, f16, i8, bit };

// What flows along an edge, for one sample.
struct TensorType {
  DType dtype = DType::f32;
  Shape shape;

  bool operator==(const TensorType&) const = default;
};

// Returns the product of the sizes.
std::int64_t element_count(const Shape& shape);
// Returns the bytes of `count` elements; bits are packed, the last byte filled up.
std::int64_t byte_count(DType dtype, std::int64_t count);
// Returns "f32", "f16", "i8" or "bit".
const char* to_text(DType dtype);
// Returns "3x32x32".
std::string to_text(const Shape& shape);
// Returns "f32 3x32x32".
std::string to_text(const TensorType& type);

inline bool is_image(const Shape& shape) { return shape.size() == 3; }
inline std::int64_t channels_of(const Shape& shape) { return shape.front(); }
// Pixels of an image, 1 for a vector.
inline std::int64_t pixels_of(const Shape& shape) { return is_image(shape) ? shape[1] * shape[2] : 1; }

// A batch somebody else owns. `shape` must outlive the view.
template <class Float>
struct BasicView {
  std::int64_t batch = 0;
  const Shape* shape = nullptr;
  Float* data = nullptr;

  std::int64_t sample_size() const { return element_count(*shape); }
  Float* sample(std::int64_t i) const { return data + i * sample_size(); }
  std::span<Float> values() const { return {data, static_cast<std::size_t>(batch * sample_size())}; }
};
using TensorView = BasicView<float>;
using ConstTensorView = BasicView<const float>;

// A batch that owns its values: [batch, N] or [batch, H, W, C].
struct Tensor {
  std::int64_t batch = 0;
  Shape shape;
  std::vector<float> data;

  Tensor() = default;
  Tensor(std::int64_t batch_size, Shape sample_shape);  // zeros
  TensorView view() { return {batch, &shape, data.data()}; }
  ConstTensorView view() const { return {batch, &shape, data.data()}; }
};

// Blocks have a multiple of this many lanes, so that kernels need no code for a remainder.
inline constexpr std::int64_t kLaneMultiple = 16;

// A block of `lanes` images in the training layout: [channels][pixels][lanes]. Flattening an image changes nothing
// here: [C][H*W] is already the order in which `flatten` counts its outputs.
template <class Float>
struct BasicBlock {
  std::int64_t channels = 0;
  std::int64_t pixels = 1;
  std::int64_t lanes = 0;
  Float* data = nullptr;

  std::int64_t channel_size() const { return pixels * lanes; }
  Float* channel(std::int64_t c) const { return data + c * channel_size(); }
  std::int64_t size() const { return channels * channel_size(); }
};
using BlockView = BasicBlock<float>;
using ConstBlockView = BasicBlock<const float>;

// Copies `block.lanes` images of `from`, starting with image `first`, into the training layout; lanes behind the last
// image of the batch are filled with zeros.
void to_block(const ConstTensorView& from, std::int64_t first, const BlockView& block);
// The reverse; lanes behind the last image of `to` are dropped.
void from_block(const ConstBlockView& block, std::int64_t first, const TensorView& to);

}  // namespace cleave
