// LayerPlan: how each layer of a module is sampled, resolved from its LearningRule and the defaults.
//
// A layer's arrays form groups, each with its own prior, proposal and selector; a step picks one group of a layer.
//   real kernel     kernel, gains and biases together, under the stated laws or the defaults
//   binary kernel   the kernel alone, under the stated laws that suit two values: bernoulli p = 1/2, one flip
//   its biases      real numbers: the stated laws that suit reals, else the defaults; one weight at a time
//   scales          positive: the prior for reals, folded at zero; a random walk of the logarithm; one at a time
// A batch norm is its gains and biases; its statistics stay as they are.
// Kernel groups are picked with weight 1, the others with kRealPartShare. Where a binary layer has no scale, its
// outputs are larger by sqrt(fan in) and so are the steps of its biases.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/mcmc/priors.h"
#include "engine/mcmc/proposals.h"
#include "engine/mcmc/selectors.h"
#include "graphs/graph.h"

namespace cleave {

// Arrays of a layer that are proposed together.
struct WeightGroup {
  std::vector<std::int32_t> arrays;  // ascending
  WeightType::Grid grid = WeightType::Grid::real;
  double share = 1;
  bool positive = false;  // a weight that is not has prior density zero
  const PriorDef* prior = nullptr;
  Params prior_params;
  const ProposalDef* proposal = nullptr;
  Params proposal_params;
  const SelectorDef* selector = nullptr;
  Params selector_params;
};

struct LayerPlan {
  NodeId node = NodeId::none;
  Part part = Part::body;
  std::vector<WeightGroup> groups;
};

// Returns the plan of a node with weights. Throws UserError, naming the layer, when a law is unknown, cannot be run yet
// or does not suit the weights.
LayerPlan plan_layer(const Graph& graph, NodeId node);
// Returns the plans of all layers of a module, in graph order.
std::vector<LayerPlan> plan_module(const Graph& graph, ModuleId module);

// Returns `params` with the fallbacks of the fields that are absent.
Params with_fallbacks(Params params, std::span<const FieldDef> fields);
// Throws UserError, naming the layer, when weights lie where their prior has density zero: a chain cannot start there.
void check_start(const std::vector<LayerPlan>& plans, const Graph& graph, const Weights& weights);
// Returns the log prior of all weights of these layers, in nats.
double log_prior(const std::vector<LayerPlan>& plans, const Weights& weights);
// Returns log_shape under the group's prior; -inf when a weight is not finite or a scale not positive.
double group_log_shape(const WeightGroup& group, std::span<const float> weights);

}  // namespace cleave
