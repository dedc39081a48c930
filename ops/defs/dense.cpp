#include <utility>
#include <vector>

#include <fmt/format.h>
#include <Eigen/Core>

#include "ops/defs/backward.h"
#include "ops/defs/binary_layer.h"
#include "ops/defs/block_sparse.h"
#include "ops/defs/common.h"
#include "ops/defs/defs.h"
#include "ops/defs/int8_layer.h"
#include "ops/defs/update.h"

namespace cleave {

namespace {

constexpr FieldDef kFields[] = {
    {.name = "units", .kind = Kind::integer, .doc = "outputs", .required = true, .min = 1, .max = 1e6},
    {.name = "bias", .kind = Kind::boolean, .doc = "add one number per unit", .fallback = "true"},
    kInputScaleField,
};

std::int64_t input_size(std::span<const TensorType> inputs) {
  const TensorType& input = only_input(inputs);
  if (is_image(input.shape))
    throw OpError(fmt::format("needs a vector, got {}: put a flatten before it", to_text(input.shape)));
  return input.shape.front();
}

Convolution geometry(const Params& params, std::span<const TensorType> inputs) {
  return dense_convolution(inputs.front().shape.front(), params.integer("units"), kDenseSamples);
}
Convolution geometry(const ForwardArgs& args, std::int64_t samples = kDenseSamples) {
  return dense_convolution(args.inputs.front().sample_size(), args.params.integer("units"), samples);
}

bool has_bias(const Params& params) { return params.boolean("bias", true); }

std::vector<WeightSlot> weights(const Params& params, std::span<const TensorType> inputs, const WeightType& type) {
  check_params(params, kFields);
  return layer_slots({params.integer("units"), input_size(inputs)}, type, has_bias(params));
}

TensorType infer(const Params& params, std::span<const TensorType> inputs) {
  weights(params, inputs, {});  // throws where they do not fit
  check_int8(params, geometry(params, inputs));
  return output_type(DType::f32, {params.integer("units")});
}

Cost cost(const Params& params, std::span<const TensorType> inputs, const TensorType& output, const WeightType& type,
          std::int64_t batch) {
  const std::int64_t products = element_count(inputs.front().shape) * element_count(output.shape);
  return layer_cost(products, weights(params, inputs, type), stored_type(params, type), inputs, output, batch);
}

// Packed: a panel alone where the layer computes in bits, see binary_layer.h. Else [0] the kernel [units, in] with the
// scale multiplied in, [1] the bias [units], zeros when there is none; rows with many zeros stand apart, see
// block_sparse.h. A single unit has a second one of zeros beside it: Eigen sums the product of one row in another
// order.
PackedWeights pack(const Params& params, std::span<const TensorType> inputs_of, LayerWeights weights) {
  const LayerArrays layer = layer_arrays(weights, has_bias(params));
  const Convolution conv = geometry(params, inputs_of);
  if (is_int8_layer(params)) return {{}, pack_int8(conv, int8_kernels(), layer, int8_input_scale(params))};
  if (is_bit_layer(conv, weights, inputs_of))
    return {{}, pack_binary(conv, plan_binary(binary_kernels(), conv, weights.type), layer)};
  const auto units = static_cast<std::size_t>(params.integer("units"));
  std::vector<float> kernel = std::move(weights.arrays.front());
  const std::size_t inputs = kernel.size() / units;
  if (layer.scale != nullptr)
    for (std::size_t i = 0; i < kernel.size(); ++i) kernel[i] *= (*layer.scale)[i / inputs];
  PackedWeights packed;
  packed.arrays.push_back(std::move(kernel));
  packed.arrays.push_back(layer.bias == nullptr ? std::vector<float>(units) : *layer.bias);
  split_sparse_rows(packed, static_cast<std::int64_t>(inputs));
  if (dense_rows(packed) == 1)
    for (std::size_t a = 0; a < 2; ++a) packed.arrays[a].resize(2 * packed.arrays[a].size());
  return packed;
}

void forward_words(const ForwardArgs& args) {
  const bool int8 = is_int8_layer(args.params);
  const Convolution whole = geometry(args);
  std::vector<float> own;
  const std::span<float> scratch =
      scratch_of(args, int8 ? int8_scratch(whole, int8_kernels()) : binary_scratch(whole), own);
  for_samples(args, [&](const WordJob& job, std::int64_t samples) {
    (int8 ? forward_int8 : forward_binary)(geometry(args, samples), args.weights->panel, job, scratch);
  });
}

std::int64_t scratch(const Params& params, std::span<const TensorType> inputs, const WeightType& type, std::int64_t) {
  const Convolution conv = geometry(params, inputs);
  if (is_int8_layer(params)) return int8_scratch(conv, int8_kernels());
  return is_bit_layer(conv, type, inputs) ? binary_scratch(conv) : 0;
}

// One matrix-vector product a sample, not one matrix product a batch: each sum then runs in the same order whatever the
// batch and whichever of the units are asked for, so a split layer gives the same bits.
void forward(const ForwardArgs& args) {
  if (!args.weights->panel.empty()) return forward_words(args);
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const std::int64_t inputs = args.inputs.front().sample_size();
  const bool sparse = has_sparse_rows(*args.weights);
  const auto rows = static_cast<std::int64_t>(args.weights->arrays[1].size());
  const bool in_place = !sparse && rows == args.output.sample_size();
  std::vector<float> results(static_cast<std::size_t>(in_place ? 0 : rows));
  const Eigen::Map<const Matrix> kernel(args.weights->arrays[0].data(), rows, inputs);
  const Eigen::Map<const Eigen::VectorXf> bias(args.weights->arrays[1].data(), rows);
  for (std::int64_t i = 0; i < args.output.batch && rows > 0; ++i) {
    const Eigen::Map<const Eigen::VectorXf> x(args.inputs.front().sample(i), inputs);
    Eigen::Map<Eigen::VectorXf> y(in_place ? args.output.sample(i) : results.data(), rows);
    y = bias;
#ifndef __clang_analyzer__  // it takes Eigen's packets for uninitialised
    y.noalias() += kernel * x;
#endif
    if (sparse) scatter_dense_rows(*args.weights, results.data(), args.output.sample(i));
    else if (!in_place) *args.output.sample(i) = results[0];
  }
  if (sparse) forward_sparse_rows(*args.weights, args.inputs.front(), args.output);
}

OpPart part(const Params& params, std::span<const TensorType> inputs, PartAxis, Range wanted) {
  OpPart part{params, wanted, {{0, channels_of(inputs.front().shape)}}};
  part.params.set("units", wanted.size());
  return part;
}

Params branch(const Params& params, std::int64_t ways, bool) {
  Params narrow = params;
  narrow.set("units", branch_share("units", params.integer("units"), ways));
  return narrow;
}

}  // namespace

// - dense: {units: 10}
constinit const OpDef kDense = {.name = "dense",
                                .doc = "every output is a weighted sum of all inputs",
                                .fields = kFields,
                                .infer = infer,
                                .weights = weights,
                                .cost = cost,
                                .pack = pack,
                                .forward = forward,
                                .reach = reach_dense,
                                .update = update_dense,
                                .backward = backward_dense,
                                .part = part,
                                .branch = branch,
                                .scratch = scratch};

}  // namespace cleave
