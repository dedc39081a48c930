// Catalogs: a Def (name, one-line doc, functions) is a row of a const array; rows are found by name here.
#pragma once

#include <concepts>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cleave {

// A row of a catalog: it has a name to be found by and one line that says what it is.
template <class Def>
concept CatalogRow = requires(const Def& def) {
  { def.name } -> std::convertible_to<std::string_view>;
  { def.doc } -> std::convertible_to<std::string_view>;
};

// Returns the row called `name`, or null. Linear: catalogs have tens of rows.
template <CatalogRow Def>
const Def* find(std::span<const Def> rows, std::string_view name) {
  for (const Def& row : rows)
    if (name == row.name) return &row;
  return nullptr;
}

// Returns the names of all rows, in the catalog's order.
template <CatalogRow Def>
std::vector<std::string> names_of(std::span<const Def> rows) {
  std::vector<std::string> names;
  for (const Def& row : rows) names.emplace_back(row.name);
  return names;
}

// Returns the candidate nearest to `name` by Damerau-Levenshtein distance, or "" when none is near enough
// (more than a third of the letters differ). Ties go to the earlier candidate.
std::string closest_name(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace cleave
