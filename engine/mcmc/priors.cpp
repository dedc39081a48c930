#include "engine/mcmc/priors.h"

#include <cmath>
#include <limits>
#include <numbers>

#include <fmt/format.h>
#include <boost/math/special_functions/gamma.hpp>

#include "engine/mcmc/defaults.h"
#include "engine/mcmc/draws.h"
#include "engine/mcmc/law_rows.h"
#include "engine/mcmc/spike_priors.h"

namespace cleave {

namespace {

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

double normal_shape(const PriorLaw& law, std::span<const float> weights) {
  const double inverse = 1.0 / law.params.real("scale");
  double sum = 0;
  for (const float w : weights) sum -= 0.5 * (w * inverse) * (w * inverse);
  return sum;
}
double normal_constant(const Params& params) { return -std::log(params.real("scale")) - 0.5 * kLogTwoPi; }
void normal_draw(const PriorLaw& law, std::span<float> weights, Rng& rng) {
  const double scale = law.params.real("scale");
  for (float& w : weights) w = static_cast<float>(scale * rng.normal());
}

double student_shape(const PriorLaw& law, std::span<const float> weights) {
  const double inverse = 1.0 / law.params.real("scale");
  const double df = law.params.real("df");
  // One logarithm of a product of many factors instead of one each; none of them is below 1.
  constexpr double kLarge = 1e100;
  double sum = 0;
  double product = 1;
  for (const float w : weights) {
    const double factor = 1 + (w * inverse) * (w * inverse) / df;
    if (product * factor > kLarge) {
      sum += std::log(product);
      product = 1;
    }
    product *= factor;
  }
  return -0.5 * (df + 1) * (sum + std::log(product));
}
double student_constant(const Params& params) {
  const double df = params.real("df");
  return boost::math::lgamma(0.5 * (df + 1)) - boost::math::lgamma(0.5 * df) - 0.5 * std::log(df * std::numbers::pi) -
         std::log(params.real("scale"));
}
void student_draw(const PriorLaw& law, std::span<float> weights, Rng& rng) {
  const double scale = law.params.real("scale");
  const double df = law.params.real("df");
  for (float& w : weights) w = static_cast<float>(scale * draw_student(rng, df));
}

double laplace_shape(const PriorLaw& law, std::span<const float> weights) {
  double sum = 0;
  for (const float w : weights) sum -= std::abs(static_cast<double>(w));
  return sum / law.params.real("scale");
}
double laplace_constant(const Params& params) { return -std::log(2.0 * params.real("scale")); }
void laplace_draw(const PriorLaw& law, std::span<float> weights, Rng& rng) {
  const double scale = law.params.real("scale");
  for (float& w : weights) w = static_cast<float>(scale * draw_laplace(rng));
}

double uniform_shape(const PriorLaw& law, std::span<const float> weights) {
  const double low = law.params.real("low");
  const double high = law.params.real("high");
  for (const float w : weights)
    if (!(w >= low && w <= high)) return -std::numeric_limits<double>::infinity();
  return 0;
}
double uniform_constant(const Params& params) { return -std::log(params.real("high") - params.real("low")); }
void uniform_draw(const PriorLaw& law, std::span<float> weights, Rng& rng) {
  const double low = law.params.real("low");
  const double high = law.params.real("high");
  for (float& w : weights) w = static_cast<float>(low + (high - low) * rng.uniform());
}
std::string uniform_check(const Params& params) {
  if (params.real("low") < params.real("high")) return "";
  return fmt::format("low ({}) must be below high ({})", params.real("low"), params.real("high"));
}

// The upper value is +1 on both grids.
double bernoulli_shape(const PriorLaw& law, std::span<const float> weights) {
  const double p = law.params.real("p");
  std::int64_t upper = 0;
  for (const float w : weights) upper += w > 0 ? 1 : 0;
  const auto lower = static_cast<std::int64_t>(weights.size()) - upper;
  return (upper == 0 ? 0.0 : static_cast<double>(upper) * std::log(p)) +
         (lower == 0 ? 0.0 : static_cast<double>(lower) * std::log1p(-p));
}

double flat_shape(const PriorLaw&, std::span<const float>) { return 0; }

constexpr PriorDef kPriors[] = {
    {.name = "normal",
     .doc = "normal around zero",
     .fields = kNormalFields,
     .on_levels = true,
     .shorthand = "scale",
     .log_shape = normal_shape,
     .log_constant = normal_constant,
     .draw = normal_draw},
    {.name = "student_t",
     .doc = "Student t around zero: heavy tails; density proportional to (1 + (w/scale)^2/df)^(-(df+1)/2)",
     .fields = kStudentFields,
     .on_levels = true,
     .log_shape = student_shape,
     .log_constant = student_constant,
     .draw = student_draw},
    {.name = "laplace",
     .doc = "double exponential around zero: density proportional to exp(-|w|/scale)",
     .fields = kNormalFields,
     .on_levels = true,
     .shorthand = "scale",
     .log_shape = laplace_shape,
     .log_constant = laplace_constant,
     .draw = laplace_draw},
    {.name = "uniform",
     .doc = "every weight between two bounds alike",
     .fields = kUniformFields,
     .on_levels = true,
     .log_shape = uniform_shape,
     .log_constant = uniform_constant,
     .draw = uniform_draw,
     .check = uniform_check},
    {.name = "bernoulli",
     .doc = "for weights of two values: the upper one with probability p",
     .fields = kBernoulliFields,
     .on_reals = false,
     .on_binary = true,
     .shorthand = "p",
     .log_shape = bernoulli_shape},
    {.name = "flat",
     .doc = "no preference: every value of a grid alike; improper on real weights",
     .fields = {},
     .on_binary = true,
     .on_levels = true,
     .log_shape = flat_shape},
    {.name = "spike_slab",
     .doc = "exactly zero, or with probability p drawn from the slab",
     .fields = kSpikeFields,
     .on_levels = true,
     .shorthand = "p",
     .log_shape = spike_shape,
     .draw = spike_draw,
     .spike_and_slab = true},
    {.name = "block_spike_slab",
     .doc = "spike and slab for blocks of weights that are zero together",
     .fields = kBlockSpikeFields,
     .log_shape = block_spike_shape,
     .draw = spike_draw,
     .spike_and_slab = true,
     .block = spike_block},
};

}  // namespace

std::span<const PriorDef> prior_catalog() { return kPriors; }

std::vector<LawDef> prior_laws() { return law_rows(prior_catalog()); }

}  // namespace cleave
