// Tensors: a batch of samples of one shape, values held as 32-bit floats.
//
// Shapes are those of ONE sample, as the model language writes them: [N] for vectors, [C, H, W] for images; the batch
// stands apart. Memory:
//   inference  [batch, N] or [batch, H, W, C] (channels innermost), see Tensor; an image may have a halo of zeros
//              around it, so that a window may leave it without a branch, see BasicView::halo
//   training   a block of images, [C][H*W][lanes] (images innermost), see BlockView
// `dtype` says what the values are and what they cost on a wire (a sign layer gives ±1: one bit), not how they are
// held.
#pragma once

#include <cassert>
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

// A batch somebody else owns. `shape` must outlive the view. Images with a halo stand in memory as [batch, halo + H +
// halo, halo + W + halo, C], the halo being zeros, which whoever writes the image writes, too.
template <class Float>
struct BasicView {
  std::int64_t batch = 0;
  const Shape* shape = nullptr;
  Float* data = nullptr;
  std::int64_t halo = 0;

  // Values of one sample, without its halo.
  std::int64_t sample_size() const { return element_count(*shape); }
  // Floats from one sample to the next, and from one row of pixels to the next.
  std::int64_t sample_stride() const { return halo == 0 ? sample_size() : (row_count() + 2 * halo) * row_stride(); }
  std::int64_t row_stride() const {
    return is_image(*shape) ? (shape->back() + 2 * halo) * shape->front() : sample_size();
  }
  // Rows of pixels; a vector is one row.
  std::int64_t row_count() const { return is_image(*shape) ? (*shape)[1] : 1; }
  // The first float of a sample, of its halo where it has one.
  Float* sample(std::int64_t i) const { return data + i * sample_stride(); }
  // The first real pixel of row `y`, which may lie in the halo (-halo <= y < rows + halo).
  Float* row(std::int64_t i, std::int64_t y) const {
    return sample(i) + (y + halo) * row_stride() + (halo == 0 ? 0 : halo * shape->front());
  }
  // All values; only where there is no halo between them.
  std::span<Float> values() const {
    assert(halo == 0);
    return {data, static_cast<std::size_t>(batch * sample_size())};
  }
};
using TensorView = BasicView<float>;
using ConstTensorView = BasicView<const float>;

inline ConstTensorView as_const(const TensorView& view) { return {view.batch, view.shape, view.data, view.halo}; }

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
