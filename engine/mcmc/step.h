// One Metropolis-Hastings step of a module, and the rules it is made of.
//
// The target is ρ(w) ∝ exp(-λ·loss(w))·π(w) (François et al. 2023, eq. 4). A step picks body or head, a layer of it, a
// group of its weights and by the selector some weights of the group; the proposal suggests values; they are kept with
// probability min(1, exp(-λ·Δloss + Δlog π + log q(w|w̃) - log q(w̃|w))). The paper prints the q terms swapped; this is
// the right way round (Hastings 1970).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/mcmc/layer_plan.h"
#include "engine/mcmc/module_state.h"
#include "ops/core/rng.h"

namespace cleave {

struct StepRule {
  double lambda = 1;  // per summed loss: already divided by the batch size where the loss is a mean
  double pick_body = 0.5;
  double pick_head = 0.5;
};

// What one step did.
struct StepResult {
  NodeId layer = NodeId::none;
  std::size_t plan = 0, group = 0;  // which of the plans, and of its groups
  Part part = Part::body;
  bool accepted = false;
  bool finite = true;    // false: the ratio or the loss was not a number, hence rejected
  double log_ratio = 0;  // of acceptance
  double log_prior = 0;  // what the step added to the log prior; 0 when rejected
  double jump = 0;       // Euclidean norm of the change; 0 when rejected
};

// A suggestion, before it is evaluated.
struct Suggestion {
  const LayerPlan* layer = nullptr;
  std::size_t group = 0;    // of the layer's
  std::vector<Move> moves;  // weights that really change, ascending
  double log_prior_change = 0;
  double log_q_ratio = 0;  // log q(old|new) - log q(new|old)
  double squared_jump = 0;
};

// Returns the logarithm of the acceptance ratio. `loss_change` is the new loss minus the old one.
double log_acceptance_ratio(double lambda, double loss_change, double log_prior_change, double log_q_ratio);

// Picks weights of the module and suggests values; changes nothing.
Suggestion suggest(const std::vector<LayerPlan>& plans, const StepRule& rule, const Weights& weights,
                   const Graph& graph, Rng& rng);
// Does one step with the numbers of `rng`.
StepResult metropolis_step(ModuleState& state, const std::vector<LayerPlan>& plans, const StepRule& rule,
                           const Weights& weights, const Graph& graph, Rng& rng);

}  // namespace cleave
