#include "engine/mcmc/priors.h"

#include <cmath>
#include <limits>
#include <numbers>

#include <fmt/format.h>
#include <boost/math/special_functions/gamma.hpp>

#include "engine/mcmc/defaults.h"
#include "engine/mcmc/draws.h"
#include "engine/mcmc/law_rows.h"

namespace cleave {

namespace {

using Grid = WeightType::Grid;

constexpr double kSmallest = 1e-30;
constexpr double kLogTwoPi = 1.83787706640934548356;

constexpr FieldDef kScaleField = {.name = "scale",
                                  .kind = Kind::real,
                                  .doc = "width, in units of the weight",
                                  .fallback = kPriorScale,
                                  .min = kSmallest,
                                  .max = 1e30};
constexpr FieldDef kNormalFields[] = {kScaleField};
constexpr FieldDef kStudentFields[] = {{.name = "df",
                                        .kind = Kind::real,
                                        .doc = "degrees of freedom; 1 is Cauchy",
                                        .fallback = "1",
                                        .min = 1e-3,
                                        .max = 1e6},
                                       kScaleField};
constexpr FieldDef kUniformFields[] = {
    {.name = "low", .kind = Kind::real, .doc = "smallest weight", .fallback = "-1", .min = -1e30, .max = 1e30},
    {.name = "high", .kind = Kind::real, .doc = "largest weight", .fallback = "1", .min = -1e30, .max = 1e30}};
constexpr FieldDef kBernoulliFields[] = {{.name = "p",
                                          .kind = Kind::real,
                                          .doc = "probability of the upper of the two values",
                                          .fallback = "0.5",
                                          .min = 0,
                                          .max = 1}};
constexpr FieldDef kSpikeFields[] = {
    {.name = "p", .kind = Kind::real, .doc = "probability of the slab", .required = true, .min = 0, .max = 1},
    {.name = "slab", .kind = Kind::law, .doc = "law of weights that are not zero", .catalog = "priors"}};
constexpr FieldDef kBlockSpikeFields[] = {
    kSpikeFields[0],
    {.name = "block", .kind = Kind::integer, .doc = "weights that are zero together", .required = true, .min = 1},
    kSpikeFields[1]};

double normal_shape(const Params& params, std::span<const float> weights) {
  const double inverse = 1.0 / params.real("scale");
  double sum = 0;
  for (const float w : weights) sum -= 0.5 * (w * inverse) * (w * inverse);
  return sum;
}
double normal_constant(const Params& params) { return -std::log(params.real("scale")) - 0.5 * kLogTwoPi; }
double normal_draw(const Params& params, Grid, Rng& rng) { return params.real("scale") * rng.normal(); }

double student_shape(const Params& params, std::span<const float> weights) {
  const double inverse = 1.0 / params.real("scale");
  const double df = params.real("df");
  double sum = 0;
  for (const float w : weights) sum -= 0.5 * (df + 1) * std::log1p((w * inverse) * (w * inverse) / df);
  return sum;
}
double student_constant(const Params& params) {
  const double df = params.real("df");
  return boost::math::lgamma(0.5 * (df + 1)) - boost::math::lgamma(0.5 * df) - 0.5 * std::log(df * std::numbers::pi) -
         std::log(params.real("scale"));
}
double student_draw(const Params& params, Grid, Rng& rng) {
  return params.real("scale") * draw_student(rng, params.real("df"));
}

double laplace_shape(const Params& params, std::span<const float> weights) {
  double sum = 0;
  for (const float w : weights) sum -= std::abs(static_cast<double>(w));
  return sum / params.real("scale");
}
double laplace_constant(const Params& params) { return -std::log(2.0 * params.real("scale")); }
double laplace_draw(const Params& params, Grid, Rng& rng) { return params.real("scale") * draw_laplace(rng); }

double uniform_shape(const Params& params, std::span<const float> weights) {
  const double low = params.real("low");
  const double high = params.real("high");
  for (const float w : weights)
    if (!(w >= low && w <= high)) return -std::numeric_limits<double>::infinity();
  return 0;
}
double uniform_constant(const Params& params) { return -std::log(params.real("high") - params.real("low")); }
double uniform_draw(const Params& params, Grid, Rng& rng) {
  return params.real("low") + (params.real("high") - params.real("low")) * rng.uniform();
}
std::string uniform_check(const Params& params) {
  if (params.real("low") < params.real("high")) return "";
  return fmt::format("low ({}) must be below high ({})", params.real("low"), params.real("high"));
}

double lower_value(Grid grid) { return grid == Grid::sign ? -1.0 : 0.0; }

// The upper value is +1 on both grids.
double bernoulli_shape(const Params& params, std::span<const float> weights) {
  const double p = params.real("p");
  std::int64_t upper = 0;
  for (const float w : weights) upper += w > 0 ? 1 : 0;
  const auto lower = static_cast<std::int64_t>(weights.size()) - upper;
  return (upper == 0 ? 0.0 : static_cast<double>(upper) * std::log(p)) +
         (lower == 0 ? 0.0 : static_cast<double>(lower) * std::log1p(-p));
}
double bernoulli_draw(const Params& params, Grid grid, Rng& rng) {
  return rng.uniform() < params.real("p") ? 1.0 : lower_value(grid);
}

double flat_shape(const Params&, std::span<const float>) { return 0; }
double no_constant(const Params&) { return 0; }

constexpr PriorDef kPriors[] = {
    {.name = "normal",
     .doc = "normal around zero",
     .fields = kNormalFields,
     .shorthand = "scale",
     .log_shape = normal_shape,
     .log_constant = normal_constant,
     .draw = normal_draw},
    {.name = "student_t",
     .doc = "Student t around zero: heavy tails; density proportional to (1 + (w/scale)^2/df)^(-(df+1)/2)",
     .fields = kStudentFields,
     .log_shape = student_shape,
     .log_constant = student_constant,
     .draw = student_draw},
    {.name = "laplace",
     .doc = "double exponential around zero: density proportional to exp(-|w|/scale)",
     .fields = kNormalFields,
     .shorthand = "scale",
     .log_shape = laplace_shape,
     .log_constant = laplace_constant,
     .draw = laplace_draw},
    {.name = "uniform",
     .doc = "every weight between two bounds alike",
     .fields = kUniformFields,
     .log_shape = uniform_shape,
     .log_constant = uniform_constant,
     .draw = uniform_draw,
     .check = uniform_check},
    {.name = "bernoulli",
     .doc = "for weights of two values: the upper one with probability p",
     .fields = kBernoulliFields,
     .on_reals = false,
     .on_grids = true,
     .shorthand = "p",
     .log_shape = bernoulli_shape,
     .log_constant = no_constant,
     .draw = bernoulli_draw},
    {.name = "flat",
     .doc = "no preference; improper on real weights",
     .fields = {},
     .on_grids = true,
     .log_shape = flat_shape,
     .log_constant = no_constant},
    {.name = "spike_slab", .doc = "zero, or with probability p drawn from the slab", .fields = kSpikeFields},
    {.name = "block_spike_slab", .doc = "spike and slab for blocks of weights", .fields = kBlockSpikeFields},
};

}  // namespace

std::span<const PriorDef> prior_catalog() { return kPriors; }

std::vector<LawDef> prior_laws() { return law_rows(prior_catalog()); }

double log_density(const PriorDef& prior, const Params& params, double weight) {
  const auto value = static_cast<float>(weight);
  return prior.log_shape(params, {&value, 1}) + prior.log_constant(params);
}

}  // namespace cleave
