#include "engine/mcmc/layer_plan.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include <fmt/format.h>

#include "engine/mcmc/defaults.h"
#include "ops/core/catalog.h"

namespace cleave {

namespace {

ParamValue value_of(const FieldDef& field) {
  const std::string_view text = field.fallback;
  if (field.kind == Kind::boolean) return text == "true";
  if (field.kind == Kind::integer) {
    std::int64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }
  if (field.kind == Kind::real) {
    double number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }
  return std::string(text);
}

[[noreturn]] void refuse(const Node& node, const std::string& what) {
  throw UserError(fmt::format(
      "{}layer '{}': {}",
      node.pos.line > 0 ? fmt::format("{}:{}:{}: ", node.pos.file, node.pos.line, node.pos.col) : std::string(),
      node.name, what));
}

// Returns the row that `law` names; null when no law is stated.
template <class Def>
const Def* stated(const Node& node, std::span<const Def> rows, const Law& law, const char* kind) {
  if (law.name.empty()) return nullptr;
  const Def* def = find(rows, law.name);
  if (def == nullptr) {
    const std::string near = closest_name(law.name, names_of(rows));
    refuse(node, fmt::format("there is no {} '{}'{}", kind, law.name,
                             near.empty() ? std::string() : fmt::format("; did you mean '{}'?", near)));
  }
  if (!def->runs()) refuse(node, fmt::format("the {} '{}' cannot be trained with yet", kind, law.name));
  if (law.params.has("adapt") || law.params.has("adapt.target"))
    refuse(node, fmt::format("the {} '{}': 'adapt' cannot be trained with yet; state the scale", kind, law.name));
  return def;
}

Law law_of(const char* name) { return {name, {}}; }

Law select_uniform(std::int64_t count) {
  Law law{"uniform", {}};
  law.params.set("count", count);
  return law;
}

void set_prior(const Node& node, WeightGroup& group, const Law& law) {
  group.prior = stated(node, prior_catalog(), law, "prior");
  group.prior_params = with_fallbacks(law.params, group.prior->fields);
  const std::string wrong = group.prior->check == nullptr ? "" : group.prior->check(group.prior_params);
  if (!wrong.empty()) refuse(node, fmt::format("prior '{}': {}", law.name, wrong));
}

void set_proposal(const Node& node, WeightGroup& group, const Law& law) {
  group.proposal = stated(node, proposal_catalog(), law, "proposal");
  group.proposal_params = with_fallbacks(law.params, group.proposal->fields);
  if (group.proposal->needs_prior_draws && group.prior->draw == nullptr)
    refuse(node, fmt::format("proposal '{}' draws from the prior, and '{}' is improper", law.name, group.prior->name));
}

void set_selector(const Node& node, WeightGroup& group, const Law& law) {
  group.selector = stated(node, selector_catalog(), law, "selector");
  group.selector_params = with_fallbacks(law.params, group.selector->fields);
}

// The stated laws, or the defaults where they are silent or, in a binary layer, speak of the other kind of weights.
void set_laws(const Node& node, WeightGroup& group) {
  const bool binary_layer = node.weight_type.is_binary();
  const bool grid = group.grid != WeightType::Grid::real;
  const PriorDef* prior = stated(node, prior_catalog(), node.rule.prior, "prior");
  const ProposalDef* proposal = stated(node, proposal_catalog(), node.rule.proposal, "proposal");
  const auto suits = [&](const auto* def) { return def != nullptr && (grid ? def->on_grids : def->on_reals); };
  if (!binary_layer && prior != nullptr && !suits(prior))
    refuse(node, fmt::format("the prior '{}' is for weights of two values, these are real", prior->name));
  if (!binary_layer && proposal != nullptr && !suits(proposal))
    refuse(node, fmt::format("the proposal '{}' is for weights of two values, these are real", proposal->name));
  set_prior(node, group, suits(prior) ? node.rule.prior : law_of(grid ? "bernoulli" : "normal"));
  set_proposal(node, group, suits(proposal) ? node.rule.proposal : law_of(grid ? "flip" : "normal"));
}

WeightGroup kernel_group(const Node& node, std::vector<std::int32_t> arrays) {
  WeightGroup group;
  group.arrays = std::move(arrays);
  group.grid = node.weight_type.grid;
  set_laws(node, group);
  set_selector(node, group, node.rule.select.name.empty() ? select_uniform(kSelectedWeights) : node.rule.select);
  return group;
}

WeightGroup bias_group(const Node& node, std::int32_t array) {
  WeightGroup group;
  group.arrays = {array};
  group.share = kRealPartShare;
  set_laws(node, group);
  set_selector(node, group, select_uniform(1));
  const Shape& kernel = node.weights.front().shape;
  const std::int64_t inputs = element_count(kernel) / kernel.front();
  const char* width = group.proposal_params.has("scale") ? "scale" : "half_width";
  if (!node.weight_type.scale_per_filter && group.proposal_params.has(width))
    group.proposal_params.set(width, group.proposal_params.real(width) * std::sqrt(static_cast<double>(inputs)));
  return group;
}

WeightGroup scale_group(const Node& node, std::int32_t array) {
  WeightGroup group;
  group.arrays = {array};
  group.share = kRealPartShare;
  group.positive = true;
  set_laws(node, group);
  group.proposal = &scale_walk();
  group.proposal_params = {};
  group.proposal_params.set("scale", kScaleWalk);
  set_selector(node, group, select_uniform(1));
  return group;
}

}  // namespace

Params with_fallbacks(Params params, std::span<const FieldDef> fields) {
  for (const FieldDef& field : fields)
    if (field.fallback != nullptr && !params.has(field.name)) params.set(field.name, value_of(field));
  return params;
}

LayerPlan plan_layer(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const WeightType& type = node.weight_type;
  if (type.grid != WeightType::Grid::real && !type.is_binary())
    refuse(node, fmt::format("weights '{}' cannot be trained yet; real and binary ones can", to_text(type)));
  LayerPlan plan{id, node.part, {}};
  std::vector<std::int32_t> kernel;
  std::vector<WeightGroup> others;
  for (std::size_t a = 0; a < node.weights.size(); ++a) {
    const auto array = static_cast<std::int32_t>(a);
    const Role role = node.weights[a].role;
    const bool real = role == Role::bias || role == Role::gain;
    if (role == Role::kernel || (real && !type.is_binary())) kernel.push_back(array);
    else if (real) others.push_back(bias_group(node, array));
    else if (role == Role::scale) others.push_back(scale_group(node, array));
  }
  if (!kernel.empty()) plan.groups.push_back(kernel_group(node, kernel));
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

double group_log_shape(const WeightGroup& group, std::span<const float> weights) {
  for (const float w : weights)
    if (!std::isfinite(w) || (group.positive && !(w > 0))) return -std::numeric_limits<double>::infinity();
  return group.prior->log_shape(group.prior_params, weights);
}

void check_start(const std::vector<LayerPlan>& plans, const Graph& graph, const Weights& weights) {
  for (const LayerPlan& plan : plans)
    for (const WeightGroup& group : plan.groups)
      for (const std::int32_t array : group.arrays) {
        const std::vector<float>& values = weights[index_of(plan.node)].arrays[static_cast<std::size_t>(array)];
        const auto outside = std::count_if(values.begin(), values.end(), [&](const float& w) {
          return !std::isfinite(group_log_shape(group, {&w, 1}));
        });
        const Node& node = graph.node(plan.node);
        if (outside > 0)
          refuse(node, fmt::format("{} of {} values of '{}' start where the prior '{}' has density zero{}; state a "
                                   "wider prior or load other weights",
                                   outside, values.size(), node.weights[static_cast<std::size_t>(array)].name,
                                   group.prior->name, group.positive ? ", as scales that are not positive have" : ""));
      }
}

double log_prior(const std::vector<LayerPlan>& plans, const Weights& weights) {
  double sum = 0;
  for (const LayerPlan& plan : plans)
    for (const WeightGroup& group : plan.groups)
      for (const std::int32_t array : group.arrays) {
        const std::vector<float>& values = weights[index_of(plan.node)].arrays[static_cast<std::size_t>(array)];
        const double folded = group.positive && group.prior->on_reals ? std::log(2.0) : 0.0;
        sum += group_log_shape(group, values) +
               static_cast<double>(values.size()) * (group.prior->log_constant(group.prior_params) + folded);
      }
  return sum;
}

}  // namespace cleave
