// What the ops share: checks of parameters and shapes, and the parts of a cost.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/core/op.h"

namespace cleave {

// Larger samples and kernels than this many elements are refused, so that no later product of sizes overflows.
inline constexpr std::int64_t kMaxSampleElements = std::int64_t{1} << 28;
inline constexpr std::int64_t kMaxKernelElements = std::int64_t{1} << 32;

// Throws OpError when a required parameter is missing or a number lies outside its field's range.
void check_params(const Params& params, std::span<const FieldDef> fields);
// Throws OpError unless there are `min` to `max` inputs (max -1: any number), each of rank 1 or 3 with positive sizes.
void check_inputs(std::span<const TensorType> inputs, int min, int max);
// Returns the only input after these checks; the second throws OpError unless it is an image.
const TensorType& only_input(std::span<const TensorType> inputs);
const TensorType& only_image(std::span<const TensorType> inputs);
// Returns the type; throws OpError when a sample is larger than kMaxSampleElements or not positive.
TensorType output_type(DType dtype, Shape shape);

// Returns a cost of bytes alone: inputs and output at their dtypes, `batch` times.
Cost traffic(std::span<const TensorType> inputs, const TensorType& output, std::int64_t batch);
// Returns the bytes of a layer's arrays: the kernel at the type's bits, the others as f32.
std::int64_t weight_bytes(const std::vector<WeightSlot>& slots, const WeightType& type);
// Returns the cost of a layer of `products` products per sample, its weights read once: binary operations where the
// weights are binary and the input is bits, real multiply-adds otherwise.
Cost layer_cost(std::int64_t products, const std::vector<WeightSlot>& slots, const WeightType& type,
                std::span<const TensorType> inputs, const TensorType& output, std::int64_t batch);

// Returns the slots of a dense or convolutional layer: "weight" of shape `kernel`, then "scale" if the type has one per
// filter, then "bias" if wanted. Throws OpError when the kernel is larger than kMaxKernelElements.
std::vector<WeightSlot> layer_slots(Shape kernel, const WeightType& type, bool bias);
// The arrays of a layer with those slots; null = the layer has none.
struct LayerArrays {
  const std::vector<float>* kernel = nullptr;
  const std::vector<float>* scale = nullptr;
  const std::vector<float>* bias = nullptr;
};
LayerArrays layer_arrays(const LayerWeights& weights, bool bias);

// `cost` of ops that are neither dense nor convolutional.
Cost traffic_cost(const Params& params, std::span<const TensorType> inputs, const TensorType& output,
                  const WeightType& type, std::int64_t batch);

// `part` of ops that compute every channel and row of the output from the same one of each input.
OpPart part_alike(const Params& params, std::span<const TensorType> inputs, PartAxis axis, Range wanted);
// Returns count / ways. Throws OpError "cannot divide WHAT: COUNT …" where that is not whole.
std::int64_t branch_share(const char* what, std::int64_t count, std::int64_t ways);

}  // namespace cleave
