// profile.yaml: a list of profiles, or one alone, checked like a model file.
#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "graphs/check_doc.h"
#include "ops/core/catalog.h"
#include "partitioner/profile.h"

namespace cleave {

namespace {

constexpr double kTiny = 1e-300;        // "more than nothing"
constexpr double kMostSeconds = 3.6e9;  // a million hours: sums stay finite
constexpr double kMostBytes = 1125899906842624.0;
constexpr double kInf = std::numeric_limits<double>::infinity();

constexpr FieldDef text_row(const char* name, const char* doc, bool required = false) {
  return {name, Kind::text, doc, nullptr, required};
}
constexpr FieldDef seconds_row(const char* name) {
  return {name, Kind::quantity, "median of one frame", nullptr, true, kTiny, kMostSeconds, Unit::seconds};
}
constexpr FieldDef spread_row(const char* name) {
  return {name, Kind::quantity, "interquartile range over the median", nullptr, false, 0, kInf, Unit::share};
}
constexpr FieldDef memory_row(const char* name) {
  return {name, Kind::quantity, "at its most while running", nullptr, false, 0, kMostBytes, Unit::bytes};
}

constexpr FieldDef kVersion{"version", Kind::integer, "version of the language: 1", nullptr, true, 1, 1};

constexpr std::array kListRows = {
    kVersion,
    FieldDef{"profiles", Kind::any, "measured times, one profile a kind of device", nullptr, true},
};

// One profile; `version` only where it stands alone.
constexpr std::array kProfileRows = {
    kVersion,
    text_row("device", "a preset or a device's name: what it speaks for", true),
    text_row("model", "the model's name, for people"),
    text_row("graph", "hash of the network it was measured on; without it the names must fit"),
    FieldDef{"batch", Kind::integer, "samples in a frame", "1", false, 1, 1048576},
    FieldDef{"host", Kind::table, "facts about the machine"},
    text_row("host.*", "a fact"),
    FieldDef{"segments", Kind::records, "nodes run together"},
    text_row("segments.from", "the layer before; the input if not given"),
    text_row("segments.to", "the last layer; the end if not given"),
    seconds_row("segments.seconds"),
    spread_row("segments.spread"),
    memory_row("segments.memory"),
    FieldDef{"shares", Kind::records, "one share of a split head"},
    FieldDef{"shares.split", Kind::word, "the kind of split", nullptr, true, -kInf, kInf, Unit::none,
             "branches|filters|tiles"},
    FieldDef{"shares.ways", Kind::integer, "shares the head is split into", nullptr, true, 2, 64},
    text_row("shares.to", "the last layer of the head", true),
    seconds_row("shares.seconds"),
    spread_row("shares.spread"),
    memory_row("shares.memory"),
    FieldDef{"nodes", Kind::records, "single nodes"},
    text_row("nodes.node", "its name", true),
    seconds_row("nodes.seconds"),
    spread_row("nodes.spread"),
    memory_row("nodes.memory"),
};

// What is left of a value with a mistake is the fallback; the mistake is in the list.
template <class Value>
Value value_of(const DocNode& map, const char* key, Value fallback) {
  const DocNode* node = map.find(key);
  if (node == nullptr || !node->value) return fallback;
  const auto* value = std::get_if<Value>(&*node->value);
  return value == nullptr ? fallback : *value;
}
std::string text_of(const DocNode& map, const char* key) { return value_of<std::string>(map, key, ""); }
SourcePos place_of(const DocNode& map, const char* key) {
  const DocNode* node = map.find(key);
  return node == nullptr || !node->origin.empty() ? map.pos : node->pos;
}

Measured measured_of(const DocNode& map) {
  const double memory = value_of(map, "memory", -1.0);
  return {value_of(map, "seconds", 0.0), value_of(map, "spread", 0.0), static_cast<std::int64_t>(memory)};
}

// Remembers what was stated, by whatever names it.
template <class Key>
class Once {
 public:
  explicit Once(Diagnostics& found) : found_(found) {}
  void state(const Key& key, const SourcePos& pos, const std::string& what) {
    const auto [first, fresh] = stated_.emplace(key, pos);
    if (fresh) return;
    Diagnostic& twice = found_.add(pos, fmt::format("{} is measured twice", what), "keep one of the two");
    found_.note(twice, first->second, "the first one");
  }

 private:
  Diagnostics& found_;
  std::map<Key, SourcePos> stated_;
};

// A record that can be compared with others: nothing in it is wrong.
bool is_sound(const DocNode& item) {
  return item.is_map() && !item.broken &&
         std::all_of(item.entries.begin(), item.entries.end(),
                     [](const DocEntry& entry) { return entry.value.value.has_value(); });
}

std::span<const DocNode> items_of(const DocNode& map, const char* key) {
  const DocNode* list = map.find(key);
  if (list == nullptr) return {};
  return list->items;
}

void read_segments(const DocNode& doc, Profile& profile, Diagnostics& found) {
  Once<std::pair<std::string, std::string>> once(found);
  for (const DocNode& item : items_of(doc, "segments")) {
    if (!is_sound(item)) continue;
    SegmentProfile segment{text_of(item, "from"), text_of(item, "to"), measured_of(item), place_of(item, "from"),
                           place_of(item, "to")};
    const std::string from = segment.from.empty() ? "the input" : fmt::format("'{}'", segment.from);
    const std::string to = segment.to.empty() ? "the end" : fmt::format("'{}'", segment.to);
    if (!segment.from.empty() && segment.from == segment.to)
      found.add(segment.to_pos, fmt::format("nothing stands behind {} up to {}", from, to),
                "'from' is the layer before");
    else once.state({segment.from, segment.to}, item.pos, fmt::format("the segment from {} to {}", from, to));
    profile.segments.push_back(std::move(segment));
  }
}

void read_shares(const DocNode& doc, Profile& profile, Diagnostics& found) {
  Once<std::tuple<std::string, std::int64_t, std::string>> once(found);
  for (const DocNode& item : items_of(doc, "shares")) {
    if (!is_sound(item)) continue;
    ShareProfile share{text_of(item, "split"), value_of(item, "ways", std::int64_t{2}), text_of(item, "to"),
                       measured_of(item), place_of(item, "to")};
    if (!share.split.empty() && !share.to.empty())
      once.state({share.split, share.ways, share.to}, item.pos,
                 fmt::format("a share of {} {} up to '{}'", share.ways, share.split, share.to));
    profile.shares.push_back(std::move(share));
  }
}

void read_nodes(const DocNode& doc, Profile& profile, Diagnostics& found) {
  Once<std::string> once(found);
  for (const DocNode& item : items_of(doc, "nodes")) {
    if (!is_sound(item)) continue;
    NodeProfile node{text_of(item, "node"), measured_of(item), place_of(item, "node")};
    if (!node.node.empty()) once.state(node.node, node.pos, fmt::format("node '{}'", node.node));
    profile.nodes.push_back(std::move(node));
  }
}

void check_hash(const Profile& profile, Diagnostics& found) {
  const std::string& hash = profile.graph_hash;
  if (hash.empty()) return;
  if (hash.size() != 16 || hash.find_first_not_of("0123456789abcdef") != std::string::npos)
    found.add(profile.graph_pos, fmt::format("graph is '{}', it must be 16 hexadecimal digits", hash),
              "`cleave profile` writes it; a profile written by hand needs none");
}

Profile read_profile(DocNode& doc, const std::string& file, bool alone, Diagnostics& found) {
  const std::span<const FieldDef> rows(kProfileRows);
  check_fields(doc, alone ? rows : rows.subspan(1), "a profile", found);
  Profile profile;
  if (!doc.is_map()) return profile;  // told
  profile.file = file;
  profile.model = text_of(doc, "model");
  profile.graph_hash = text_of(doc, "graph");
  profile.device = text_of(doc, "device");
  profile.batch = value_of(doc, "batch", std::int64_t{1});
  profile.pos = place_of(doc, "device");
  profile.graph_pos = place_of(doc, "graph");
  profile.batch_pos = place_of(doc, "batch");
  if (const DocNode* host = doc.find("host"); host != nullptr)
    for (const DocEntry& entry : host->entries)
      if (entry.value.value) profile.host.emplace_back(entry.key, std::get<std::string>(*entry.value.value));
  read_segments(doc, profile, found);
  read_shares(doc, profile, found);
  read_nodes(doc, profile, found);
  check_hash(profile, found);
  const bool lists = doc.find("segments") != nullptr || doc.find("shares") != nullptr || doc.find("nodes") != nullptr;
  if (!lists && !doc.broken) found.add(doc.pos, "a profile needs one of: segments, shares, nodes");
  return profile;
}

std::vector<Profile> read_list(DocNode& doc, const std::string& file, Diagnostics& found) {
  check_fields(doc, kListRows, "a file of profiles", found);
  std::vector<Profile> profiles;
  if (doc.find("profiles") == nullptr || doc.find("profiles")->is_null()) return profiles;  // told
  DocNode& list = *doc.find("profiles");
  if (!list.is_list()) found.add(list.pos, "profiles needs a list", "each profile starts with '- '");
  else if (list.items.empty()) found.add(list.pos, "profiles is empty", "at least one profile");
  Once<std::pair<std::string, std::int64_t>> once(found);
  for (DocNode& item : list.items) {
    if (!item.is_map()) {
      found.add(item.pos, "a profile is a map of keys", "start with '- device: NAME'");
      continue;
    }
    profiles.push_back(read_profile(item, file, false, found));
    const Profile& last = profiles.back();
    if (!last.device.empty())
      once.state({last.device, last.batch}, last.pos, fmt::format("'{}' with frames of {}", last.device, last.batch));
  }
  return profiles;
}

// A slip in `profiles` still means a list.
bool is_list(const DocNode& doc) {
  if (doc.find("profiles") != nullptr || doc.find("device") != nullptr) return doc.find("profiles") != nullptr;
  return std::any_of(doc.entries.begin(), doc.entries.end(),
                     [](const DocEntry& entry) { return !closest_name(entry.key, {"profiles"}).empty(); });
}

}  // namespace

std::vector<Profile> read_profiles(const std::string& path) {
  return read_profiles_text(path, read_source(path, {}, Sources{}));
}

std::vector<Profile> read_profiles_text(const std::string& file, const std::string& text) {
  Sources sources;
  sources.add(file, text);
  Diagnostics found(sources);
  DocNode doc = parse_yaml(file, text, found);
  std::vector<Profile> profiles;
  if (is_list(doc)) profiles = read_list(doc, file, found);
  else profiles.push_back(read_profile(doc, file, true, found));
  found.throw_if_any();
  for (Profile& profile : profiles) profile.sources = sources;
  return profiles;
}

}  // namespace cleave
