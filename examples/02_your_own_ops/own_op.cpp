// An op of your own, used by name in a model, run by the same engine. Everything cleave must know of an op is one
// OpDef; here a leaky ReLU: x where x > 0, slope·x elsewhere.
#include <cmath>
#include <cstdio>
#include <vector>

#include "engine/cli/command.h"
#include "engine/runtime/run_node.h"
#include "ops/core/rng.h"

using namespace cleave;

namespace {

constexpr FieldDef kFields[] = {{.name = "slope", .kind = Kind::real, .doc = "below zero", .fallback = "0.1"}};

TensorType infer(const Params&, std::span<const TensorType> inputs) { return {DType::f32, inputs[0].shape}; }

Cost cost(const Params&, std::span<const TensorType>, const TensorType& output, const WeightType&, std::int64_t batch) {
  return {.mult_adds = 0, .binary_ops = 0, .bytes = 8 * batch * element_count(output.shape)};
}

void forward(const ForwardArgs& args) {
  const auto slope = static_cast<float>(args.params.real("slope"));
  const std::span<const float> x = args.inputs[0].values();
  for (std::size_t i = 0; i < x.size(); ++i) args.output.data[i] = x[i] > 0 ? x[i] : slope * x[i];
}

const OpDef kLeakyRelu = {.name = "leaky_relu",
                          .doc = "x where positive, slope times x elsewhere",
                          .fields = kFields,
                          .infer = infer,
                          .weights = nullptr,
                          .cost = cost,
                          .pack = nullptr,
                          .forward = forward};

constexpr const char* kModel = R"(
version: 1
network:
  input: {vector: 3}
  layers: [{dense: {units: 4}}, {leaky_relu: {slope: 0.25}}]
)";

// The same in the obvious way.
double expected(const LayerWeights& dense, const std::vector<float>& x, std::size_t unit) {
  double sum = dense.arrays[1][unit];
  for (std::size_t i = 0; i < 3; ++i) sum += dense.arrays[0][3 * unit + i] * x[i];
  return sum > 0 ? sum : 0.25 * sum;
}

}  // namespace

int main() {
  std::vector<OpDef> ops(op_catalog().begin(), op_catalog().end());
  ops.push_back(kLeakyRelu);
  Language language = cleave_language();
  language.ops = ops;
  const Graph graph = load_model_text("own_op.yaml", kModel, language).graph;
  const Weights weights = initial_weights(graph, 1);
  const std::vector<PackedWeights> packed = pack_weights(graph, weights);

  Frame frame(graph, 1);
  frame.count = 1;
  const std::vector<float> x = {0.5F, -1.0F, 2.0F};
  std::copy(x.begin(), x.end(), frame.slot(NodeId{0}).data);
  run_graph(graph, packed, frame);
  const ConstTensorView y = frame.output(graph.output);
  double worst = 0;
  for (std::size_t unit = 0; unit < 4; ++unit)
    worst = std::fmax(worst, std::fabs(y.data[unit] - expected(weights[1], x, unit)));
  std::printf("leaky_relu: %s the reference\n", worst < 1e-6 ? "equals" : "differs from");
  return worst < 1e-6 ? 0 : 1;
}
