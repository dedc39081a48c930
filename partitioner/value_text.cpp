#include "partitioner/value_text.h"

#include <array>
#include <cmath>
#include <limits>
#include <span>

#include <fmt/format.h>

namespace cleave {

namespace {

struct UnitChoice {
  const char* name;
  double factor;  // as graphs/scalars.cpp has it: the reader multiplies by it
  double from;    // not used for less
};

// Returns the shortest number that, multiplied by `factor`, is `value` again; the nearest where there is none.
std::string number_text(double value, double factor) {
  const double number = value / factor;
  for (int digits = 1; digits <= 17; ++digits) {
    const double rounded = std::stod(fmt::format("{:.{}g}", number, digits));
    if (rounded * factor == value) return fmt::format("{}", rounded);
  }
  for (const double near : {std::nextafter(number, 0), std::nextafter(number, std::numeric_limits<double>::infinity())})
    if (near * factor == value) return fmt::format("{}", near);
  return fmt::format("{}", number);
}

// Returns the shortest text that is read as `value`, which one in units of factor 1 always is.
std::string quantity(double value, std::span<const UnitChoice> units) {
  std::string best;
  for (const UnitChoice& unit : units) {
    if (value < unit.from) continue;
    const std::string number = number_text(value, unit.factor);
    const std::string text = number + unit.name;
    if (std::stod(number) * unit.factor != value && &unit != &units.back()) continue;
    if (best.empty() || text.size() < best.size()) best = text;
  }
  return best;
}

constexpr std::array kTimes = {UnitChoice{"ms", 1e-3, 1e-3}, UnitChoice{"us", 1e-6, 0}, UnitChoice{"s", 1, 0}};
constexpr std::array kShares = {UnitChoice{"%", 0.01, 0}};

}  // namespace

std::string seconds_text(double seconds) { return quantity(seconds, kTimes); }

std::string share_text(double share) { return quantity(share, kShares); }

std::string size_text(std::int64_t bytes) {
  constexpr std::int64_t kKiB = 1024;
  if (bytes > 0 && bytes % (kKiB * kKiB) == 0) return fmt::format("{}MiB", bytes / kKiB / kKiB);
  if (bytes > 0 && bytes % kKiB == 0) return fmt::format("{}KiB", bytes / kKiB);
  return fmt::format("{}B", bytes);
}

// In quotes unless it is made of letters that mean nothing to YAML.
std::string yaml_text(const std::string& text) {
  const bool plain = text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-") ==
                         std::string::npos &&
                     !text.starts_with('-') && text != "null" && text != "Null" && text != "NULL";
  if (plain && !text.empty()) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return quoted + '"';
}

}  // namespace cleave
