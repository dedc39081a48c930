// Proposals: rules that suggest new values for the selected weights, a catalog. A suggestion that changes nothing is a
// step, too.
//
// Random walks on ternary and quantized weights go as many levels as the step is long, rounded; a weight that would go
// beyond the last level stays. Both are symmetric.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/mcmc/priors.h"
#include "ops/core/op.h"
#include "ops/core/params.h"
#include "ops/core/rng.h"

namespace cleave {

struct ProposalArgs {
  const Params& params;
  const PriorLaw& prior;              // of the same weights; knows their grid
  std::span<const float> old_values;  // of the selected weights
  std::span<float> new_values;        // as many; the old values on entry
  // Where blocks of weights that are zero together end, ascending, the last one at the end; empty: each for itself.
  std::span<const std::size_t> block_ends = {};
};

struct ProposalDef {
  const char* name;
  const char* doc;  // one line
  std::span<const FieldDef> fields;
  bool on_reals = true;
  bool on_binary = false;  // of two values
  bool on_levels = false;  // ternary and quantized
  const char* shorthand = nullptr;

  // Writes new values and returns log q(old|new) - log q(new|old).
  double (*propose)(const ProposalArgs& args, Rng& rng) = nullptr;
  bool needs_prior_draws = false;  // cannot work with an improper prior
  // Real weights under a spike and slab: whether it takes weights to zero and back, and whether it is for them alone.
  bool on_spikes = false;
  bool spikes_only = false;
  const char* width = nullptr;  // the parameter that says how far a random walk goes

  bool runs() const { return propose != nullptr; }
};

std::span<const ProposalDef> proposal_catalog();
// The same rows for the model language.
std::vector<LawDef> proposal_laws();
// The random walk of per-filter scales, w' = w·exp(scale·z): positive scales stay positive. Not in the language.
const ProposalDef& scale_walk();

// Returns the number of blocks of the selection, and block `b` of its values.
std::size_t block_count(const ProposalArgs& args);
template <class Value>
std::span<Value> block_at(const ProposalArgs& args, std::span<Value> values, std::size_t b) {
  if (args.block_ends.empty()) return values.subspan(b, 1);
  const std::size_t begin = b == 0 ? 0 : args.block_ends[b - 1];
  return values.subspan(begin, args.block_ends[b] - begin);
}

}  // namespace cleave
