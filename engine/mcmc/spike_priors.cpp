#include "engine/mcmc/spike_priors.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "ops/core/catalog.h"
#include "ops/core/error.h"

namespace cleave {

namespace {

constexpr std::string_view kSlabPrefix = "slab.";

// Returns the slab as a law: "slab.laplace.scale: 2" -> laplace {scale: 2}.
Law stated_slab(const Params& params) {
  Law law;
  for (const auto& [name, value] : params.all()) {
    if (!name.starts_with(kSlabPrefix)) continue;
    const std::string rest = name.substr(kSlabPrefix.size());
    const std::size_t dot = rest.find('.');
    law.name = rest.substr(0, dot);
    if (dot != std::string::npos) law.params.set(rest.substr(dot + 1), value);
  }
  if (law.name.empty()) law.name = "normal";
  return law;
}

// With p = 1 there is no spike, and a zero is a value like any other.
double block_shape(const PriorLaw& law, double p, std::span<const float> block) {
  if (p < 1 && is_zero(block)) return std::log1p(-p);
  const PriorLaw& slab = law.slab.front();
  return std::log(p) + slab.def->log_shape(slab, block) + static_cast<double>(block.size()) * slab.log_norm;
}

}  // namespace

bool is_zero(std::span<const float> block) {
  return std::all_of(block.begin(), block.end(), [](float w) { return w == 0; });
}

double spike_shape(const PriorLaw& law, std::span<const float> weights) {
  const double p = law.params.real("p");
  double sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) sum += block_shape(law, p, weights.subspan(i, 1));
  return sum;
}

double block_spike_shape(const PriorLaw& law, std::span<const float> block) {
  return block_shape(law, law.params.real("p"), block);
}

void spike_draw(const PriorLaw& law, std::span<float> block, Rng& rng) {
  if (rng.uniform() < law.params.real("p")) law.slab.front().def->draw(law.slab.front(), block, rng);
  else std::fill(block.begin(), block.end(), 0.0F);
}

std::int64_t spike_block(const Params& params) { return params.integer("block", 1); }

PriorLaw slab_of(const Params& params, const WeightGrid& grid) {
  const Law law = stated_slab(params);
  const PriorDef* def = find(prior_catalog(), law.name);
  if (def == nullptr) throw UserError(fmt::format("there is no prior '{}' for the slab", law.name));
  if (!def->runs() || !def->on_reals || def->draw == nullptr || def->spike_and_slab)
    throw UserError(
        fmt::format("the slab '{}' is not a law of real numbers that can be drawn from; normal, student_t, laplace and "
                    "uniform are",
                    law.name));
  PriorLaw slab = make_prior(*def, with_fallbacks(law.params, def->fields));
  if (grid.is_real()) return slab;
  slab.log_norm = -log_sum_over_levels(slab, grid, false);
  if (!std::isfinite(slab.log_norm))
    throw UserError(
        fmt::format("the slab '{}' gives no weight that is {} but zero a probability", law.name, to_text(grid)));
  return slab;
}

}  // namespace cleave
