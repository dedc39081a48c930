// Priors: the laws of one weight before data, a catalog. Weights are independent of each other, but for those of a
// block that are zero together.
//
// On a grid of more than two values a law of real numbers is read level by level: the probability of a level is
// proportional to the density there (Σ = 1 over the levels), and `flat` is uniform. A spike and slab needs a grid with
// a zero: 1 - p of zero, p shared out among the other levels by the slab.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ops/core/op.h"
#include "ops/core/params.h"
#include "ops/core/rng.h"
#include "ops/core/weight_grid.h"

namespace cleave {

struct PriorDef;

// A prior as a group of weights has it: a row and its parameters, made ready by make_prior.
struct PriorLaw {
  const PriorDef* def = nullptr;
  Params params;
  WeightGrid grid;
  std::vector<PriorLaw> slab;      // of a spike and slab: one, else none
  double log_norm = 0;             // what one weight's log density lacks in log_shape, in nats; 0 where improper
  std::vector<double> cumulative;  // on a grid: the probability of this level or a lower one

  // A probability above zero of being exactly zero among real numbers.
  bool has_spike() const { return grid.is_real() && !slab.empty(); }
};

struct PriorDef {
  const char* name;
  const char* doc;  // one line
  std::span<const FieldDef> fields;
  bool on_reals = true;    // may govern real weights
  bool on_binary = false;  // weights of two values
  bool on_levels = false;  // ternary and quantized ones
  const char* shorthand = nullptr;

  // Returns the log density of all the weights together (with `block`: of one block), up to log_norm for each of them;
  // -inf outside the support. A spike counts with its probability.
  double (*log_shape)(const PriorLaw& law, std::span<const float> weights) = nullptr;
  // Returns log_norm of real weights; null = 0.
  double (*log_constant)(const Params& params) = nullptr;
  // Draws real weights (with a spike: one weight or one block). Null: improper, nothing to draw from.
  void (*draw)(const PriorLaw& law, std::span<float> weights, Rng& rng) = nullptr;
  // Returns what is wrong with the parameters together, "" if nothing; null = any within their ranges will do.
  std::string (*check)(const Params& params) = nullptr;
  bool spike_and_slab = false;
  // How many weights of a filter's row are zero together; null = each for itself.
  std::int64_t (*block)(const Params& params) = nullptr;

  bool runs() const { return log_shape != nullptr; }
};

std::span<const PriorDef> prior_catalog();
// The same rows for the model language.
std::vector<LawDef> prior_laws();

// Returns a row with complete parameters ready for weights of this grid. Throws UserError, without a place, when they
// do not go together, the slab cannot be one or the grid has no value that the law allows.
PriorLaw make_prior(const PriorDef& def, Params params, const WeightGrid& grid = {});
// Returns log Σ exp(log_shape) over the levels of a grid, those that are zero only if wanted; -inf or NaN when there is
// no mass.
double log_sum_over_levels(const PriorLaw& law, const WeightGrid& grid, bool with_zero);
// Returns how many weights of a row are zero together, at least 1.
std::int64_t block_of(const PriorLaw& law);
// True when there is something to draw from.
bool is_proper(const PriorLaw& law);
// Draws weights that are zero together or not at all: one, or a block. The law must be proper.
void draw_prior(const PriorLaw& law, std::span<float> weights, Rng& rng);
// Returns the log density of one weight, in nats; of zero under a spike its log probability.
double log_density(const PriorLaw& law, double weight);

// Returns `params` with the fallbacks of the fields that are absent.
Params with_fallbacks(Params params, std::span<const FieldDef> fields);

}  // namespace cleave
