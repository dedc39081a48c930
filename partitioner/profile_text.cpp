// Profiles as the text that is read back the same.
#include <fmt/format.h>

#include "partitioner/profile.h"
#include "partitioner/value_text.h"

namespace cleave {

namespace {

std::string measured_text(const Measured& measured) {
  std::string text = fmt::format("seconds: {}", seconds_text(measured.seconds));
  if (measured.spread > 0) text += fmt::format(", spread: {}", share_text(measured.spread));
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
