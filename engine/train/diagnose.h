// How far a run's chains can be trusted: per module the effective draws and R-hat of its scalars, per layer acceptance
// and jumps, and what is wrong with advice.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/train/trace_reader.h"

namespace cleave {

// Of one scalar over all chains, behind warm-up. NaN where it cannot be said, see diagnostics.h.
struct ScalarDiagnosis {
  const char* name = "";  // loss | log_prior | energy
  double mean = 0;
  double bulk_ess = 0, tail_ess = 0;
  double rhat = 0, rank_rhat = 0;  // of split chains
  double drift = 0;                // standard errors between its beginning and its end
};

// The moves of a layer, or of body or head ("" = all layers of the part), behind warm-up.
struct BlockDiagnosis {
  std::string layer;
  Part part = Part::body;
  std::int64_t steps = 0, accepted = 0;  // recorded ones
  double mean_jump = 0;                  // Euclidean, of accepted steps; NaN when none was
  std::int64_t not_finite = 0;           // recorded steps whose ratio was no number

  double acceptance() const { return steps == 0 ? 0 : static_cast<double>(accepted) / static_cast<double>(steps); }
};

struct Finding {
  bool is_fault = false;  // else a hint
  std::string block;      // a layer, body, head; "" = the whole module
  std::string what, advice;
};

struct ModuleDiagnosis {
  std::string name;
  std::int64_t chains = 0;
  std::int64_t steps = 0;    // of the shortest chain, recorded or not
  std::int64_t warm_up = 0;  // steps left out of each chain
  std::int64_t draws = 0;    // rows used of each chain
  std::vector<ScalarDiagnosis> scalars;
  std::vector<BlockDiagnosis> blocks;  // body, its layers, head, its layers
  std::int64_t not_finite = 0;         // all steps of all chains whose loss or ratio was no number
  double steps_per_draw = 0;           // of all chains together per effective draw of the energy; NaN = unknown
  std::vector<Finding> findings;
};

// What of a chain is left out: `steps` when it is above 0, else `share` of its recorded steps.
struct WarmUp {
  std::int64_t steps = 0;
  double share = 0.5;
};

// Diagnoses a module from its trace in every chain; `not_finite` of all chains together. Chains of unequal length are
// used as far as the shortest goes.
ModuleDiagnosis diagnose_module(const std::string& name, const std::vector<Trace>& chains, const WarmUp& warm_up,
                                std::int64_t not_finite);
// What is wrong with a diagnosed module; its `findings` are not read.
std::vector<Finding> findings_of(const ModuleDiagnosis& module);

}  // namespace cleave
