// Sparsity: which weights are on and which off, and what the regret bound charges for them (paper 001).
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graphs/graph.h"

namespace cleave {

struct SparsityOptions {
  std::optional<double> threshold;  // of |w|, in place of spike_of
  std::optional<double> tau;        // in place of scale_of
};

// One learnt array of a layer.
struct ArraySparsity {
  NodeId node = NodeId::none;
  std::size_t array = 0;
  std::string prior;                // as it governs the array: "laplace"
  double threshold = 0;             // a weight with |w| ≤ threshold is off
  std::optional<double> tau;        // in units of the weight
  std::int64_t count = 0;           // weights
  std::int64_t zeros = 0, off = 0;  // exactly zero; off: these and those within the threshold
  double sum_abs = 0;               // ‖w‖₁ of all weights
  double sum_abs_on = 0;            // of those that are on

  std::int64_t on() const { return count - off; }  // ‖w‖₀
};

// Whether a weight is off; compared as floats, so that a weight as large as the threshold is.
inline bool is_off(float weight, double threshold) { return std::abs(weight) <= static_cast<float>(threshold); }

// The half width of the spike that a weight of this array counts as off in: the scale of a laplace or student_t prior,
// whose densities peak at zero; 0 (only exact zeros are off) for every other law, and for weights on a grid.
double spike_of(const Node& node, const WeightSlot& slot);
// The scale of the prior (of its slab, where it has one); nothing where the law has none or the weights lie on a grid.
std::optional<double> scale_of(const Node& node, const WeightSlot& slot);

// Returns the learnt arrays of all layers, in order; statistics are left out.
std::vector<ArraySparsity> measure_sparsity(const Graph& graph, const Weights& weights,
                                            const SparsityOptions& options = {});

// Returns 4·n·log(1 + l1/(tau·n)) in nats, n = ‖w‖₀ and l1 = ‖w‖₁ of the n weights that are on; 0 where n is 0.
double penalty_term(std::int64_t on, double sum_abs_on, double tau);

// Returns the penalty of the sparsity regret bound (paper 001, theorem of Loustau, Chee and Gay 2021):
//   pen(g_w) = 4 Σ_{w ∈ {w_real, w_scale}} ‖w‖₀ log(1 + ‖w‖₁ / (τ‖w‖₀)) + p_bin log 2.
// The real weights of all `arrays` are one vector and the scales another, as the theorem has it; where arrays differ in
// τ, each τ has vectors of its own. Weights on a grid of k values are charged log k each. Nothing where a τ is not
// known. By concavity this is at least the sum of the penalties of the parts.
std::optional<double> penalty_of(const Graph& graph, std::span<const ArraySparsity> arrays);

}  // namespace cleave
