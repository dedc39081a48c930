// The catalogs of laws as the model language sees them.
#pragma once

#include <span>
#include <vector>

#include "ops/core/params.h"

namespace cleave {

// Returns LawDef::weights of a law that may govern real weights, weights of two values, ternary and quantized ones.
constexpr const char* weights_text(bool on_reals, bool on_binary, bool on_levels) {
  if (on_reals && on_binary && on_levels) return nullptr;
  if (on_reals && on_levels) return "real, ternary or quantized";
  if (on_binary && on_levels) return "binary, ternary or quantized";
  if (on_levels) return "ternary or quantized";
  return on_binary ? on_reals ? "real or binary" : "binary" : "real";
}

// Returns one LawDef per row. Rows that say which weights they are for (`on_reals`, …) pass it on.
template <class Def>
std::vector<LawDef> law_rows(std::span<const Def> rows) {
  std::vector<LawDef> laws;
  for (const Def& def : rows) {
    const char* weights = nullptr;
    if constexpr (requires { def.on_levels; }) weights = weights_text(def.on_reals, def.on_binary, def.on_levels);
    laws.push_back({def.name, def.doc, def.fields, def.shorthand, weights, def.runs()});
  }
  return laws;
}

}  // namespace cleave
