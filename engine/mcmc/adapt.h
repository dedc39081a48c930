// Adaptation of a proposal's width to an acceptance rate, in warm-up only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "graphs/graph.h"

namespace cleave {

struct LayerPlan;
struct WeightGroup;

// Of one group of weights.
struct AdaptState {
  double target = 0;       // acceptance rate to reach; 0: the width stays as stated
  double stated = 0;       // the width to start from
  std::int64_t tuned = 0;  // how often so far
};

// Moves the group's width by a step that was accepted with this probability. Does nothing where the width stays.
void adapt_width(WeightGroup& group, double acceptance);
// Returns two numbers for each group that adapts, in order: its width and how often it was tuned.
std::vector<double> scales_of(const std::vector<LayerPlan>& plans);
// Puts back what scales_of returned; false when it is of other plans.
bool set_scales(std::vector<LayerPlan>& plans, std::span<const double> scales);
// Throws UserError, naming the layer, when a proposal adapts and there is no warm-up to do it in.
void check_warm_up(const std::vector<LayerPlan>& plans, const Graph& graph, std::int64_t warm_up);

}  // namespace cleave
