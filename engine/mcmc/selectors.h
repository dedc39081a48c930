// Selectors: rules that pick which weights of a layer a proposal may change, a catalog. A selection does not depend on
// the values of the weights, so it cancels in the acceptance ratio.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <vector>

#include "ops/core/op.h"
#include "ops/core/params.h"
#include "ops/core/rng.h"

namespace cleave {

// One weight of a layer.
struct WeightRef {
  std::int32_t array = 0;
  std::int64_t index = 0;  // flat, row-major

  auto operator<=>(const WeightRef&) const = default;
};

struct SelectArgs {
  const Params& params;
  std::span<const WeightSlot> slots;     // of the layer
  std::span<const std::int32_t> arrays;  // those to pick from, ascending; not empty
};

struct SelectorDef {
  const char* name;
  const char* doc;  // one line
  std::span<const FieldDef> fields;
  const char* shorthand = nullptr;

  // Returns distinct weights, ascending; at least one.
  std::vector<WeightRef> (*select)(const SelectArgs& args, Rng& rng) = nullptr;

  bool runs() const { return select != nullptr; }
};

std::span<const SelectorDef> selector_catalog();
// The same rows for the model language.
std::vector<LawDef> selector_laws();

}  // namespace cleave
