// The contract of `backward`: its gradients are the slopes of the op's slow twin (tests/reference), measured by central
// differences in double.
#pragma once

#include <cstdint>
#include <string>

#include "tests/ops/defs/op_samples.h"

namespace cleave {

// Compares gradients of a random weighted sum of the output, by a few values of each input and array drawn at random.
// Returns the first difference, empty when there is none.
std::string backward_fault(const OpDef& op, const OpSample& sample, const WeightType& type, std::uint64_t seed);

}  // namespace cleave
