// The contract of `reach` and `update`: after a proposal, the changed channels equal what `forward` gives.
#pragma once

#include <cstdint>
#include <string>

#include "tests/ops/defs/op_samples.h"

namespace cleave {

// What a proposal changes: some channels of the first input, all of every input, some weights.
struct Change {
  std::int64_t channels = 0;  // of the first input, drawn at random
  bool all_inputs = false;
  std::int64_t moves = 0;  // weights of the layer, drawn at random
};

// Changes inputs and weights of a sample, calls `reach` and `update` on one block and compares the block, channels
// that were not reached included, with `forward`. Returns the first difference, empty when there is none.
std::string update_fault(const OpDef& op, const OpSample& sample, const Change& change, std::uint64_t seed);

}  // namespace cleave
