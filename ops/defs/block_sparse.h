// Dense layers with many zeros: rows whose blocks of 16 inputs are mostly zero are computed block by block.
//
// A row (unit) is taken so when at least kSparseFrom of its blocks are zero. As each row is judged by itself, and its
// sum does not depend on the other rows, a layer split over devices gives the bits that it gives whole. Inputs that are
// not finite do not reach units through weights that are zero there, as 0·∞ would in a dense row.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/core/op.h"

namespace cleave {

// Share of zero blocks from which on a row is computed block by block. Measured on 100 x 784 weights (AMD EPYC,
// Zen 4, bench/sparse_bench.cpp): one sample at a time it is as fast as a dense row at 20 % zero blocks with AVX2 and
// AVX-512 and at 40 % without; more samples at a time let it pay earlier.
inline constexpr double kSparseFrom = 0.5;

// Takes the rows of `kernel` [units, inputs] that pay out of it: behind arrays [0] and [1] of a dense layer's packed
// weights come [2] the blocks, [3] firsts, [4] ends, [5] bias and [6] places of BlockRows (whole numbers by their
// bits), and [7] the places of the rows that stay in [0] and [1]. Leaves `packed` with two arrays where no row pays.
// A row pays from the share `from` of zero blocks on.
void split_sparse_rows(PackedWeights& packed, std::int64_t inputs, double from = kSparseFrom);

inline bool has_sparse_rows(const PackedWeights& packed) { return packed.arrays.size() > 2; }
// Rows that stay in arrays [0] and [1].
std::int64_t dense_rows(const PackedWeights& packed);
// Computes the sparse rows of all samples.
void forward_sparse_rows(const PackedWeights& packed, const ConstTensorView& input, const TensorView& output);
// Puts the results of the dense rows of one sample to their places.
void scatter_dense_rows(const PackedWeights& packed, const float* results, float* sample);

}  // namespace cleave
