#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <Eigen/Core>

#include "ops/defs/common.h"
#include "ops/defs/defs.h"
#include "ops/defs/update.h"

namespace cleave {

namespace {

constexpr FieldDef kFields[] = {
    {.name = "units", .kind = Kind::integer, .doc = "outputs", .required = true, .min = 1, .max = 1e6},
    {.name = "bias", .kind = Kind::boolean, .doc = "add one number per unit", .fallback = "true"},
};

std::int64_t input_size(std::span<const TensorType> inputs) {
  const TensorType& input = only_input(inputs);
  if (is_image(input.shape))
    throw OpError(fmt::format("needs a vector, got {}: put a flatten before it", to_text(input.shape)));
  return input.shape.front();
}

bool has_bias(const Params& params) { return params.boolean("bias", true); }

std::vector<WeightSlot> weights(const Params& params, std::span<const TensorType> inputs, const WeightType& type) {
  check_params(params, kFields);
  return layer_slots({params.integer("units"), input_size(inputs)}, type, has_bias(params));
}

TensorType infer(const Params& params, std::span<const TensorType> inputs) {
  weights(params, inputs, {});  // throws where they do not fit
  return output_type(DType::f32, {params.integer("units")});
}

Cost cost(const Params& params, std::span<const TensorType> inputs, const TensorType& output, const WeightType& type,
          std::int64_t batch) {
  const std::int64_t products = element_count(inputs.front().shape) * element_count(output.shape);
  return layer_cost(products, weights(params, inputs, type), type, inputs, output, batch);
}

// Packed: [0] the kernel [units, in] with the scale multiplied in, [1] the bias [units], zeros when there is none. A
// single unit has a second one of zeros beside it: Eigen sums the product of one row in another order.
PackedWeights pack(const Params& params, std::span<const TensorType>, LayerWeights weights) {
  const LayerArrays layer = layer_arrays(weights, has_bias(params));
  const auto units = static_cast<std::size_t>(params.integer("units"));
  std::vector<float> kernel = std::move(weights.arrays.front());
  const std::size_t inputs = kernel.size() / units;
  if (layer.scale != nullptr)
    for (std::size_t i = 0; i < kernel.size(); ++i) kernel[i] *= (*layer.scale)[i / inputs];
  PackedWeights packed;
  packed.arrays.push_back(std::move(kernel));
  packed.arrays.push_back(layer.bias == nullptr ? std::vector<float>(units) : *layer.bias);
  if (units > 1) return packed;
  for (std::vector<float>& array : packed.arrays) array.resize(2 * array.size());
  return packed;
}

// One matrix-vector product a sample, not one matrix product a batch: each sum then runs in the same order whatever the
// batch and whichever of the units are asked for, so a split layer gives the same bits.
void forward(const ForwardArgs& args) {
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const std::int64_t inputs = args.inputs.front().sample_size();
  const std::int64_t units = args.output.sample_size();
  const std::int64_t rows = std::max<std::int64_t>(units, 2);
  std::array<float, 2> pair{};
  const Eigen::Map<const Matrix> kernel(args.weights->arrays[0].data(), rows, inputs);
  const Eigen::Map<const Eigen::VectorXf> bias(args.weights->arrays[1].data(), rows);
  for (std::int64_t i = 0; i < args.output.batch; ++i) {
    const Eigen::Map<const Eigen::VectorXf> x(args.inputs.front().sample(i), inputs);
    Eigen::Map<Eigen::VectorXf> y(units == 1 ? pair.data() : args.output.sample(i), rows);
    y = bias;
#ifndef __clang_analyzer__  // it takes Eigen's packets for uninitialised
    y.noalias() += kernel * x;
#endif
    if (units == 1) *args.output.sample(i) = pair[0];
  }
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
                                .part = part,
                                .branch = branch};

}  // namespace cleave
