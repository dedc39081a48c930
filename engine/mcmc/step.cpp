#include "engine/mcmc/step.h"

#include <cassert>
#include <cmath>

#include "engine/mcmc/weight_blocks.h"

namespace cleave {

namespace {

// Returns a number with probability proportional to its weight.
template <class Weight>
std::size_t pick(std::size_t count, Rng& rng, Weight weight) {
  if (count == 1) return 0;
  double total = 0;
  for (std::size_t i = 0; i < count; ++i) total += weight(i);
  double left = rng.uniform() * total;
  for (std::size_t i = 0; i + 1 < count; ++i) {
    left -= weight(i);
    if (left < 0) return i;
  }
  return count - 1;
}

const LayerPlan& pick_layer(const std::vector<LayerPlan>& plans, const StepRule& rule, Rng& rng) {
  std::size_t in_body = 0;
  for (const LayerPlan& plan : plans) in_body += plan.part == Part::body ? 1 : 0;
  const std::size_t in_head = plans.size() - in_body;
  const double body = in_body == 0 ? 0.0 : rule.pick_body;
  const double head = in_head == 0 ? 0.0 : rule.pick_head;
  // A part picked with weight zero is left out only while the other one has layers.
  const bool pick_body = body + head > 0 ? rng.uniform() * (body + head) < body : in_body > 0;
  std::int64_t place = rng.below(static_cast<std::int64_t>(pick_body ? in_body : in_head));
  for (const LayerPlan& plan : plans)
    if ((plan.part == Part::body) == pick_body && place-- == 0) return plan;
  assert(false);
  return plans.front();
}

}  // namespace

double log_acceptance_ratio(double lambda, double loss_change, double log_prior_change, double log_q_ratio) {
  return -lambda * loss_change + log_prior_change + log_q_ratio;
}

Suggestion suggest(const std::vector<LayerPlan>& plans, const StepRule& rule, const Weights& weights,
                   const Graph& graph, Rng& rng) {
  Suggestion suggestion;
  const LayerPlan& plan = pick_layer(plans, rule, rng);
  suggestion.layer = &plan;
  suggestion.group = pick(plan.groups.size(), rng, [&](std::size_t g) { return plan.groups[g].share; });
  const WeightGroup& group = plan.groups[suggestion.group];
  const std::vector<WeightSlot>& slots = graph.node(plan.node).weights;
  const auto [refs, ends] = whole_blocks(group.selector->select({group.selector_params, slots, group.arrays}, rng),
                                         slots, block_of(group.prior));
  const LayerWeights& layer = weights[index_of(plan.node)];
  std::vector<float> old_values;
  old_values.reserve(refs.size());
  for (const WeightRef& ref : refs)
    old_values.push_back(layer.arrays[static_cast<std::size_t>(ref.array)][static_cast<std::size_t>(ref.index)]);
  std::vector<float> new_values = old_values;
  suggestion.log_q_ratio =
      group.proposal->propose({group.proposal_params, group.prior, old_values, new_values, ends}, rng);
  if (!ends.empty())  // the prior of a block is that of all its weights
    suggestion.log_prior_change = group_log_shape(group, new_values, ends) - group_log_shape(group, old_values, ends);
  std::size_t changed = 0;
  for (std::size_t i = 0; i < refs.size(); ++i) {
    if (new_values[i] == old_values[i]) continue;
    suggestion.moves.push_back({refs[i].array, refs[i].index, new_values[i]});
    const double change = static_cast<double>(new_values[i]) - static_cast<double>(old_values[i]);
    suggestion.squared_jump += change * change;
    old_values[changed] = old_values[i];
    new_values[changed++] = new_values[i];
  }
  if (ends.empty())
    suggestion.log_prior_change =
        group_log_shape(group, {new_values.data(), changed}) - group_log_shape(group, {old_values.data(), changed});
  return suggestion;
}

StepResult metropolis_step(ModuleState& state, const std::vector<LayerPlan>& plans, const StepRule& rule,
                           const Weights& weights, const Graph& graph, Rng& rng) {
  const double log_u = std::log(rng.uniform());
  const Suggestion suggestion = suggest(plans, rule, weights, graph, rng);
  StepResult result;
  result.layer = suggestion.layer->node;
  result.part = suggestion.layer->part;
  result.plan = static_cast<std::size_t>(suggestion.layer - plans.data());
  result.group = suggestion.group;
  const double proposed = state.propose(result.layer, suggestion.moves);
  result.log_ratio =
      log_acceptance_ratio(rule.lambda, proposed - state.loss(), suggestion.log_prior_change, suggestion.log_q_ratio);
  // A prior of density zero gives -inf: an ordinary rejection.
  result.finite = std::isfinite(proposed) && !std::isnan(result.log_ratio) && result.log_ratio < HUGE_VAL;
  result.accepted = result.finite && log_u < result.log_ratio;
  if (result.accepted) {
    state.accept();
    result.log_prior = suggestion.log_prior_change;
    result.jump = std::sqrt(suggestion.squared_jump);
  } else {
    state.reject();
  }
  return result;
}

}  // namespace cleave
