// LayerPlan: how each layer of a module is sampled, resolved from its LearningRule and the defaults.
//
// A layer's arrays form groups, each with its own prior, proposal and selector; a step picks one group of a layer.
//   real kernel     kernel, gains and biases together, under the stated laws or the defaults
//   kernel on grid  the kernel alone, under the stated laws that suit its grid
//   its biases      real numbers: the stated laws that suit reals, else the defaults; one weight at a time
//   scales          positive: the prior for reals, folded at zero; a random walk of the logarithm; one at a time
// Defaults: real weights normal and a normal walk; two values bernoulli p = 1/2 and one flip; ternary flat and
// resample; quantized flat and a normal walk of a tenth of the grid's half; under a spike and slab birth_death.
// A batch norm is its gains and biases; its statistics stay as they are.
// Kernel groups are picked with weight 1, the others with kRealPartShare. Where a kernel of two or three values has no
// scale, its outputs are larger by sqrt(fan in) and so are the steps of its biases.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/mcmc/adapt.h"
#include "engine/mcmc/priors.h"
#include "engine/mcmc/proposals.h"
#include "engine/mcmc/selectors.h"
#include "graphs/graph.h"

namespace cleave {

// Arrays of a layer that are proposed together.
struct WeightGroup {
  std::vector<std::int32_t> arrays;  // ascending
  double share = 1;
  bool positive = false;  // a weight that is not has prior density zero
  PriorLaw prior;
  const ProposalDef* proposal = nullptr;
  Params proposal_params;
  const SelectorDef* selector = nullptr;
  Params selector_params;
  AdaptState adapt;
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

// Throws UserError, naming the layer, when weights lie where their prior has density zero: a chain cannot start there.
void check_start(const std::vector<LayerPlan>& plans, const Graph& graph, const Weights& weights);
// Returns the log prior of all weights of these layers, in nats.
double log_prior(const std::vector<LayerPlan>& plans, const Graph& graph, const Weights& weights);
// Returns log_shape of weights under the group's prior; -inf when a weight is not finite or a scale not positive.
// `block_ends` as in ProposalArgs.
double group_log_shape(const WeightGroup& group, std::span<const float> weights,
                       std::span<const std::size_t> block_ends = {});
// The least width of a walk that takes weights on a grid off their level often enough; 0 for real ones.
double least_width(const WeightGroup& group);
// Throws UserError that begins with the layer's place and name.
[[noreturn]] void refuse_layer(const Node& node, const std::string& what);

}  // namespace cleave
