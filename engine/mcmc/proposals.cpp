#include "engine/mcmc/proposals.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/mcmc/birth_death.h"
#include "engine/mcmc/defaults.h"
#include "engine/mcmc/draws.h"
#include "engine/mcmc/law_rows.h"

namespace cleave {

namespace {

constexpr FieldDef kScaleField = {.name = "scale",
                                  .kind = Kind::real,
                                  .doc = "width of a step, in units of the weight",
                                  .fallback = kProposalScale,
                                  .min = 1e-30,
                                  .max = 1e30};
constexpr FieldDef kAdaptField = {
    .name = "adapt", .kind = Kind::record, .doc = "tune the scale in warm-up to an acceptance rate"};
constexpr FieldDef kTargetField = {.name = "adapt.target",
                                   .kind = Kind::real,
                                   .doc = "acceptance rate to reach",
                                   .required = true,
                                   .min = 0.01,
                                   .max = 0.99};
constexpr FieldDef kNormalFields[] = {kScaleField, kAdaptField, kTargetField};
constexpr FieldDef kStudentFields[] = {{.name = "df",
                                        .kind = Kind::real,
                                        .doc = "degrees of freedom; 1 is Cauchy",
                                        .fallback = "1",
                                        .min = 1e-3,
                                        .max = 1e6},
                                       kScaleField,
                                       kAdaptField,
                                       kTargetField};
constexpr FieldDef kUniformFields[] = {{.name = "half_width",
                                        .kind = Kind::real,
                                        .doc = "largest step either way",
                                        .fallback = kProposalScale,
                                        .min = 1e-30,
                                        .max = 1e30},
                                       kAdaptField,
                                       kTargetField};
// `count` has its fallback in the code: it holds only where no probability is given.
constexpr FieldDef kFlipFields[] = {
    {.name = "count", .kind = Kind::integer, .doc = "exactly this many of the selected weights", .min = 1, .max = 1e9},
    {.name = "probability", .kind = Kind::real, .doc = "each selected weight with this chance", .min = 0, .max = 1}};

// Returns the weight after a step of this length.
float moved(const WeightGrid& grid, float w, double step) {
  if (grid.is_real()) return static_cast<float>(w + step);
  const std::int64_t level = grid.nearest(w);
  const double next = static_cast<double>(level) + std::round(step / grid.spacing);
  return next >= 0 && next < static_cast<double>(grid.levels) ? grid.value(static_cast<std::int64_t>(next)) : w;
}

double normal_walk(const ProposalArgs& args, Rng& rng) {
  const double scale = args.params.real("scale");
  for (float& w : args.new_values) w = moved(args.prior.grid, w, scale * rng.normal());
  return 0;
}

double student_walk(const ProposalArgs& args, Rng& rng) {
  const double scale = args.params.real("scale");
  const double df = args.params.real("df");
  for (float& w : args.new_values) w = moved(args.prior.grid, w, scale * draw_student(rng, df));
  return 0;
}

double uniform_walk(const ProposalArgs& args, Rng& rng) {
  const double half_width = args.params.real("half_width");
  for (float& w : args.new_values) w = moved(args.prior.grid, w, half_width * (2.0 * rng.uniform() - 1.0));
  return 0;
}

// q(new|old) = π(new), so the ratio is π(old)/π(new).
double independent(const ProposalArgs& args, Rng& rng) {
  double ratio = 0;
  for (std::size_t b = 0; b < block_count(args); ++b) {
    const std::span<float> block = block_at(args, args.new_values, b);
    ratio += args.prior.def->log_shape(args.prior, block);
    draw_prior(args.prior, block, rng);
    ratio -= args.prior.def->log_shape(args.prior, block);
  }
  return ratio;
}

// One weight: any other level. Several: any level each, for if all had to change, two values could only be turned
// round together. The number of weights does not depend on their values: symmetric.
double resample(const ProposalArgs& args, Rng& rng) {
  const WeightGrid& grid = args.prior.grid;
  if (args.new_values.size() > 1) {
    for (float& w : args.new_values) w = grid.value(rng.below(grid.levels));
    return 0;
  }
  const std::int64_t level = grid.nearest(args.new_values.front());
  const std::int64_t other = rng.below(grid.levels - 1);
  args.new_values.front() = grid.value(other < level ? other : other + 1);
  return 0;
}

// Of two values.
float other_value(float w, const WeightGrid& grid) { return grid.value(1 - grid.nearest(w)); }

// Flips `count` distinct places: a partial Fisher-Yates shuffle of the places.
void flip_exactly(const ProposalArgs& args, std::int64_t count, Rng& rng) {
  const auto size = static_cast<std::int64_t>(args.new_values.size());
  if (count >= size) {
    for (float& w : args.new_values) w = other_value(w, args.prior.grid);
    return;
  }
  std::vector<std::size_t> places(args.new_values.size());
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
  for (std::size_t k = 0; k < static_cast<std::size_t>(count); ++k) {
    std::swap(places[k], places[k + static_cast<std::size_t>(rng.below(size - static_cast<std::int64_t>(k)))]);
    args.new_values[places[k]] = other_value(args.new_values[places[k]], args.prior.grid);
  }
}

// Turning the same weights back has the same chance: symmetric.
double flip(const ProposalArgs& args, Rng& rng) {
  if (args.params.has("probability")) {
    const double probability = args.params.real("probability");
    for (float& w : args.new_values)
      if (rng.uniform() < probability) w = other_value(w, args.prior.grid);
  } else {
    flip_exactly(args, args.params.integer("count", kFlipCount), rng);
  }
  return 0;
}

// The density of w' = w·exp(s·z) at w' is normal(log w'/w)/w', so q(w|w')/q(w'|w) = w'/w.
double log_walk(const ProposalArgs& args, Rng& rng) {
  const double scale = args.params.real("scale");
  double ratio = 0;
  for (float& w : args.new_values) {
    const double old_value = w;
    w = static_cast<float>(old_value * std::exp(scale * rng.normal()));
    ratio += std::log(w / old_value);
  }
  return ratio;
}

constexpr ProposalDef kProposals[] = {
    {.name = "normal",
     .doc = "random walk with normal steps",
     .fields = kNormalFields,
     .on_levels = true,
     .shorthand = "scale",
     .propose = normal_walk,
     .width = "scale"},
    {.name = "student_t",
     .doc = "random walk with Student t steps: mostly small, at times large",
     .fields = kStudentFields,
     .on_levels = true,
     .propose = student_walk,
     .width = "scale"},
    {.name = "uniform",
     .doc = "random walk with steps uniform within a width",
     .fields = kUniformFields,
     .on_levels = true,
     .shorthand = "half_width",
     .propose = uniform_walk,
     .width = "half_width"},
    {.name = "independent",
     .doc = "a new value from the prior",
     .fields = {},
     .on_binary = true,
     .on_levels = true,
     .propose = independent,
     .needs_prior_draws = true,
     .on_spikes = true},
    {.name = "flip",
     .doc = "for weights of two values: the other value",
     .fields = kFlipFields,
     .on_reals = false,
     .on_binary = true,
     .shorthand = "count",
     .propose = flip},
    {.name = "resample",
     .doc = "a new value from the grid, each alike: one weight another one, several any one",
     .fields = {},
     .on_reals = false,
     .on_binary = true,
     .on_levels = true,
     .propose = resample},
    {.name = "birth_death",
     .doc = "for spike and slab: weights leave zero or return to it, and walk between",
     .fields = kBirthDeathFields,
     .propose = birth_death,
     .on_spikes = true,
     .spikes_only = true,
     .width = "scale"},
};

constexpr ProposalDef kScaleWalkDef = {
    .name = "scale_walk", .doc = "random walk of the logarithm", .fields = {}, .propose = log_walk};

}  // namespace

std::span<const ProposalDef> proposal_catalog() { return kProposals; }

std::vector<LawDef> proposal_laws() { return law_rows(proposal_catalog()); }

const ProposalDef& scale_walk() { return kScaleWalkDef; }

std::size_t block_count(const ProposalArgs& args) {
  return args.block_ends.empty() ? args.new_values.size() : args.block_ends.size();
}

}  // namespace cleave
