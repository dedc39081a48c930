// Dense and convolutional layers of weights -1, 0 and 1 on inputs of dtype bit, which are ±1: `sign` alone makes them
// (max_pool, flatten, concat, reshape and slice hand them on; pad, whose zeros are none, gives f32), so inputs of {0,
// 1} do not arise. The floats are packed into bits, along the channels, as a part of `forward`. A result is the integer
// sum, times the filter's scale, plus the bias, each rounded once: the same bits on every machine.
#pragma once

#include <cstdint>

#include "ops/defs/word_layer.h"
#include "ops/kernels/binary_kernels.h"

namespace cleave {

// Whether a layer of such weights computes in bits: not where a filter sees too few channels to fill words.
bool is_bit_layer(const Convolution& conv, const WeightType& type, std::span<const TensorType> inputs);
// The same once the weights are known: whether all are numbers of their grid, which means of several draws are not.
bool is_bit_layer(const Convolution& conv, const LayerWeights& weights, std::span<const TensorType> inputs);

struct BinaryPlan {
  const BinaryKernels* kernels;
  BinaryForm form;
  BinaryWeights weights;
};
// Returns the forms that the kernels have for such weights.
std::vector<BinaryForm> forms_of(const BinaryKernels& kernels, BinaryWeights weights);
// Returns what is fastest for the layer among what `kernels` has, see bench/binary_bench.cpp.
BinaryPlan plan_binary(const BinaryKernels& kernels, const Convolution& conv, const WeightType& type);

// Returns the weights for forward_binary: a panel.
LineBytes pack_binary(const Convolution& conv, const BinaryPlan& plan, const LayerArrays& layer);
// Floats of scratch for one image.
std::int64_t binary_scratch(const Convolution& conv);
// Computes one image of `conv`, which may have other sizes along x than the one that was packed, but for the halo.
void forward_binary(const Convolution& conv, const LineBytes& panel, const WordJob& job, std::span<float> scratch);

}  // namespace cleave
