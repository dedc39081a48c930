// Convolutions whose filters see one channel each, compiled once per instruction set: channels are the lanes, a tile is
// a few neighbouring pixels of one vector of channels. The last vector of a pixel reaches back where the channels are
// no multiple of its width.
#include <cstdint>

#include "ops/kernels/infer_kernels.h"
#include "ops/kernels/isa_tile.h"

namespace cleave::CLEAVE_ISA {

void convolve_depthwise(const DepthwiseConv& conv, std::int64_t from, std::int64_t to);

namespace {

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kTile = 14;
#else
constexpr int kTile = 7;
#endif

// A tile at channel `c`; pointers are at its first pixel and channel 0.
template <int kPixels>
CLEAVE_INLINE void tile(const DepthwiseConv& conv, const float* input, float* output, const float* add,
                        std::int64_t c) {
  V sums[kPixels];
  CLEAVE_UNROLL
  for (int p = 0; p < kPixels; ++p) sums[p] = CLEAVE_LOAD(conv.bias + c);
  const float* weights = conv.weights + c;
  const float* row = input + c;
  for (std::int64_t y = 0; y < conv.kernel; ++y, row += conv.in_row) {
    const float* from = row;
    for (std::int64_t x = 0; x < conv.kernel; ++x, from += conv.channels, weights += conv.channels) {
      const V factors = CLEAVE_LOAD(weights);
      CLEAVE_UNROLL
      for (int p = 0; p < kPixels; ++p) sums[p] += factors * CLEAVE_LOAD(from + p * conv.in_step);
    }
  }
  CLEAVE_UNROLL
  for (int p = 0; p < kPixels; ++p)
    store_whole(output + p * conv.out.pixel + c, add == nullptr ? add : add + p * conv.out.add_pixel + c, sums[p],
                conv.out);
}

// Rounded as the vectors' are; of a plain sum the compiler may make products of several cells first.
CLEAVE_INLINE float multiply_add(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

// One pixel of fewer channels than a vector has lanes.
CLEAVE_INLINE void few_channels(const DepthwiseConv& conv, const float* input, float* output, const float* add) {
  for (std::int64_t c = 0; c < conv.channels; ++c) {
    float sum = conv.bias[c];
    const float* weights = conv.weights + c;
    for (std::int64_t y = 0; y < conv.kernel; ++y)
      for (std::int64_t x = 0; x < conv.kernel; ++x, weights += conv.channels)
        sum = multiply_add(*weights, input[y * conv.in_row + x * conv.channels + c], sum);
    store_some(output + c, add == nullptr ? add : add + c, &sum, conv.out, 1);
  }
}

template <int kPixels>
void tile_of_all(const DepthwiseConv& conv, const float* input, float* output, const float* add) {
  if (conv.channels < kLanes) {
    for (int p = 0; p < kPixels; ++p)
      few_channels(conv, input + p * conv.in_step, output + p * conv.out.pixel,
                   add == nullptr ? add : add + p * conv.out.add_pixel);
    return;
  }
  for (std::int64_t c = 0; c + kLanes <= conv.channels; c += kLanes) tile<kPixels>(conv, input, output, add, c);
  if (conv.channels % kLanes != 0) tile<kPixels>(conv, input, output, add, conv.channels - kLanes);
}

}  // namespace

void convolve_depthwise(const DepthwiseConv& conv, std::int64_t from, std::int64_t to) {
  for (std::int64_t y = from; y < to; ++y) {
    const float* input = conv.input + y * conv.in_down;
    float* output = conv.out.data + y * conv.out.row;
    const float* add = conv.out.add == nullptr ? nullptr : conv.out.add + y * conv.out.add_row;
    std::int64_t x = 0;
    for (; x + kTile <= conv.columns; x += kTile)
      tile_of_all<kTile>(conv, input + x * conv.in_step, output + x * conv.out.pixel,
                         add == nullptr ? add : add + x * conv.out.add_pixel);
    for (; x + 4 <= conv.columns; x += 4)
      tile_of_all<4>(conv, input + x * conv.in_step, output + x * conv.out.pixel,
                     add == nullptr ? add : add + x * conv.out.add_pixel);
    for (; x < conv.columns; ++x)
      tile_of_all<1>(conv, input + x * conv.in_step, output + x * conv.out.pixel,
                     add == nullptr ? add : add + x * conv.out.add_pixel);
  }
}

}  // namespace cleave::CLEAVE_ISA
