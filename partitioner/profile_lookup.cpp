#include "partitioner/profile_lookup.h"

#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>

#include <fmt/format.h>

#include "ops/core/catalog.h"

namespace cleave {

namespace {

// A profile that was not read has no places; then the profile as a whole is named.
SourcePos place(const Profile& profile, const SourcePos& pos) {
  if (pos.line > 0) return pos;
  return {profile.file.empty() ? fmt::format("profile of '{}'", profile.device) : profile.file, 0, 0, 1};
}

// Looks the names of a profile up; what does not fit goes to `found`.
class Lookup {
 public:
  Lookup(const Graph& graph, const Profile& profile, Diagnostics& found)
      : graph_(graph), profile_(profile), found_(found) {
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) index_.emplace(graph.nodes[i].name, i);
  }

  Measurements run() {
    if (!profile_.graph_hash.empty() && profile_.graph_hash != structure_hash(graph_)) {
      found_.add(place(profile_, profile_.graph_pos),
                 fmt::format("this profile is of another network than '{}'", graph_.name),
                 "`cleave profile` measures this one");
      return {};
    }
    for (const NodeProfile& node : profile_.nodes) add_node(node);
    for (const SegmentProfile& segment : profile_.segments) add_segment(segment);
    for (const ShareProfile& share : profile_.shares) add_share(share);
    return std::move(known_);
  }

 private:
  void unknown(const std::string& name, const SourcePos& pos, const std::vector<std::string>& known) {
    const std::string near = found_.too_many() ? "" : closest_name(name, known);
    found_.add(place(profile_, pos), fmt::format("'{}' has no layer '{}'", graph_.name, name),
               near.empty() ? "`cleave show --stage graph` lists them" : fmt::format("did you mean '{}'?", near), near);
  }

  std::optional<std::size_t> find_place(const std::string& name, const SourcePos& pos) {
    const auto exact = index_.find(name);
    if (exact != index_.end()) return exact->second;
    const NodeId node = node_of_name(graph_, name);
    if (node != NodeId::none) return index_of(node);
    unknown(name, pos, place_names(graph_));
    return std::nullopt;
  }

  void twice(const SourcePos& pos, const std::string& what, const SourcePos& first) {
    Diagnostic& again =
        found_.add(place(profile_, pos), fmt::format("{} is measured twice", what), "keep one of the two");
    if (first.line > 0) found_.note(again, first, "the first one");
  }

  void add_node(const NodeProfile& node) {
    const auto exact = index_.find(node.node);
    if (exact == index_.end() && node_of_name(graph_, node.node) != NodeId::none) {
      found_.add(place(profile_, node.pos), fmt::format("'{}' holds several nodes", node.node),
                 "put it among the segments");
    } else if (exact == index_.end()) {
      std::vector<std::string> names;
      for (const Node& known : graph_.nodes) names.push_back(known.name);
      unknown(node.node, node.pos, names);
    } else if (const auto [first, fresh] = node_pos_.emplace(exact->second, node.pos); !fresh) {
      twice(node.pos, fmt::format("node '{}'", node.node), first->second);
    } else {
      known_.nodes.emplace_back(exact->second, node.measured.seconds);
    }
  }

  void add_segment(const SegmentProfile& segment) {
    const std::optional<std::size_t> from =
        segment.from.empty() ? std::size_t{0} : find_place(segment.from, segment.from_pos);
    const std::optional<std::size_t> to =
        segment.to.empty() ? graph_.nodes.size() - 1 : find_place(segment.to, segment.to_pos);
    if (!from || !to) return;
    if (*from >= *to) {
      found_.add(place(profile_, segment.to.empty() ? segment.from_pos : segment.to_pos),
                 fmt::format("nothing stands behind '{}' up to '{}'", graph_.nodes[*from].name, graph_.nodes[*to].name),
                 "'from' is the earlier one");
      return;
    }
    const SegmentCost cost{static_cast<std::int32_t>(*from + 1), static_cast<std::int32_t>(*to),
                           segment.measured.seconds};
    const auto [first, fresh] = segment_pos_.emplace(std::pair(*from, *to), segment.to_pos);
    if (fresh) known_.segments.push_back(cost);
    else
      twice(segment.to_pos,
            fmt::format("the segment behind '{}' up to '{}'", graph_.nodes[*from].name, graph_.nodes[*to].name),
            first->second);
  }

  void add_share(const ShareProfile& share) {
    const std::optional<std::size_t> to = find_place(share.to, share.pos);
    if (!to) return;
    const auto [first, fresh] = share_pos_.emplace(std::tuple(share.split, share.ways, *to), share.pos);
    if (fresh)
      known_.shares.push_back(
          {share.split, share.ways, NodeId{static_cast<std::int32_t>(*to)}, share.measured.seconds});
    else twice(share.pos, fmt::format("a share of {} {} up to '{}'", share.ways, share.split, share.to), first->second);
  }

  const Graph& graph_;
  const Profile& profile_;
  Diagnostics& found_;
  Measurements known_;
  std::unordered_map<std::string, std::size_t> index_;
  std::map<std::size_t, SourcePos> node_pos_;
  std::map<std::pair<std::size_t, std::size_t>, SourcePos> segment_pos_;
  std::map<std::tuple<std::string, std::int64_t, std::size_t>, SourcePos> share_pos_;
};

}  // namespace

std::vector<Measurements> look_up(const Graph& graph, std::span<const Profile> profiles) {
  std::vector<Measurements> known;
  for (std::size_t begin = 0; begin < profiles.size();) {
    Diagnostics found(profiles[begin].sources);
    std::size_t end = begin;
    for (; end < profiles.size() && profiles[end].file == profiles[begin].file; ++end)
      known.push_back(Lookup(graph, profiles[end], found).run());
    found.throw_if_any();
    begin = end;
  }
  return known;
}

int profile_of(const Device& device, std::span<const Profile> profiles, std::int64_t batch) {
  const Profile* other = nullptr;
  for (const std::string* name : {&device.name, &device.preset}) {
    if (name->empty()) continue;
    int chosen = -1;
    for (std::size_t i = 0; i < profiles.size(); ++i) {
      if (profiles[i].device != *name) continue;
      if (profiles[i].batch != batch) {
        if (other == nullptr) other = &profiles[i];
      } else if (chosen >= 0) {
        throw UserError(fmt::format("two profiles speak for '{}' and frames of {}: {} and {}; keep one", *name, batch,
                                    profiles[static_cast<std::size_t>(chosen)].file, profiles[i].file));
      } else {
        chosen = static_cast<int>(i);
      }
    }
    if (chosen >= 0) return chosen;
  }
  if (other == nullptr) return -1;
  Diagnostics found(other->sources);
  found.add(
      place(*other, other->batch_pos),
      fmt::format("this profile of '{}' is for frames of {}, the plan's hold {}", other->device, other->batch, batch),
      fmt::format("measure with --batch {}, or set inference.batch to {}", batch, other->batch));
  found.throw_if_any();
  return -1;
}

}  // namespace cleave
