#include "engine/mcmc/proposals.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/mcmc/defaults.h"
#include "engine/mcmc/draws.h"
#include "engine/mcmc/law_rows.h"

namespace cleave {

namespace {

using Grid = WeightType::Grid;

constexpr FieldDef kScaleField = {.name = "scale",
                                  .kind = Kind::real,
                                  .doc = "width of a step, in units of the weight",
                                  .fallback = kProposalScale,
                                  .min = 1e-30,
                                  .max = 1e30};
constexpr FieldDef kAdaptField = {
    .name = "adapt", .kind = Kind::record, .doc = "tune the scale in warm-up to an acceptance rate"};
constexpr FieldDef kTargetField = {
    .name = "adapt.target", .kind = Kind::real, .doc = "acceptance rate to reach", .min = 0, .max = 1};
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

double normal_walk(const ProposalArgs& args, Rng& rng) {
  const double scale = args.params.real("scale");
  for (float& w : args.new_values) w = static_cast<float>(w + scale * rng.normal());
  return 0;
}

double student_walk(const ProposalArgs& args, Rng& rng) {
  const double scale = args.params.real("scale");
  const double df = args.params.real("df");
  for (float& w : args.new_values) w = static_cast<float>(w + scale * draw_student(rng, df));
  return 0;
}

double uniform_walk(const ProposalArgs& args, Rng& rng) {
  const double half_width = args.params.real("half_width");
  for (float& w : args.new_values) w = static_cast<float>(w + half_width * (2.0 * rng.uniform() - 1.0));
  return 0;
}

// q(new|old) = π(new), so the ratio is π(old)/π(new).
double independent(const ProposalArgs& args, Rng& rng) {
  for (float& w : args.new_values) w = static_cast<float>(args.prior.draw(args.prior_params, args.grid, rng));
  return args.prior.log_shape(args.prior_params, args.old_values) -
         args.prior.log_shape(args.prior_params, args.new_values);
}

float other_value(float w, Grid grid) { return grid == Grid::sign ? -w : 1.0F - w; }

// Flips `count` distinct places: a partial Fisher-Yates shuffle of the places.
void flip_exactly(const ProposalArgs& args, std::int64_t count, Rng& rng) {
  const auto size = static_cast<std::int64_t>(args.new_values.size());
  if (count >= size) {
    for (float& w : args.new_values) w = other_value(w, args.grid);
    return;
  }
  std::vector<std::size_t> places(args.new_values.size());
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
  for (std::size_t k = 0; k < static_cast<std::size_t>(count); ++k) {
    std::swap(places[k], places[k + static_cast<std::size_t>(rng.below(size - static_cast<std::int64_t>(k)))]);
    args.new_values[places[k]] = other_value(args.new_values[places[k]], args.grid);
  }
}

// Turning the same weights back has the same chance: symmetric.
double flip(const ProposalArgs& args, Rng& rng) {
  if (args.params.has("probability")) {
    const double probability = args.params.real("probability");
    for (float& w : args.new_values)
      if (rng.uniform() < probability) w = other_value(w, args.grid);
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
     .shorthand = "scale",
     .propose = normal_walk},
    {.name = "student_t",
     .doc = "random walk with Student t steps: mostly small, at times large",
     .fields = kStudentFields,
     .propose = student_walk},
    {.name = "uniform",
     .doc = "random walk with steps uniform within a width",
     .fields = kUniformFields,
     .shorthand = "half_width",
     .propose = uniform_walk},
    {.name = "independent",
     .doc = "a new value from the prior",
     .fields = {},
     .on_grids = true,
     .propose = independent,
     .needs_prior_draws = true},
    {.name = "flip",
     .doc = "for weights of two values: the other value",
     .fields = kFlipFields,
     .on_reals = false,
     .on_grids = true,
     .shorthand = "count",
     .propose = flip},
    {.name = "resample", .doc = "a new value from the grid", .fields = {}, .on_reals = false, .on_grids = true},
    {.name = "birth_death", .doc = "for spike and slab: weights leave zero or return to it", .fields = {}},
};

constexpr ProposalDef kScaleWalkDef = {
    .name = "scale_walk", .doc = "random walk of the logarithm", .fields = {}, .propose = log_walk};

}  // namespace

std::span<const ProposalDef> proposal_catalog() { return kProposals; }

std::vector<LawDef> proposal_laws() { return law_rows(proposal_catalog()); }

const ProposalDef& scale_walk() { return kScaleWalkDef; }

}  // namespace cleave
