// The hot loops of inference, over one image [rows][columns][channels], which may have a halo: places in it are given
// by the floats from one row or pixel to the next. One table per instruction set. Included by the files that are
// compiled once per instruction set, so nothing here may define an inline function.
#pragma once

#include <cstdint>

namespace cleave {

// An image to be written, and what is done to each result: another image added, then the clamp of ForwardArgs.
struct ImageOut {
  float* data;  // at the first output pixel
  std::int64_t row, pixel;
  const float* add;  // null: nothing
  std::int64_t add_row, add_pixel;
  float low, high;
};

// A convolution. The filters of a group, filled up with zeros to whole vectors, go by in blocks of `vectors` vectors,
// the last with what is left; a block's weights are packed [ky][kx][input][filter]. A window's row is `runs` pieces of
// `run` floats that lie side by side: one piece where a filter sees all channels. Each output is bias + Σ over ky, kx
// and inputs in this order, each product added by one fused multiply-add where the instruction set has it: the same
// bits whatever else is computed with it.
struct DirectConv {
  const float* input;  // at the first window's first cell and channel; every window lies within the image and its halo
  std::int64_t in_row, in_run, in_step;  // floats from a row, a run, an output column's window to the next
  std::int64_t in_down;                  // floats from an output row's windows to the next
  std::int64_t kernel_rows, runs, run;
  const float* weights;
  const float* bias;
  std::int64_t groups, inputs, filters;  // of one group
  std::int64_t rows, columns;            // of the output
  std::int64_t last_columns;             // of its last row
  int vectors;                           // of filters to a block
  ImageOut out;
};

// A 3x3 convolution of stride 1 that computes two neighbouring outputs of a row with four multiplications instead of
// six for each input and row of the window, F(2, 3) of Winograd 1980 as in Lavin and Gray 2016, equations 5 to 7:
//   cells     c0 = d0 - d2, c1 = d1 + d2, c2 = d2 - d1, c3 = d1 - d3   of the inputs d under a pair's windows
//   sums      m_j = Σ over ky and inputs of cells c_j · weights u_j, by fused multiply-adds, from 0 on
//   outputs   ((bias + m0) + m1) + m2 and ((bias + m1) - m2) - m3
// Pairs begin at a row's first output, so bits do not depend on which rows or filters are computed. A band of rows goes
// by at a time: its cells are [4][rows + 2][pairs][channels].
struct PairConv {
  const float* input;  // at the image's first pixel
  std::int64_t in_row, in_rows, in_columns;
  std::int64_t top, left;  // image row and column of the band's first window, negative in the padding
  std::int64_t channels;   // of the whole image
  float* cells;
  std::int64_t rows, pairs, columns;  // of the band's output
  const float* weights;               // in blocks of filters, as a DirectConv's: [j][ky][input][filter]
  const float* bias;
  std::int64_t groups, inputs, filters;  // of one group
  int vectors;
  std::int64_t chunks;  // parts into which the band's pairs are cut, of at most most_pixels[vectors]
  ImageOut out;         // of the band
};

// A convolution with one filter a channel: output[c] = bias[c] + Σ over ky and kx of weights[ky][kx][c]·input[c], in
// this order, as a DirectConv's.
struct DepthwiseConv {
  const float* input;                     // at the first window's first cell
  std::int64_t in_row, in_step, in_down;  // as a DirectConv's
  std::int64_t channels, kernel;
  const float* weights;  // [ky][kx][channel]
  const float* bias;
  std::int64_t columns;  // of the output
  ImageOut out;
};

// Windows over an image of which the real cells count.
struct Pooling {
  const float* input;  // at the image's first pixel
  std::int64_t in_row, in_rows, in_columns, channels;
  std::int64_t size_y, size_x, stride_y, stride_x, above, left;
  float* output;  // at the first pixel
  std::int64_t out_row, columns;
};

// The most vectors of filters to a block.
inline constexpr int kMostVectors = 4;

struct InferKernels {
  const char* isa_name;
  int lanes;               // floats of a vector
  const int* most_pixels;  // [kMostVectors + 1]: of a tile with that many vectors of filters; 0: no such tile
  // Computes the units [from, to), one row of one block of one group each, in the order group, block, row.
  void (*convolve)(const DirectConv& conv, std::int64_t from, std::int64_t to);
  // Computes the rows [from, to) of rows + 2 of a band's cells.
  void (*transform_rows)(const PairConv& conv, std::int64_t from, std::int64_t to);
  // Computes from a band's cells the units [from, to), one chunk of one block of one group each, in the order group,
  // block, chunk.
  void (*convolve_pairs)(const PairConv& conv, std::int64_t from, std::int64_t to);
  // These compute the rows [from, to) of the output. The largest: a NaN is passed over. The mean: the sum in the order
  // of rows and columns, divided.
  void (*convolve_depthwise)(const DepthwiseConv& conv, std::int64_t from, std::int64_t to);
  void (*pool_largest)(const Pooling& pool, std::int64_t from, std::int64_t to);
  void (*pool_mean)(const Pooling& pool, std::int64_t from, std::int64_t to);
};

// The table of chosen_isa() (ops/kernels/isa.h).
const InferKernels& infer_kernels();
// The table of one instruction set, null when this processor or build lacks it.
const InferKernels* infer_kernels_for(const char* isa_name);

}  // namespace cleave
