#include "ops/defs/block_sparse.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <utility>

#include "ops/kernels/sparse_kernels.h"

namespace cleave {

namespace {

enum Part : std::uint8_t { kKernel, kBias, kValues, kFirsts, kEnds, kSparseBias, kPlaces, kDensePlaces, kParts };

float bits_of(std::int64_t number) { return std::bit_cast<float>(static_cast<std::int32_t>(number)); }

using Number = std::int32_t __attribute__((may_alias));

const Number* numbers(const std::vector<float>& array) { return reinterpret_cast<const Number*>(array.data()); }

// The first input of a block: the last block reaches back where the inputs are no multiple of 16.
std::int64_t first_of(std::int64_t block, std::int64_t inputs) {
  return std::min(block * kSparseBlock, inputs - kSparseBlock);
}

bool is_zero(const float* row, std::int64_t block, std::int64_t inputs) {
  const float* end = row + std::min(inputs, (block + 1) * kSparseBlock);
  return std::all_of(row + block * kSparseBlock, end, [](float w) { return w == 0; });
}

bool pays(const float* row, std::int64_t inputs, double from) {
  if (inputs < kSparseBlock) return false;
  const std::int64_t blocks = (inputs + kSparseBlock - 1) / kSparseBlock;
  std::int64_t zero = 0;
  for (std::int64_t b = 0; b < blocks; ++b) zero += is_zero(row, b, inputs) ? 1 : 0;
  return static_cast<double>(zero) >= from * static_cast<double>(blocks);
}

void add_blocks(PackedWeights& packed, const float* row, std::int64_t inputs) {
  for (std::int64_t b = 0; b * kSparseBlock < inputs; ++b) {
    if (is_zero(row, b, inputs)) continue;
    const std::int64_t first = first_of(b, inputs);
    packed.arrays[kFirsts].push_back(bits_of(first));
    for (std::int64_t i = first; i < first + kSparseBlock; ++i)
      packed.arrays[kValues].push_back(i < b * kSparseBlock ? 0.0F : row[i]);  // what the block before has
  }
}

}  // namespace

void split_sparse_rows(PackedWeights& packed, std::int64_t inputs, double from) {
  const auto units = static_cast<std::int64_t>(packed.arrays[kBias].size());
  std::vector<char> sparse;
  for (std::int64_t r = 0; r < units; ++r)
    sparse.push_back(pays(packed.arrays[kKernel].data() + r * inputs, inputs, from) ? 1 : 0);
  if (std::find(sparse.begin(), sparse.end(), 1) == sparse.end()) return;
  const std::vector<float> kernel = std::move(packed.arrays[kKernel]);
  const std::vector<float> bias = std::move(packed.arrays[kBias]);
  packed.arrays.assign(kParts, {});
  for (std::int64_t r = 0; r < units; ++r) {
    const float* row = kernel.data() + r * inputs;
    const bool blocks = sparse[static_cast<std::size_t>(r)] != 0;
    if (blocks) add_blocks(packed, row, inputs);
    else packed.arrays[kKernel].insert(packed.arrays[kKernel].end(), row, row + inputs);
    packed.arrays[blocks ? kSparseBias : kBias].push_back(bias[static_cast<std::size_t>(r)]);
    packed.arrays[blocks ? kPlaces : kDensePlaces].push_back(bits_of(r));
    if (blocks) packed.arrays[kEnds].push_back(bits_of(static_cast<std::int64_t>(packed.arrays[kFirsts].size())));
  }
}

std::int64_t dense_rows(const PackedWeights& packed) {
  return static_cast<std::int64_t>(packed.arrays[has_sparse_rows(packed) ? kDensePlaces : kBias].size());
}

void forward_sparse_rows(const PackedWeights& packed, const ConstTensorView& input, const TensorView& output) {
  const BlockRows rows{.rows = static_cast<std::int64_t>(packed.arrays[kPlaces].size()),
                       .values = packed.arrays[kValues].data(),
                       .firsts = numbers(packed.arrays[kFirsts]),
                       .ends = numbers(packed.arrays[kEnds]),
                       .bias = packed.arrays[kSparseBias].data(),
                       .places = numbers(packed.arrays[kPlaces])};
  sparse_kernels().block_rows(rows, input.data, input.sample_size(), input.batch, output.data, output.sample_size());
}

void scatter_dense_rows(const PackedWeights& packed, const float* results, float* sample) {
  const Number* places = numbers(packed.arrays[kDensePlaces]);
  for (std::size_t r = 0; r < packed.arrays[kDensePlaces].size(); ++r) sample[places[r]] = results[r];
}

}  // namespace cleave
