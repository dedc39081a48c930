// Parameters: what a key of the model language may hold, and the checked values an op or a law is given.
//
// A FieldDef is one row of the language's table: the reader, `cleave schema`, the reference page and the completion are
// all made from such rows, so a parameter is described exactly once.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace cleave {

enum class Kind : std::uint8_t {
  integer,   // 3
  real,      // 0.5, 3.16e-4
  boolean,   // true | false
  text,      // any string
  word,      // one of `words`
  quantity,  // a number with a unit, see Unit
  integers,  // [3, 32, 32]
  reals,     // [0.1, 0.2]
  texts,     // [a, b]
  record,    // a map of the fields below this path
  records,   // a list of such maps
  table,     // a map from names the user chooses to records
  law,       // one row of a catalog with its parameters: normal: {scale: 0.1}
  layers,    // a list of layers
  any,       // checked elsewhere
};

enum class Unit : std::uint8_t { none, bytes, bits_per_s, seconds, watts, joules, flops, ops, share, per_s };

// One key of the language. `words` are accepted beside (or, for Kind::word, instead of) the kind, parted by '|'.
struct FieldDef {
  const char* name;  // within its parent: "filters"; in the language's table a path: "training.batch"
  Kind kind;
  const char* doc;                 // one line
  const char* fallback = nullptr;  // the default as one would write it; null = none
  bool required = false;
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  Unit unit = Unit::none;
  const char* words = nullptr;
  const char* catalog = nullptr;  // Kind::law: whose rows ("priors", "proposals" …)
};

using ParamValue =
    std::variant<std::int64_t, double, bool, std::string, std::vector<std::int64_t>, std::vector<double>>;

// The checked parameters of one node or law, by name. Quantities are doubles in the base unit (bytes, seconds, …).
class Params {
 public:
  void set(std::string name, ParamValue value);
  bool has(std::string_view name) const { return get(name) != nullptr; }
  // Null when the parameter was neither given nor has a default.
  const ParamValue* get(std::string_view name) const;
  // These return the value, or `fallback` when it is absent or was given as another kind (a word, say).
  std::int64_t integer(std::string_view name, std::int64_t fallback = 0) const;
  double real(std::string_view name, double fallback = 0) const;  // an integer is a real, too
  bool boolean(std::string_view name, bool fallback = false) const;
  std::string text(std::string_view name, std::string fallback = {}) const;
  std::vector<std::int64_t> integers(std::string_view name) const;

  const std::vector<std::pair<std::string, ParamValue>>& all() const { return values_; }
  bool operator==(const Params&) const = default;

 private:
  std::vector<std::pair<std::string, ParamValue>> values_;  // in the order they were set
};

// Returns the value as the language writes it: 3, 0.5, true, same, [1, 2].
std::string to_text(const ParamValue& value);
// Returns "filters: 16, kernel: 3".
std::string to_text(const Params& params);

// A row that the language may name with parameters (a prior, a proposal …), free of what it does.
struct LawDef {
  const char* name;
  const char* doc;
  std::span<const FieldDef> fields;
  const char* shorthand = nullptr;  // the parameter a bare value sets: `uniform: 363`; null = a map is needed
  const char* weights = nullptr;    // which weights it is for: "real" or "binary"; null = any
  bool runs = true;                 // false: part of the language, refused by the commands that would run it
};

// A catalog row together with its parameters, as a model states it: `student_t: {df: 1, scale: 0.03}`.
struct Law {
  std::string name;  // empty = not given
  Params params;

  bool operator==(const Law&) const = default;
};

// Returns LawDef::weights of a law that may govern real weights, weights on a grid of two values, or both.
constexpr const char* weights_of(bool on_reals, bool on_grids) {
  return on_reals && on_grids ? nullptr : on_reals ? "real" : "binary";
}

// Returns "student_t: {df: 1, scale: 0.03}".
std::string to_text(const Law& law);

}  // namespace cleave
