// Profiles as the text that is read back the same.
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include <fmt/format.h>

#include "partitioner/profile.h"

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

// Returns the shortest text that is read as `value`.
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
constexpr std::array kSizes = {UnitChoice{"B", 1, 0}};
constexpr std::array kShares = {UnitChoice{"%", 0.01, 0}};

std::string size_text(std::int64_t bytes) {
  constexpr std::int64_t kKiB = 1024;
  if (bytes > 0 && bytes % (kKiB * kKiB) == 0) return fmt::format("{}MiB", bytes / kKiB / kKiB);
  if (bytes > 0 && bytes % kKiB == 0) return fmt::format("{}KiB", bytes / kKiB);
  return quantity(static_cast<double>(bytes), kSizes);
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

std::string measured_text(const Measured& measured) {
  std::string text = fmt::format("seconds: {}", quantity(measured.seconds, kTimes));
  if (measured.spread > 0) text += fmt::format(", spread: {}", quantity(measured.spread, kShares));
  if (measured.memory_bytes >= 0) text += fmt::format(", memory: {}", size_text(measured.memory_bytes));
  return text;
}

std::string segment_text(const SegmentProfile& segment) {
  const std::string from = segment.from.empty() ? "" : fmt::format("from: {}, ", yaml_text(segment.from));
  const std::string to = segment.to.empty() ? "" : fmt::format("to: {}, ", yaml_text(segment.to));
  return fmt::format("      - {{{}{}{}}}\n", from, to, measured_text(segment.measured));
}

std::string profile_text(const Profile& profile) {
  std::string text = fmt::format("  - device: {}\n", yaml_text(profile.device));
  if (!profile.model.empty()) text += fmt::format("    model: {}\n", yaml_text(profile.model));
  if (!profile.graph_hash.empty()) text += fmt::format("    graph: \"{}\"\n", profile.graph_hash);
  text += fmt::format("    batch: {}\n", profile.batch);
  if (!profile.host.empty()) text += "    host:\n";
  for (const auto& [fact, value] : profile.host)
    text += fmt::format("      {}: {}\n", yaml_text(fact), yaml_text(value));
  if (!profile.segments.empty()) text += "    segments:\n";
  for (const SegmentProfile& segment : profile.segments) text += segment_text(segment);
  if (!profile.shares.empty()) text += "    shares:\n";
  for (const ShareProfile& share : profile.shares)
    text += fmt::format("      - {{split: {}, ways: {}, to: {}, {}}}\n", share.split, share.ways, yaml_text(share.to),
                        measured_text(share.measured));
  if (!profile.nodes.empty()) text += "    nodes:\n";
  for (const NodeProfile& node : profile.nodes)
    text += fmt::format("      - {{node: {}, {}}}\n", yaml_text(node.node), measured_text(node.measured));
  return text;
}

}  // namespace

std::string to_yaml(const std::vector<Profile>& profiles) {
  std::string text = "version: 1\nprofiles:\n";
  for (const Profile& profile : profiles) text += profile_text(profile);
  return text;
}

}  // namespace cleave
