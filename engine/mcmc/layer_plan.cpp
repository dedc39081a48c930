#include "engine/mcmc/layer_plan.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/mcmc/defaults.h"
#include "engine/mcmc/law_rows.h"
#include "ops/core/catalog.h"

namespace cleave {

namespace {

// Returns the row that `law` names; null when no law is stated.
template <class Def>
const Def* stated(const Node& node, std::span<const Def> rows, const Law& law, const char* kind) {
  if (law.name.empty()) return nullptr;
  const Def* def = find(rows, law.name);
  if (def == nullptr) {
    const std::string near = closest_name(law.name, names_of(rows));
    refuse_layer(node, fmt::format("there is no {} '{}'{}", kind, law.name,
                                   near.empty() ? std::string() : fmt::format("; did you mean '{}'?", near)));
  }
  if (!def->runs()) refuse_layer(node, fmt::format("the {} '{}' cannot be trained with yet", kind, law.name));
  return def;
}

template <class Def>
bool suits(const Def* def, const WeightGrid& grid) {
  if (def == nullptr) return false;
  if (grid.is_real()) return def->on_reals;
  return grid.levels == 2 ? def->on_binary : def->on_levels;
}

// Refuses a law stated for weights it is not for. On a grid, one for real numbers is about the layer's biases.
template <class Def>
void check_suits(const Node& node, const Def* def, const WeightGrid& grid, const char* kind) {
  if (def == nullptr || suits(def, grid) || (!grid.is_real() && def->on_reals)) return;
  refuse_layer(node, fmt::format("the {} '{}' is for {} weights, these are {}", kind, def->name,
                                 weights_text(def->on_reals, def->on_binary, def->on_levels),
                                 grid.is_real() ? "real" : to_text(node.weight_type)));
}

Law select_uniform(std::int64_t count) {
  Law law{"uniform", {}};
  law.params.set("count", count);
  return law;
}

Law default_prior(const WeightGrid& grid) {
  if (grid.is_real()) return {"normal", {}};
  return {grid.levels == 2 ? "bernoulli" : "flat", {}};
}

Law default_proposal(const PriorLaw& prior) {
  const WeightGrid& grid = prior.grid;
  if (grid.is_real()) return {prior.has_spike() ? "birth_death" : "normal", {}};
  if (grid.levels <= 3) return {grid.levels == 2 ? "flip" : "resample", {}};
  Law walk{"normal", {}};
  const double last = static_cast<double>(grid.value(grid.levels - 1));
  walk.params.set("scale", std::max(kQuantizedWalk * last, grid.spacing));
  return walk;
}

void set_prior(const Node& node, WeightGroup& group, const Law& law, const WeightGrid& grid) {
  const PriorDef* def = stated(node, prior_catalog(), law, "prior");
  try {
    group.prior = make_prior(*def, with_fallbacks(law.params, def->fields), grid);
  } catch (const UserError& error) {
    refuse_layer(node, fmt::format("prior '{}': {}", law.name, error.what()));
  }
}

// What hinders a proposal that suits the grid from working with the prior; "" if nothing.
std::string misfit(const ProposalDef& def, const PriorLaw& prior) {
  if (def.needs_prior_draws && !is_proper(prior))
    return fmt::format("draws from the prior, and '{}' is improper", prior.def->name);
  if (def.spikes_only && !prior.has_spike())
    return fmt::format("is for priors with a spike at zero; '{}' has none", prior.def->name);
  if (prior.has_spike() && !def.on_spikes)
    return fmt::format(
        "never takes a weight to zero or back, and the prior '{}' wants that; birth_death and "
        "independent do",
        prior.def->name);
  return "";
}

void check_width(const Node& node, const WeightGroup& group) {
  const char* width = group.proposal->width;
  const double stated = width == nullptr ? 0 : group.proposal_params.real(width);
  if (width != nullptr && stated < least_width(group))
    refuse_layer(node, fmt::format("proposal '{}': with a {} of {} weights that are {} would hardly ever move; at "
                                   "least {:.2g}",
                                   group.proposal->name, width, stated, to_text(group.prior.grid), least_width(group)));
}

// Sets it and where its adaptation starts; `stretch` multiplies the width.
void set_proposal(WeightGroup& group, const Law& law, double stretch = 1) {
  group.proposal = find(proposal_catalog(), law.name);
  group.proposal_params = with_fallbacks(law.params, group.proposal->fields);
  const char* width = group.proposal->width;
  if (width == nullptr) return;
  group.proposal_params.set(width, stretch * group.proposal_params.real(width));
  group.adapt = {group.proposal_params.real("adapt.target"), group.proposal_params.real(width), 0};
}

void set_selector(const Node& node, WeightGroup& group, const Law& law) {
  group.selector = stated(node, selector_catalog(), law, "selector");
  group.selector_params = with_fallbacks(law.params, group.selector->fields);
}

WeightGroup kernel_group(const Node& node, std::vector<std::int32_t> arrays, const WeightGrid& grid) {
  WeightGroup group;
  group.arrays = std::move(arrays);
  const PriorDef* prior = stated(node, prior_catalog(), node.rule.prior, "prior");
  const ProposalDef* proposal = stated(node, proposal_catalog(), node.rule.proposal, "proposal");
  check_suits(node, prior, grid, "prior");
  check_suits(node, proposal, grid, "proposal");
  set_prior(node, group, suits(prior, grid) ? node.rule.prior : default_prior(grid), grid);
  if (suits(proposal, grid))
    if (const std::string wrong = misfit(*proposal, group.prior); !wrong.empty())
      refuse_layer(node, fmt::format("proposal '{}' {}", proposal->name, wrong));
  set_proposal(group, suits(proposal, grid) ? node.rule.proposal : default_proposal(group.prior));
  check_width(node, group);
  set_selector(node, group, node.rule.select.name.empty() ? select_uniform(kSelectedWeights) : node.rule.select);
  return group;
}

// The real numbers beside a kernel on a grid: the stated laws where they can be, else the defaults.
WeightGroup side_group(const Node& node, std::int32_t array) {
  WeightGroup group;
  group.arrays = {array};
  group.share = kRealPartShare;
  const PriorDef* prior = stated(node, prior_catalog(), node.rule.prior, "prior");
  set_prior(node, group, suits(prior, {}) ? node.rule.prior : default_prior({}), {});
  set_selector(node, group, select_uniform(1));
  return group;
}

WeightGroup bias_group(const Node& node, std::int32_t array) {
  WeightGroup group = side_group(node, array);
  const ProposalDef* proposal = stated(node, proposal_catalog(), node.rule.proposal, "proposal");
  const Shape& kernel = node.weights.front().shape;
  const bool unscaled = !node.weight_type.scale_per_filter && node.weight_type.grid != WeightType::Grid::quantized;
  const double inputs = unscaled ? static_cast<double>(element_count(kernel) / kernel.front()) : 1;
  const bool usable = suits(proposal, {}) && misfit(*proposal, group.prior).empty();
  set_proposal(group, usable ? node.rule.proposal : default_proposal(group.prior), std::sqrt(inputs));
  return group;
}

WeightGroup scale_group(const Node& node, std::int32_t array) {
  WeightGroup group = side_group(node, array);
  if (group.prior.has_spike()) set_prior(node, group, default_prior({}), {});  // a scale is never zero
  group.positive = true;
  group.proposal = &scale_walk();
  group.proposal_params.set("scale", kScaleWalk);
  return group;
}

}  // namespace

void refuse_layer(const Node& node, const std::string& what) {
  throw UserError(fmt::format(
      "{}layer '{}': {}",
      node.pos.line > 0 ? fmt::format("{}:{}:{}: ", node.pos.file, node.pos.line, node.pos.col) : std::string(),
      node.name, what));
}

double least_width(const WeightGroup& group) { return 0.6 * group.prior.grid.spacing; }

LayerPlan plan_layer(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const WeightType& type = node.weight_type;
  const bool on_grid = type.grid != WeightType::Grid::real;
  LayerPlan plan{id, node.part, {}};
  std::vector<std::int32_t> kernel;
  std::vector<WeightGroup> others;
  for (std::size_t a = 0; a < node.weights.size(); ++a) {
    const auto array = static_cast<std::int32_t>(a);
    const Role role = node.weights[a].role;
    const bool real = role == Role::bias || role == Role::gain;
    if (role == Role::kernel || (real && !on_grid)) kernel.push_back(array);
    else if (real) others.push_back(bias_group(node, array));
    else if (role == Role::scale) others.push_back(scale_group(node, array));
  }
  if (!kernel.empty()) plan.groups.push_back(kernel_group(node, kernel, kernel_grid(type, node.weights.front().shape)));
  for (WeightGroup& group : others) plan.groups.push_back(std::move(group));
  return plan;
}

std::vector<LayerPlan> plan_module(const Graph& graph, ModuleId module) {
  std::vector<LayerPlan> plans;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (graph.nodes[i].module == module && !graph.nodes[i].weights.empty())
      plans.push_back(plan_layer(graph, static_cast<NodeId>(i)));
  return plans;
}

}  // namespace cleave
