// Rows of weights of which only some blocks are not zero, times samples. One table per instruction set, see
// train_kernels.h; nothing here may define an inline function.
#pragma once

#include <cstdint>

namespace cleave {

// Inputs that are skipped together.
inline constexpr std::int64_t kSparseBlock = 16;

// Rows of weights: the blocks of 16 inputs that are not zero, row after row.
struct BlockRows {
  std::int64_t rows = 0;
  const float* values = nullptr;         // [blocks][16]
  const std::int32_t* firsts = nullptr;  // [blocks]: first input of each; a whole block lies within the inputs
  const std::int32_t* ends = nullptr;    // [rows]: blocks up to the end of the row
  const float* bias = nullptr;           // [rows]
  const std::int32_t* places = nullptr;  // [rows]: where the row's result stands in a sample of the output
};

struct SparseKernels {
  const char* isa_name;
  // output[s][places[r]] = bias[r] + Σ_b values[b]·input[s][firsts[b] …]. Each of the 16 lanes sums its products from
  // the first block on, unfused; the lanes are then added in halves (i with i + 8, + 4, + 2, + 1), and the bias last:
  // the same bits for every instruction set, whatever the number of samples and whichever rows there are.
  void (*block_rows)(const BlockRows& rows, const float* input, std::int64_t inputs, std::int64_t samples,
                     float* output, std::int64_t units);
};

// The table of chosen_isa() (ops/kernels/isa.h).
const SparseKernels& sparse_kernels();
// The table of one instruction set, null when this processor or build lacks it.
const SparseKernels* sparse_kernels_for(const char* isa_name);

}  // namespace cleave
