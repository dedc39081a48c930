// The catalogs of laws as the model language sees them.
#pragma once

#include <span>
#include <vector>

#include "ops/core/params.h"

namespace cleave {

// Returns one LawDef per row. Rows that say which weights they are for (`on_reals`, `on_grids`) pass it on.
template <class Def>
std::vector<LawDef> law_rows(std::span<const Def> rows) {
  std::vector<LawDef> laws;
  for (const Def& def : rows) {
    const char* weights = nullptr;
    if constexpr (requires { def.on_grids; }) weights = weights_of(def.on_reals, def.on_grids);
    laws.push_back({def.name, def.doc, def.fields, def.shorthand, weights, def.runs()});
  }
  return laws;
}

}  // namespace cleave
