// From which share of zeros on does a dense layer run faster block by block than whole, and by how much? The layer as
// it is packed today (rows that pay go block by block) against the same weights computed densely, over shares of zeros
// and over the blocks they come in; one thread, every case in turns, the
// least time of many short slices: what a kernel needs where nothing disturbs it.
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bench/bench.h"
#include "ops/core/catalog.h"
#include "ops/core/op.h"
#include "ops/core/rng.h"
#include "ops/defs/block_sparse.h"
#include "ops/kernels/sparse_kernels.h"

namespace cleave {
namespace {

constexpr std::uint32_t kBenchStream = 77;
const double kShares[] = {0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99};

struct Layer {
  Params params;
  std::vector<TensorType> types;
  LayerWeights weights;
  Tensor input, output;
};

// Weights that are zero in blocks of units x inputs, with probability `share`.
Layer layer_of(std::int64_t units, std::int64_t inputs, std::int64_t batch, std::int64_t rows, std::int64_t columns,
               double share) {
  Layer layer{{}, {{DType::f32, {inputs}}}, {}, Tensor(batch, {inputs}), Tensor(batch, {units})};
  layer.params.set("units", units);
  Rng rng(1, kBenchStream, 0);
  std::vector<float> kernel(static_cast<std::size_t>(units * inputs));
  for (float& w : kernel) w = static_cast<float>(rng.normal());
  for (std::int64_t row = 0; row < units; row += rows)
    for (std::int64_t column = 0; column < inputs; column += columns) {
      if (rng.uniform() >= share) continue;
      for (std::int64_t r = row; r < std::min(units, row + rows); ++r)
        for (std::int64_t c = column; c < std::min(inputs, column + columns); ++c)
          kernel[static_cast<std::size_t>(r * inputs + c)] = 0;
    }
  layer.weights.arrays = {kernel, std::vector<float>(static_cast<std::size_t>(units))};
  for (float& x : layer.input.data) x = static_cast<float>(rng.normal());
  return layer;
}

const OpDef& dense() { return *find(op_catalog(), "dense"); }

void compute(Layer& layer, const PackedWeights& packed) {
  const std::vector<ConstTensorView> views = {static_cast<const Tensor&>(layer.input).view()};
  dense().forward({layer.params, views, &packed, layer.output.view()});
}

// Packed as if no row paid: as it was before there were blocks.
PackedWeights packed_whole(const Layer& layer) { return {layer.weights.arrays, {}}; }

// All rows block by block, whatever they hold.
PackedWeights packed_in_blocks(const Layer& layer) {
  PackedWeights packed = packed_whole(layer);
  split_sparse_rows(packed, layer.input.shape.front(), 0);
  return packed;
}

struct Speed {
  double whole_s = 0, blocks_s = 0, shipped_s = 0;
};

Speed measure(Layer layer) {
  const PackedWeights whole = packed_whole(layer);
  const PackedWeights blocks = packed_in_blocks(layer);
  const PackedWeights shipped = dense().pack(layer.params, layer.types, layer.weights);
  std::vector<BenchCase> cases = {{"whole", [&] { compute(layer, whole); }},
                                  {"blocks", [&] { compute(layer, blocks); }},
                                  {"shipped", [&] { compute(layer, shipped); }}};
  run_interleaved(cases, 60, 0.0005);
  return {fastest(cases[0].seconds), fastest(cases[1].seconds), fastest(cases[2].seconds)};
}

void table(std::int64_t units, std::int64_t inputs, std::int64_t batch, std::int64_t rows, std::int64_t columns) {
  fmt::print("\ndense {} x {}, batch {}, zeros in blocks of {}x{}\n", units, inputs, batch, rows, columns);
  fmt::print("{:>8} {:>12} {:>14} {:>20} {:>16}\n", "zeros %", "whole µs", "block by block", "against no zeros",
             "as packed");
  double crossing = -1;
  double no_zeros_s = 0;
  for (const double share : kShares) {
    const Speed speed = measure(layer_of(units, inputs, batch, rows, columns, share));
    if (share == 0) no_zeros_s = speed.blocks_s;
    if (crossing < 0 && speed.blocks_s < speed.whole_s) crossing = share;
    fmt::print("{:>8.4g} {:>12.2f} {:>13.2f}x {:>19.2f}x {:>15.2f}x\n", 100 * share, 1e6 * speed.whole_s,
               speed.whole_s / speed.blocks_s, no_zeros_s / speed.blocks_s, speed.whole_s / speed.shipped_s);
  }
  if (crossing < 0) fmt::print("block by block never pays\n");
  else fmt::print("block by block is faster from {:.4g} % zeros on (of those above)\n", 100 * crossing);
}

void run() {
  fmt::print("kernels {}; rows go block by block from {:g} % zero blocks of 1x16 on\n", sparse_kernels().isa_name,
             100 * kSparseFrom);
  for (const std::int64_t batch : {1, 64}) {
    table(100, 784, batch, 1, 16);
    table(1024, 1024, batch, 1, 16);
    table(1024, 1024, batch, 8, 16);
    table(1024, 1024, batch, 1, 1);  // unstructured: hardly a block is zero
  }
}

}  // namespace
}  // namespace cleave

int main() { cleave::run(); }
