// The slopes of the losses that have them, see LikelihoodDef::gradient.
#pragma once

#include "engine/mcmc/likelihoods.h"

namespace cleave {

void cross_entropy_gradient(const LossArgs& args, float* to);  // softmax - 1 at the label
void hinge_gradient(const LossArgs& args, float* to);          // +1 at the best other class, -1 at the label, or 0
void squared_error_gradient(const LossArgs& args, float* to);  // 2·(output - unit vector)

}  // namespace cleave
