// Robbins and Monro (1951) on the logarithm of the width: after the n-th step of a group,
//
//   log width += n^-0.6 · (acceptance probability - target).
//
// The gains shrink slowly enough to come from anywhere and fast enough to settle; each group has its own, because
// layers differ. A group whose weights hardly matter accepts whatever is proposed (a dead unit's, those of a pixel that
// is always black) and its width would grow for ever: so it stays within kAdaptRange times the stated one, either way.
// A width that depends on the chain's past breaks detailed balance; therefore it is frozen after the warm-up, and what
// was sampled before is not to be counted.
#include "engine/mcmc/adapt.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/mcmc/layer_plan.h"

namespace cleave {

namespace {

constexpr double kAdaptRange = 100;
constexpr double kGainPower = -0.6;

template <class Plans, class Visit>
void for_each_adapting(Plans& plans, Visit visit) {
  for (auto& plan : plans)
    for (auto& group : plan.groups)
      if (group.adapt.target > 0) visit(plan, group);
}

}  // namespace

void adapt_width(WeightGroup& group, double acceptance) {
  AdaptState& adapt = group.adapt;
  if (adapt.target == 0) return;
  const double gain = std::pow(static_cast<double>(++adapt.tuned), kGainPower);
  const double width = group.proposal_params.real(group.proposal->width) * std::exp(gain * (acceptance - adapt.target));
  const double least = std::max(adapt.stated / kAdaptRange, least_width(group));
  group.proposal_params.set(group.proposal->width, std::clamp(width, least, adapt.stated * kAdaptRange));
}

std::vector<double> scales_of(const std::vector<LayerPlan>& plans) {
  std::vector<double> scales;
  for_each_adapting(plans, [&](const LayerPlan&, const WeightGroup& group) {
    scales.push_back(group.proposal_params.real(group.proposal->width));
    scales.push_back(static_cast<double>(group.adapt.tuned));
  });
  return scales;
}

bool set_scales(std::vector<LayerPlan>& plans, std::span<const double> scales) {
  if (scales.size() != scales_of(plans).size()) return false;
  std::size_t next = 0;
  for_each_adapting(plans, [&](const LayerPlan&, WeightGroup& group) {
    group.proposal_params.set(group.proposal->width, scales[next]);
    group.adapt.tuned = static_cast<std::int64_t>(scales[next + 1]);
    next += 2;
  });
  return true;
}

void check_warm_up(const std::vector<LayerPlan>& plans, const Graph& graph, std::int64_t warm_up) {
  if (warm_up > 0) return;
  for_each_adapting(plans, [&](const LayerPlan& plan, const WeightGroup& group) {
    refuse_layer(graph.node(plan.node),
                 fmt::format("the proposal '{}' adapts its {} in warm-up only, and there is none; state "
                             "training.warm_up, in steps, or remove 'adapt'",
                             group.proposal->name, group.proposal->width));
  });
}

}  // namespace cleave
