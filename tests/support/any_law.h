// Laws of every row of a catalog, for contract tests that must cover rows that do not exist yet.
#pragma once

#include <cmath>
#include <span>

#include "engine/mcmc/priors.h"

namespace cleave {

// The fallbacks, and where a required parameter has none: the middle of its range, or 2 where that is endless.
inline Params any_params(std::span<const FieldDef> fields) {
  Params params = with_fallbacks({}, fields);
  for (const FieldDef& field : fields) {
    if (!field.required || params.has(field.name)) continue;
    if (field.kind == Kind::integer) params.set(field.name, std::int64_t{2});
    if (field.kind == Kind::real)
      params.set(field.name, std::isfinite(field.max) ? 0.5 * (field.min + field.max) : 2.0);
  }
  return params;
}

// The weight types of the language, quantized ones with as many levels as can be enumerated.
inline std::vector<WeightType> grid_types() {
  using Grid = WeightType::Grid;
  return {{.grid = Grid::sign, .bits = 1},
          {.grid = Grid::bit, .bits = 1},
          {.grid = Grid::ternary, .bits = 2},
          {.grid = Grid::quantized, .bits = 2},
          {.grid = Grid::quantized, .bits = 3}};
}

// Whether a prior or a proposal says that it is for weights of this grid.
template <class Def>
bool is_for(const Def& def, const WeightGrid& grid) {
  if (!def.runs()) return false;
  if (grid.is_real()) return def.on_reals;
  return grid.levels == 2 ? def.on_binary : def.on_levels;
}

// Whether they also go together: a spike needs a zero on the grid.
inline bool can_govern(const PriorDef& prior, const WeightGrid& grid) {
  return is_for(prior, grid) && (!prior.spike_and_slab || grid.holds(0));
}

}  // namespace cleave
