// The prior of a group of weights: of some, of all, and whether a chain can start at them.
#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "engine/mcmc/layer_plan.h"
#include "engine/mcmc/weight_blocks.h"

namespace cleave {

double group_log_shape(const WeightGroup& group, std::span<const float> weights,
                       std::span<const std::size_t> block_ends) {
  for (const float w : weights)
    if (!std::isfinite(w) || (group.positive && !(w > 0))) return -std::numeric_limits<double>::infinity();
  if (block_ends.empty()) return group.prior.def->log_shape(group.prior, weights);
  double sum = 0;
  std::size_t begin = 0;
  for (const std::size_t end : block_ends) {
    sum += group.prior.def->log_shape(group.prior, weights.subspan(begin, end - begin));
    begin = end;
  }
  return sum;
}

void check_start(const std::vector<LayerPlan>& plans, const Graph& graph, const Weights& weights) {
  for (const LayerPlan& plan : plans)
    for (const WeightGroup& group : plan.groups)
      for (const std::int32_t array : group.arrays) {
        const std::vector<float>& values = weights[index_of(plan.node)].arrays[static_cast<std::size_t>(array)];
        const Node& node = graph.node(plan.node);
        const std::string& name = node.weights[static_cast<std::size_t>(array)].name;
        const auto count = [&](auto is_wrong) { return std::count_if(values.begin(), values.end(), is_wrong); };
        const auto outside = count([&](const float& w) { return !std::isfinite(group_log_shape(group, {&w, 1})); });
        if (outside > 0)
          refuse_layer(node,
                       fmt::format("{} of {} values of '{}' start where the prior '{}' has density zero{}; state a "
                                   "wider prior or load other weights",
                                   outside, values.size(), name, group.prior.def->name,
                                   group.positive ? ", as scales that are not positive have" : ""));
        const WeightGrid& grid = group.prior.grid;
        const auto off = grid.is_real() ? 0 : count([&](float w) { return !grid.holds(w); });
        if (off > 0)
          refuse_layer(node, fmt::format("{} of {} values of '{}' are not {}; load other weights", off, values.size(),
                                         name, to_text(grid)));
      }
}

double log_prior(const std::vector<LayerPlan>& plans, const Graph& graph, const Weights& weights) {
  double sum = 0;
  for (const LayerPlan& plan : plans)
    for (const WeightGroup& group : plan.groups)
      for (const std::int32_t array : group.arrays) {
        const auto a = static_cast<std::size_t>(array);
        const std::vector<float>& values = weights[index_of(plan.node)].arrays[a];
        const std::int64_t block = block_of(group.prior);
        const std::vector<std::size_t> ends =
            block == 1 ? std::vector<std::size_t>() : block_ends_of(graph.node(plan.node).weights[a], block);
        const double folded = group.positive ? std::log(2.0) : 0.0;
        sum +=
            group_log_shape(group, values, ends) + static_cast<double>(values.size()) * (group.prior.log_norm + folded);
      }
  return sum;
}

}  // namespace cleave
