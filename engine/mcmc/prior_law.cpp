// What makes a row of the priors' catalog a law of some weights: the slab, the norm and, on a grid, the probabilities
// of the levels.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "engine/mcmc/spike_priors.h"
#include "ops/core/error.h"

namespace cleave {

namespace {

ParamValue value_of(const FieldDef& field) {
  const std::string_view text = field.fallback;
  if (field.kind == Kind::boolean) return text == "true";
  if (field.kind == Kind::integer) {
    std::int64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }
  if (field.kind == Kind::real) {
    double number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }
  return std::string(text);
}

void spread_over_grid(PriorLaw& law) {
  const double log_sum = log_sum_over_levels(law, law.grid, true);
  if (!std::isfinite(log_sum))
    throw UserError(fmt::format("gives no weight that is {} a probability above zero", to_text(law.grid)));
  law.log_norm = -log_sum;
  double sum = 0;
  for (std::int64_t level = 0; level < law.grid.levels; ++level)
    law.cumulative.push_back(sum += std::exp(log_density(law, law.grid.value(level))));
  for (double& probability : law.cumulative) probability /= sum;
}

}  // namespace

Params with_fallbacks(Params params, std::span<const FieldDef> fields) {
  for (const FieldDef& field : fields)
    if (field.fallback != nullptr && !params.has(field.name)) params.set(field.name, value_of(field));
  return params;
}

double log_sum_over_levels(const PriorLaw& law, const WeightGrid& grid, bool with_zero) {
  std::vector<double> logs;
  for (std::int64_t level = 0; level < grid.levels; ++level)
    if (const float w = grid.value(level); with_zero || w != 0) logs.push_back(law.def->log_shape(law, {&w, 1}));
  const double most = *std::max_element(logs.begin(), logs.end());
  double sum = 0;
  for (const double log : logs) sum += std::exp(log - most);
  return most + std::log(sum);
}

PriorLaw make_prior(const PriorDef& def, Params params, const WeightGrid& grid) {
  const std::string wrong = def.check == nullptr ? "" : def.check(params);
  if (!wrong.empty()) throw UserError(wrong);
  PriorLaw law{.def = &def, .params = std::move(params), .grid = grid, .slab = {}, .cumulative = {}};
  if (def.spike_and_slab) {
    if (!grid.holds(0)) throw UserError(fmt::format("needs weights that may be zero, these are {}", to_text(grid)));
    law.slab.push_back(slab_of(law.params, grid));
  }
  if (!grid.is_real()) spread_over_grid(law);
  else if (def.log_constant != nullptr) law.log_norm = def.log_constant(law.params);
  return law;
}

std::int64_t block_of(const PriorLaw& law) { return law.def->block == nullptr ? 1 : law.def->block(law.params); }

bool is_proper(const PriorLaw& law) { return !law.grid.is_real() || law.def->draw != nullptr; }

void draw_prior(const PriorLaw& law, std::span<float> weights, Rng& rng) {
  if (law.grid.is_real()) return law.def->draw(law, weights, rng);
  for (float& w : weights) {
    const auto level = std::upper_bound(law.cumulative.begin(), law.cumulative.end() - 1, rng.uniform());
    w = law.grid.value(level - law.cumulative.begin());
  }
}

double log_density(const PriorLaw& law, double weight) {
  const auto value = static_cast<float>(weight);
  return law.def->log_shape(law, {&value, 1}) + law.log_norm;
}

}  // namespace cleave
