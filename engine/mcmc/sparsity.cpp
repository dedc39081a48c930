// What is on and what is off.
//
// A law with an atom at zero (spike and slab) puts weights exactly to zero: they are counted. A law without one never
// does; but where its density peaks at zero (laplace, student_t) it holds the weights that data do not speak for within
// about its scale, and these count as off. A normal law has no such peak: its weights are all on, however small.
#include "engine/mcmc/sparsity.h"

#include <map>
#include <utility>

#include "engine/mcmc/layer_plan.h"
#include "engine/mcmc/priors.h"
#include "ops/core/catalog.h"

namespace cleave {

namespace {

using Grid = WeightType::Grid;

Grid grid_of(const Node& node, const WeightSlot& slot) {
  return slot.role == Role::kernel ? node.weight_type.grid : Grid::real;
}

// The name of the prior of weights on a grid: the stated one where it suits them, else the default.
std::string grid_prior_of(const Node& node) {
  const bool binary = node.weight_type.is_binary();
  const PriorDef* stated = find(prior_catalog(), node.rule.prior.name);
  if (stated != nullptr && (binary ? stated->on_binary : stated->on_levels)) return stated->name;
  return binary ? "bernoulli" : "flat";
}

// The stated prior where it suits real weights, else the default, as plan_layer has it.
Law real_prior_of(const Node& node) {
  const PriorDef* stated = find(prior_catalog(), node.rule.prior.name);
  Law law = stated != nullptr && stated->on_reals ? node.rule.prior : Law{"normal", {}};
  law.params = with_fallbacks(law.params, find(prior_catalog(), law.name)->fields);
  return law;
}

std::optional<double> scale_in(const Params& params) {
  for (const auto& [name, value] : params.all())
    if (name == "scale" || name.ends_with(".scale")) return params.real(name);
  return std::nullopt;
}

// Values a weight of a grid may have.
double levels_of(const WeightType& type) {
  if (type.grid == Grid::ternary) return 3;
  return type.grid == Grid::quantized ? std::exp2(type.bits) : 2;
}

ArraySparsity measure(const Node& node, const WeightSlot& slot, const std::vector<float>& values,
                      const SparsityOptions& options) {
  ArraySparsity found;
  const bool real = grid_of(node, slot) == Grid::real;
  found.prior = real ? real_prior_of(node).name : grid_prior_of(node);
  found.threshold = real && options.threshold ? *options.threshold : spike_of(node, slot);
  if (real) found.tau = options.tau ? options.tau : scale_of(node, slot);
  found.count = static_cast<std::int64_t>(values.size());
  for (const float w : values) {
    const double size = std::abs(static_cast<double>(w));
    const bool off = is_off(w, found.threshold);
    found.zeros += size == 0 ? 1 : 0;
    found.off += off ? 1 : 0;
    found.sum_abs += size;
    found.sum_abs_on += off ? 0 : size;
  }
  return found;
}

}  // namespace

double spike_of(const Node& node, const WeightSlot& slot) {
  if (grid_of(node, slot) != Grid::real) return 0;
  const Law law = real_prior_of(node);
  return law.name == "laplace" || law.name == "student_t" ? law.params.real("scale") : 0.0;
}

std::optional<double> scale_of(const Node& node, const WeightSlot& slot) {
  if (grid_of(node, slot) != Grid::real) return std::nullopt;
  return scale_in(real_prior_of(node).params);
}

std::vector<ArraySparsity> measure_sparsity(const Graph& graph, const Weights& weights,
                                            const SparsityOptions& options) {
  std::vector<ArraySparsity> arrays;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n)
    for (std::size_t a = 0; a < graph.nodes[n].weights.size(); ++a) {
      if (graph.nodes[n].weights[a].role == Role::statistic) continue;
      arrays.push_back(measure(graph.nodes[n], graph.nodes[n].weights[a], weights[n].arrays[a], options));
      arrays.back().node = static_cast<NodeId>(n);
      arrays.back().array = a;
    }
  return arrays;
}

double penalty_term(std::int64_t on, double sum_abs_on, double tau) {
  if (on == 0) return 0;
  const auto n = static_cast<double>(on);
  return 4 * n * std::log1p(sum_abs_on / (tau * n));
}

std::optional<double> penalty_of(const Graph& graph, std::span<const ArraySparsity> arrays) {
  std::map<std::pair<bool, double>, std::pair<std::int64_t, double>> vectors;  // (is scale, τ) -> ‖w‖₀, ‖w‖₁
  double nats = 0;
  for (const ArraySparsity& array : arrays) {
    const Node& node = graph.node(array.node);
    const WeightSlot& slot = node.weights[array.array];
    if (grid_of(node, slot) != Grid::real) {
      nats += static_cast<double>(array.count) * std::log(levels_of(node.weight_type));
      continue;
    }
    if (!array.tau) return std::nullopt;
    auto& [on, sum_abs] = vectors[{slot.role == Role::scale, *array.tau}];
    on += array.on();
    sum_abs += array.sum_abs_on;
  }
  for (const auto& [kind, vector] : vectors) nats += penalty_term(vector.first, vector.second, kind.second);
  return nats;
}

}  // namespace cleave
