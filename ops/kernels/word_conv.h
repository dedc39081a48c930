// Convolutions of small integers, packed into 32-bit words along the channels: bits (binary_kernels.h), bytes or pairs
// (int8_kernels.h). One lane of a vector sums one filter as a 32-bit integer, so every sum is exact and the same
// whatever the instruction set, the tile and the thread. A dense layer is a convolution of a window of one cell over a
// row of samples. Included by the files that are compiled once per instruction set: nothing here may define an inline
// function.
#pragma once

#include <cstdint>

namespace cleave {

// Windows along one axis, see ops/defs/window.h.
struct WordAxis {
  std::int64_t in = 1, out = 1;
  std::int64_t size = 1, stride = 1;
  std::int64_t before = 0;
};

// One image. `lanes` are those of the kernels' table; what stands per filter is filled up to `vectors` vectors of them.
// A unit of the image is a word, or what else the form of the kernel takes for one.
struct WordConv {
  WordAxis y, x;
  std::int64_t groups = 1;
  std::int64_t words = 0;    // units of one group of one pixel
  std::int64_t filters = 0;  // of one group
  std::int64_t vectors = 0;  // of one group, a multiple of what the form takes at least
  std::int64_t steps = 0;    // units of one window of one group

  const void* image = nullptr;              // [before + rows + after][before + columns + after][groups][words]
  std::int64_t row_words = 0;               // units from one row of it to the next
  const std::int32_t* offsets = nullptr;    // [steps]: where a step's unit stands, from the window's first
  const std::uint32_t* weights = nullptr;   // [groups][vectors][vector_words]
  std::int64_t vector_words = 0;            // of weights, for one vector of filters
  const std::int32_t* base = nullptr;       // [groups][vectors][lanes], added to each sum
  const std::int32_t* halo_sums = nullptr;  // [groups][vectors][cells of the window][lanes], added per cell in the halo
  const float* scale = nullptr;             // [groups][vectors][lanes]
  const float* bias = nullptr;              // [groups][vectors][lanes]

  float* output = nullptr;      // the first real pixel
  std::int64_t output_row = 0;  // floats from one row of pixels to the next
  const float* add = nullptr;   // as the output; null: nothing
  std::int64_t add_row = 0;
  float low = 0, high = 0;  // the interval that results are brought into
};

// Computes the blocks [from, to). A block is kBlockVectors vectors of filters of one group (or what is left of them) in
// one row of the output; there are y.out · groups · ceil(vectors / kBlockVectors), rows outermost.
using WordConvRun = void (*)(const WordConv& conv, std::int64_t from, std::int64_t to);
inline constexpr std::int64_t kBlockVectors = 8;

}  // namespace cleave
