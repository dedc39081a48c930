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
  if (bound == 0) return fmt::format("0{}", examples_of(field.unit).first);
  const UnitRow* best = nullptr;
  for (const UnitRow& row : kUnits) {  // the largest unit that leaves a number of at least 1
    if (row.unit != field.unit || (best != nullptr && row.factor > bound)) continue;
    if (best == nullptr || row.factor > best->factor) best = &row;
  }
  return fmt::format("{}{}", bound / best->factor, best->name);
}

ScalarResult in_range(double number, ParamValue value, const FieldDef& field, const std::string& name,
                      std::string_view text) {
  const bool low = number < field.min;
  if (!low && number <= field.max) return value;
  if (low && field.min > 0 && field.min < 1e-20)
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
    const bool low = text.front() == '-';
    if (std::isinf(low ? field.min : field.max))
      return ScalarFault{fmt::format("{} is out of range: {}", name, text), "", ""};
    return in_range(low ? -HUGE_VAL : HUGE_VAL, count, field, name, text);
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

// Units as others write them.
constexpr auto kAliases = std::to_array<std::pair<const char*, const char*>>({
    {"bps", "bit/s"},
    {"kbps", "kbit/s"},
    {"Mbps", "Mbit/s"},
    {"Gbps", "Gbit/s"},
    {"sec", "s"},
    {"msec", "ms"},
    {"usec", "us"},
    {"FLOPS", "FLOP/s"},
    {"GFLOPS", "GFLOP/s"},
    {"TFLOPS", "TFLOP/s"},
    {"fps", "/s"},
    {"Hz", "/s"},
});

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

std::string nearest_unit(std::string_view unit, Unit wanted, const std::vector<std::string>& fitting) {
  for (const std::string& name : fitting)
    if (equal_ignoring_case(unit, name)) return name;
  for (const auto& [alias, name] : kAliases)
    for (const UnitRow& row : kUnits)
      if (equal_ignoring_case(unit, alias) && row.unit == wanted && std::string_view(row.name) == name) return name;
  return closest_name(unit, fitting);
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
  const std::string near = nearest_unit(unit, field.unit, fitting);
  const std::string best = near.empty() ? examples_of(field.unit).first : near;
  return ScalarFault{fmt::format("{} has the unknown unit '{}'", name, unit),
                     near.empty() ? fmt::format("write for example {}{}", number, best)
                                  : fmt::format("did you mean {}{}?", number, best),
                     fmt::format("{}{}", number, best)};
}

bool is_unit(std::string_view name, Unit unit) {
  return std::any_of(kUnits.begin(), kUnits.end(),
                     [&](const UnitRow& row) { return row.unit == unit && name == row.name; });
}

// 1_000ms -> 1000ms, .5s -> 0.5s, "2 GiB" -> 2GiB: the quantity meant where only its number is written wrongly; else
// "".
std::string plain_quantity(std::string_view text, const FieldDef& field) {
  const std::size_t end = std::min(text.find_first_not_of("+-_,.0123456789"), text.size());
  const std::size_t start = std::min(text.find_first_not_of(' ', end), text.size());
  const std::string_view unit = text.substr(start);
  if (!is_unit(unit, field.unit)) return "";
  const std::string number = plain_number(text.substr(0, end), false);
  const std::string plain = fmt::format("{}{}", number, unit);
  return number.empty() || plain == text ? "" : plain;
}

ScalarResult read_quantity(std::string_view text, const FieldDef& field, const std::string& name) {
  const std::size_t length = number_length(text);
  const std::optional<double> number = length == 0 ? std::nullopt : parse_real(text.substr(0, length));
  const Example& example = examples_of(field.unit);
  const std::string plain = plain_quantity(text, field);
  if (!plain.empty())
    return ScalarFault{fmt::format("{} needs a plain number and its unit, not '{}'", name, text), "write " + plain,
                       plain};
  if (!number)
    return ScalarFault{fmt::format("{} needs {}, not '{}'", name, doc_of(field.unit), text),
                       fmt::format("write for example {}", example_of(field.unit)), ""};
  const double value = number.value_or(0);
  const std::string_view unit = text.substr(length);
  if (unit.empty()) {
    const bool part = field.unit == Unit::share && value <= 1;  // 0.8 of all is 80%
    const std::string first = part ? fmt::format("{:.6g}%", value * 100) : fmt::format("{}{}", text, example.first);
    const std::string second = example.second == nullptr ? "" : fmt::format(" or {}{}", text, example.second);
    return ScalarFault{fmt::format("{} needs a unit", name), fmt::format("write {}{}", first, second), first};
  }
  for (const UnitRow& row : kUnits)
    if (row.unit == field.unit && unit == row.name)
      return in_range(value * row.factor, value * row.factor, field, name, text);
  return wrong_unit(text.substr(0, length), unit, field, name);
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
  return ScalarFault{fmt::format("{} cannot be '{}'", name, text), hint, near};
}

ScalarResult read_any(std::string_view text, bool quoted, const FieldDef& field, const std::string& name);

// A number or a boolean in quotes is a text, which is not what was wanted; what stands in them may be.
ScalarResult unquote(std::string_view text, const FieldDef& field, const std::string& name) {
  const ScalarResult unquoted = read_any(text, false, field, name);
  const auto* fault = std::get_if<ScalarFault>(&unquoted);
  const std::string meant = fault == nullptr ? std::string(text) : fault->suggestion;
  return ScalarFault{fmt::format("{} is a text in quotes", name),
                     meant.empty() ? "" : fmt::format("write {} without quotes", meant), meant};
}

ScalarResult read_any(std::string_view text, bool quoted, const FieldDef& field, const std::string& name) {
  if (field.kind == Kind::text || field.kind == Kind::texts) {
    if (text.empty()) return ScalarFault{fmt::format("{} is empty", name), "", ""};
    return std::string(text);
  }
  if (is_word(text, field.words)) return std::string(text);
  const bool like_number = !text.empty() && (all_digits(text.substr(0, 1)) || text.front() == '-');
  if (field.kind == Kind::word || (field.words != nullptr && !like_number)) return read_word(text, field, name);
  if (quoted) return unquote(text, field, name);
  switch (field.kind) {
    case Kind::boolean: return read_boolean(text, name);
    case Kind::quantity: return read_quantity(text, field, name);
    default: return read_number(text, field, name);
  }
}

}  // namespace

ScalarResult read_scalar(std::string_view text, bool quoted, const FieldDef& field, const std::string& name) {
  ScalarResult result = read_any(text, quoted, field, name);
  auto* fault = std::get_if<ScalarFault>(&result);
  if (fault == nullptr || fault->suggestion.empty()) return result;
  if (std::holds_alternative<ParamValue>(read_any(fault->suggestion, false, field, name))) return result;
  fault->suggestion.clear();  // it would only lead to the next mistake
  fault->hint.clear();
  return result;
}

std::string example_of(Unit unit) { return fmt::format("2{}", examples_of(unit).first); }

std::string pattern_of(const FieldDef& field) {
  std::string units;
  for (const UnitRow& row : kUnits)
    if (row.unit == field.unit) units += fmt::format("{}{}", units.empty() ? "" : "|", row.name);
  const char* sign = field.min < 0 ? "-?" : "";
  const char* not_zero = field.min > 0 ? "(?!0(\\.0+)?[^0-9.])" : "";
  return fmt::format("^{}{}(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?({})$", not_zero, sign, units);
}

}  // namespace cleave
