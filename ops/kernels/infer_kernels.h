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

// The most vectors of filters to a block.
inline constexpr int kMostVectors = 4;

struct InferKernels {
  const char* isa_name;
  int lanes;               // floats of a vector
  const int* most_pixels;  // [kMostVectors + 1]: of a tile with that many vectors of filters; 0: no such tile
  // Computes the units [from, to), one row of one block of one group each, in the order group, block, row.
  void (*convolve)(const DirectConv& conv, std::int64_t from, std::int64_t to);
};

// The table of chosen_isa() (ops/kernels/isa.h).
const InferKernels& infer_kernels();
// The table of one instruction set, null when this processor or build lacks it.
const InferKernels* infer_kernels_for(const char* isa_name);

}  // namespace cleave
