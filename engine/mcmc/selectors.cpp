#include "engine/mcmc/selectors.h"

#include <algorithm>

#include "engine/mcmc/law_rows.h"

namespace cleave {

namespace {

constexpr FieldDef kUniformFields[] = {
    {.name = "count", .kind = Kind::integer, .doc = "weights to pick", .required = true, .min = 1, .max = 1e9}};
constexpr FieldDef kBlockFields[] = {
    {.name = "rows", .kind = Kind::integer, .doc = "rows of the block", .required = true, .min = 1, .max = 1e9},
    {.name = "cols", .kind = Kind::integer, .doc = "columns of the block", .required = true, .min = 1, .max = 1e9}};

std::int64_t size_of(const SelectArgs& args, std::int32_t array) {
  return element_count(args.slots[static_cast<std::size_t>(array)].shape);
}

std::int64_t filters_of(const SelectArgs& args) {
  return args.slots[static_cast<std::size_t>(args.arrays.front())].shape.front();
}

// Returns weight number `n` of all the arrays put end to end.
WeightRef weight_at(const SelectArgs& args, std::int64_t n) {
  for (const std::int32_t array : args.arrays) {
    if (n < size_of(args, array)) return {array, n};
    n -= size_of(args, array);
  }
  return {};
}

std::vector<WeightRef> one_filter(const SelectArgs& args, Rng& rng) {
  const std::int64_t filters = filters_of(args);
  const std::int64_t filter = rng.below(filters);
  std::vector<WeightRef> picked;
  picked.reserve(static_cast<std::size_t>(size_of(args, args.arrays.front()) / filters) + args.arrays.size());
  for (const std::int32_t array : args.arrays) {
    const std::int64_t per_filter = size_of(args, array) / filters;
    for (std::int64_t i = 0; i < per_filter; ++i) picked.push_back({array, filter * per_filter + i});
  }
  return picked;
}

std::vector<WeightRef> layer(const SelectArgs& args, Rng&) {
  std::vector<WeightRef> picked;
  for (const std::int32_t array : args.arrays)
    for (std::int64_t i = 0; i < size_of(args, array); ++i) picked.push_back({array, i});
  return picked;
}

// Distinct weights by Floyd's method (Bentley and Floyd 1987): as many draws as weights.
std::vector<WeightRef> uniform(const SelectArgs& args, Rng& rng) {
  std::int64_t total = 0;
  for (const std::int32_t array : args.arrays) total += size_of(args, array);
  const std::int64_t count = args.params.integer("count", 1);
  if (count == 1) return {weight_at(args, rng.below(total))};
  if (count >= total) return layer(args, rng);
  std::vector<std::int64_t> numbers;  // ascending
  for (std::int64_t last = total - count; last < total; ++last) {
    std::int64_t number = rng.below(last + 1);
    std::vector<std::int64_t>::iterator place = std::lower_bound(numbers.begin(), numbers.end(), number);
    if (place != numbers.end() && *place == number) {
      number = last;
      place = numbers.end();
    }
    numbers.insert(place, number);
  }
  std::vector<WeightRef> picked;
  for (const std::int64_t number : numbers) picked.push_back(weight_at(args, number));
  return picked;
}

// The matrix has a row for each filter; its columns are those of all arrays side by side, so biases come last. The
// block's corner is drawn from all places where block and matrix overlap, and what lies outside is left off: so every
// weight is picked with the same chance.
std::vector<WeightRef> block(const SelectArgs& args, Rng& rng) {
  const std::int64_t filters = filters_of(args);
  std::int64_t columns = 0;
  for (const std::int32_t array : args.arrays) columns += size_of(args, array) / filters;
  const std::int64_t rows = std::min(args.params.integer("rows", 1), filters);
  const std::int64_t cols = std::min(args.params.integer("cols", 1), columns);
  const std::int64_t top = rng.below(filters + rows - 1) - (rows - 1);
  const std::int64_t left = rng.below(columns + cols - 1) - (cols - 1);
  std::vector<WeightRef> picked;
  std::int64_t first = 0;  // column of the array
  for (const std::int32_t array : args.arrays) {
    const std::int64_t width = size_of(args, array) / filters;
    for (std::int64_t r = std::max<std::int64_t>(top, 0); r < std::min(top + rows, filters); ++r)
      for (std::int64_t c = std::max(left, first); c < std::min(left + cols, first + width); ++c)
        picked.push_back({array, r * width + c - first});
    first += width;
  }
  return picked;
}

constexpr SelectorDef kSelectors[] = {
    {.name = "one_filter", .doc = "all weights of one filter, with its bias", .fields = {}, .select = one_filter},
    {.name = "one_unit", .doc = "all weights of one unit, with its bias", .fields = {}, .select = one_filter},
    {.name = "uniform",
     .doc = "that many weights of the layer, each alike",
     .fields = kUniformFields,
     .shorthand = "count",
     .select = uniform},
    {.name = "layer", .doc = "all weights of the layer", .fields = {}, .select = layer},
    {.name = "block",
     .doc = "a block of the matrix of filters and their weights, biases last; cut off at the edges",
     .fields = kBlockFields,
     .select = block},
};

}  // namespace

std::span<const SelectorDef> selector_catalog() { return kSelectors; }

std::vector<LawDef> selector_laws() { return law_rows(selector_catalog()); }

}  // namespace cleave
