#include "graphs/scalars.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "ops/core/catalog.h"

namespace cleave {

namespace {

struct UnitRow {
  const char* name;
  const char* doc;  // what it measures
  Unit unit;
  double factor;  // to the base unit
};

constexpr auto kUnits = std::to_array<UnitRow>({
    {"B", "a size", Unit::bytes, 1},
    {"kB", "a size", Unit::bytes, 1e3},
    {"MB", "a size", Unit::bytes, 1e6},
    {"GB", "a size", Unit::bytes, 1e9},
    {"TB", "a size", Unit::bytes, 1e12},
    {"KiB", "a size", Unit::bytes, 1024.0},
    {"MiB", "a size", Unit::bytes, 1048576.0},
    {"GiB", "a size", Unit::bytes, 1073741824.0},
    {"TiB", "a size", Unit::bytes, 1099511627776.0},
    {"bit/s", "a data rate", Unit::bits_per_s, 1},
    {"kbit/s", "a data rate", Unit::bits_per_s, 1e3},
    {"Mbit/s", "a data rate", Unit::bits_per_s, 1e6},
    {"Gbit/s", "a data rate", Unit::bits_per_s, 1e9},
    {"B/s", "a data rate", Unit::bits_per_s, 8},
    {"kB/s", "a data rate", Unit::bits_per_s, 8e3},
    {"MB/s", "a data rate", Unit::bits_per_s, 8e6},
    {"GB/s", "a data rate", Unit::bits_per_s, 8e9},
    {"ns", "a time", Unit::seconds, 1e-9},
    {"us", "a time", Unit::seconds, 1e-6},
    {"ms", "a time", Unit::seconds, 1e-3},
    {"s", "a time", Unit::seconds, 1},
    {"min", "a time", Unit::seconds, 60},
    {"h", "a time", Unit::seconds, 3600},
    {"mW", "a power", Unit::watts, 1e-3},
    {"W", "a power", Unit::watts, 1},
    {"kW", "a power", Unit::watts, 1e3},
    {"J", "an amount of electricity", Unit::joules, 1},
    {"kJ", "an amount of electricity", Unit::joules, 1e3},
    {"mWh", "an amount of electricity", Unit::joules, 3.6},
    {"Wh", "an amount of electricity", Unit::joules, 3600},
    {"kWh", "an amount of electricity", Unit::joules, 3.6e6},
    {"FLOP/s", "a speed", Unit::flops, 1},
    {"MFLOP/s", "a speed", Unit::flops, 1e6},
    {"GFLOP/s", "a speed", Unit::flops, 1e9},
    {"TFLOP/s", "a speed", Unit::flops, 1e12},
    {"op/s", "a speed of binary or integer work", Unit::ops, 1},
    {"Mop/s", "a speed of binary or integer work", Unit::ops, 1e6},
    {"Gop/s", "a speed of binary or integer work", Unit::ops, 1e9},
    {"Top/s", "a speed of binary or integer work", Unit::ops, 1e12},
    {"%", "a share", Unit::share, 0.01},
    {"/s", "a rate", Unit::per_s, 1},
});

// The unit a bare number most probably meant, and another as a second example.
struct Example {
  Unit unit;
  const char* first;
  const char* second;
};
constexpr auto kExamples = std::to_array<Example>({
    {Unit::bytes, "GiB", "GB"},
    {Unit::bits_per_s, "Mbit/s", "MB/s"},
    {Unit::seconds, "s", "ms"},
    {Unit::watts, "W", "mW"},
    {Unit::joules, "Wh", "J"},
    {Unit::flops, "GFLOP/s", "MFLOP/s"},
    {Unit::ops, "Gop/s", "Mop/s"},
    {Unit::share, "%", nullptr},
    {Unit::per_s, "/s", nullptr},
});

const Example& examples_of(Unit unit) {
  for (const Example& example : kExamples)
    if (example.unit == unit) return example;
  return kExamples.front();
}

std::string doc_of(Unit unit) {
  for (const UnitRow& row : kUnits)
    if (row.unit == unit) return row.doc;
  return "a number";
}

bool all_digits(std::string_view text) { return text.find_first_not_of("0123456789") == std::string_view::npos; }

// Length of the longest prefix that is a strict decimal number: -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?
std::size_t number_length(std::string_view text) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t start = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i - start;
  };
  if (i < text.size() && text[i] == '-') ++i;
  const std::size_t whole = i;
  if (digits() == 0 || (text[whole] == '0' && i - whole > 1)) return 0;
  const std::size_t fraction = i;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0) i = fraction;
  }
  const std::size_t exponent = i;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) i = exponent;
  }
  return i;
}

std::optional<double> parse_real(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

// What the writer of `text` probably meant: 010 -> 10, 1_000 -> 1000, 0x10 -> 16, .5 -> 0.5, 3.0 -> 3.
std::string plain_number(std::string_view text, bool integer) {
  if (text.starts_with("0x") || text.starts_with("0X")) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), number, 16);
    return error == std::errc() && end == text.data() + text.size() ? fmt::format("{}", number) : "";
  }
  std::string digits;
  for (const char c : text)
    if (c != '_' && c != ',' && c != '+') digits += c;
  if (digits.starts_with(".")) digits.insert(0, "0");
  const std::size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) digits = digits.empty() ? "" : "0";
  else if (first > 0 && digits[first] >= '0' && digits[first] <= '9') digits.erase(0, first);
  if (number_length(digits) != digits.size()) return "";
  if (!integer) return digits;
  const std::optional<double> number = parse_real(digits);
  const bool whole = number && std::nearbyint(*number) == *number && std::abs(*number) < 1e15;
  return whole ? fmt::format("{}", static_cast<std::int64_t>(*number)) : "";
}

std::string hint_for(const std::string& suggestion) { return suggestion.empty() ? "" : "write " + suggestion; }

std::string show_bound(double bound, const FieldDef& field) {
  if (field.kind != Kind::quantity) return fmt::format("{}", bound);
  const Example& example = examples_of(field.unit);
  double best_factor = 1;
  std::string best = example.first;
  for (const UnitRow& row : kUnits) {  // the largest unit that leaves a number of at least 1
    if (row.unit != field.unit || (row.factor > bound && bound > 0) || row.factor < best_factor) continue;
    best_factor = row.factor;
    best = row.name;
  }
  return bound == 0 ? fmt::format("0{}", example.first) : fmt::format("{}{}", bound / best_factor, best);
}

ScalarResult in_range(double number, ParamValue value, const FieldDef& field, const std::string& name,
                      std::string_view text) {
  const bool low = number < field.min;
  if (!low && number <= field.max) return value;
  if (low && field.min > 0 && field.min < 1e-100)
    return ScalarFault{fmt::format("{} is {}, it must be more than 0", name, text), "", ""};
  const std::string bound = show_bound(low ? field.min : field.max, field);
  return ScalarFault{fmt::format("{} is {}, it must be at {} {}", name, text, low ? "least" : "most", bound),
                     hint_for(bound), bound};
}

ScalarResult read_number(std::string_view text, const FieldDef& field, const std::string& name) {
  const bool integer = field.kind == Kind::integer || field.kind == Kind::integers;
  const bool strict = number_length(text) == text.size() && !text.empty();
  const bool whole = strict && all_digits(text.substr(text.front() == '-' ? 1 : 0));
  std::int64_t count = 0;
  if (integer && whole) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error == std::errc() && end == text.data() + text.size())
      return in_range(static_cast<double>(count), count, field, name, text);
    return ScalarFault{fmt::format("{} is out of range: {}", name, text), "", ""};
  }
  const std::optional<double> number = strict ? parse_real(text) : std::nullopt;
  if (!integer && number) return in_range(*number, *number, field, name, text);
  const std::string suggestion = plain_number(text, integer);
  const char* wanted = integer ? "a whole number" : "a finite number";
  return ScalarFault{fmt::format("{} needs {}, not '{}'", name, wanted, text), hint_for(suggestion), suggestion};
}

ScalarResult read_boolean(std::string_view text, const std::string& name) {
  if (text == "true") return true;
  if (text == "false") return false;
  std::string suggestion;
  for (const char* yes : {"yes", "on", "True", "TRUE", "Yes", "On", "YES", "ON", "1", "y", "Y"})
    if (text == yes) suggestion = "true";
  for (const char* no : {"no", "off", "False", "FALSE", "No", "Off", "NO", "OFF", "0", "n", "N"})
    if (text == no) suggestion = "false";
  return ScalarFault{fmt::format("{} needs true or false, not '{}'", name, text), hint_for(suggestion), suggestion};
}

ScalarResult wrong_unit(std::string_view number, std::string_view unit, const FieldDef& field,
                        const std::string& name) {
  std::vector<std::string> fitting;
  const UnitRow* other = nullptr;
  for (const UnitRow& row : kUnits) {
    if (row.unit == field.unit) fitting.emplace_back(row.name);
    else if (unit == row.name) other = &row;
  }
  if (other != nullptr) {
    const std::string suggestion = fmt::format("{}{}", number, examples_of(field.unit).first);
    return ScalarFault{fmt::format("{} needs {}, {}{} is {}", name, doc_of(field.unit), number, unit, other->doc),
                       fmt::format("write for example {}", suggestion), suggestion};
  }
  const std::string near = closest_name(unit, fitting);
  const std::string best = near.empty() ? examples_of(field.unit).first : near;
  return ScalarFault{fmt::format("{} has the unknown unit '{}'", name, unit),
                     fmt::format("{} {}{}", near.empty() ? "write for example" : "did you mean", number, best),
                     fmt::format("{}{}", number, best)};
}

ScalarResult read_quantity(std::string_view text, const FieldDef& field, const std::string& name) {
  const std::size_t length = number_length(text);
  const std::optional<double> number = length == 0 ? std::nullopt : parse_real(text.substr(0, length));
  const Example& example = examples_of(field.unit);
  if (!number)
    return ScalarFault{fmt::format("{} needs {}, not '{}'", name, doc_of(field.unit), text),
                       fmt::format("write for example {}", example_of(field.unit)), example_of(field.unit)};
  const std::string_view unit = text.substr(length);
  if (unit.empty()) {
    const std::string first = fmt::format("{}{}", text, example.first);
    const std::string second = example.second == nullptr ? "" : fmt::format(" or {}{}", text, example.second);
    return ScalarFault{fmt::format("{} needs a unit", name), fmt::format("write {}{}", first, second), first};
  }
  for (const UnitRow& row : kUnits)
    if (row.unit == field.unit && unit == row.name)
      return in_range(*number * row.factor, *number * row.factor, field, name, text);
  const std::size_t start = std::min(unit.find_first_not_of(' '), unit.size());
  return wrong_unit(text.substr(0, length), unit.substr(start), field, name);
}

bool is_word(std::string_view text, const char* words) {
  return words != nullptr && fmt::format("|{}|", words).find(fmt::format("|{}|", text)) != std::string::npos &&
         text.find('|') == std::string_view::npos;
}

std::vector<std::string> split_words(const char* words) {
  std::vector<std::string> list;
  std::string_view rest = words == nullptr ? "" : words;
  while (!rest.empty()) {
    const std::size_t end = rest.find('|');
    list.emplace_back(rest.substr(0, end));
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
  }
  return list;
}

ScalarResult read_word(std::string_view text, const FieldDef& field, const std::string& name) {
  const std::vector<std::string> words = split_words(field.words);
  const std::string near = closest_name(text, words);
  std::string all = field.kind == Kind::word ? "" : field.kind == Kind::quantity ? example_of(field.unit) : "a number";
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
  const std::string hint = near.empty() ? "one of: " + all : fmt::format("did you mean '{}'?", near);
  return ScalarFault{fmt::format("{} cannot be '{}'", name, text), hint, near.empty() ? words.front() : near};
}

}  // namespace

ScalarResult read_scalar(std::string_view text, bool quoted, const FieldDef& field, const std::string& name) {
  if (field.kind == Kind::text || field.kind == Kind::texts) {
    if (text.empty()) return ScalarFault{fmt::format("{} is empty", name), "", ""};
    return std::string(text);
  }
  if (is_word(text, field.words)) return std::string(text);
  const bool like_number = !text.empty() && (all_digits(text.substr(0, 1)) || text.front() == '-');
  if (field.kind == Kind::word || (field.words != nullptr && !like_number)) return read_word(text, field, name);
  if (quoted) {
    const ScalarResult unquoted = read_scalar(text, false, field, name);
    const bool fine = std::holds_alternative<ParamValue>(unquoted);
    return ScalarFault{fmt::format("{} is a text in quotes", name),
                       fine ? fmt::format("write {} without quotes", text) : "", fine ? std::string(text) : ""};
  }
  switch (field.kind) {
    case Kind::boolean: return read_boolean(text, name);
    case Kind::quantity: return read_quantity(text, field, name);
    default: return read_number(text, field, name);
  }
}

std::string example_of(Unit unit) { return fmt::format("2{}", examples_of(unit).first); }

std::string pattern_of(Unit unit) {
  std::string units;
  for (const UnitRow& row : kUnits)
    if (row.unit == unit) units += fmt::format("{}{}", units.empty() ? "" : "|", row.name);
  return fmt::format("^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?({})$", units);
}

}  // namespace cleave
