// Priors: the laws of one weight before data, a catalog. Weights are independent of each other.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ops/core/op.h"
#include "ops/core/params.h"
#include "ops/core/rng.h"

namespace cleave {

struct PriorDef {
  const char* name;
  const char* doc;  // one line
  std::span<const FieldDef> fields;
  bool on_reals = true;   // may govern real weights
  bool on_grids = false;  // may govern weights of two values
  const char* shorthand = nullptr;

  // Returns the log density of all the weights together, up to log_constant for each of them; -inf outside the support.
  double (*log_shape)(const Params& params, std::span<const float> weights) = nullptr;
  // Returns what one weight's log density lacks in log_shape, in nats; 0 for improper laws.
  double (*log_constant)(const Params& params) = nullptr;
  // Returns a draw; `grid` says which two values a law on grids chooses from. Null: improper, nothing to draw from.
  double (*draw)(const Params& params, WeightType::Grid grid, Rng& rng) = nullptr;
  // Returns what is wrong with the parameters together, "" if nothing; null = any within their ranges will do.
  std::string (*check)(const Params& params) = nullptr;

  bool runs() const { return log_shape != nullptr; }
};

std::span<const PriorDef> prior_catalog();
// The same rows for the model language.
std::vector<LawDef> prior_laws();

// Returns the log density of one weight, in nats.
double log_density(const PriorDef& prior, const Params& params, double weight);

}  // namespace cleave
