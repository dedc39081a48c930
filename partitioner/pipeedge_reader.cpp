// The three files belong together: devices.yml says which types of device_types.yml count, and models.yml how long
// their lists must be. What is not asked for (other models, types without hosts) is not looked at, so that a file may
// hold more than was measured so far.
#include "partitioner/pipeedge_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "graphs/source.h"
#include "graphs/yaml_reader.h"
#include "ops/core/catalog.h"
#include "partitioner/cuts.h"
#include "partitioner/swarm.h"

namespace cleave {

namespace {

constexpr double kLargest = 9007199254740992;  // 2^53: bytes are counted exactly up to there

struct DtypeSize {
  const char* name;
  std::int64_t bytes;
};
constexpr std::array kDtypes = {DtypeSize{"torch.float32", 4}, DtypeSize{"torch.float64", 8},
                                DtypeSize{"torch.float16", 2}, DtypeSize{"torch.bfloat16", 2}};

// A profile's row of device_types.yml: what it was measured with.
struct Measurement {
  std::int64_t batch = 0;
  std::string dtype;
  const DocEntry* time_s = nullptr;

  std::pair<std::int64_t, std::string> key() const { return {batch, dtype}; }
};

std::string text_of(const std::pair<std::int64_t, std::string>& key) {
  return fmt::format("batch size {} of {}", key.first, key.second);
}

std::vector<std::string> keys_of(const DocNode& map) {
  std::vector<std::string> keys;
  for (const DocEntry& entry : map.entries) keys.push_back(entry.key);
  return keys;
}

std::string near(std::string_view name, const std::vector<std::string>& known) {
  const std::string close = closest_name(name, known);
  return close.empty() ? "" : fmt::format("did you mean '{}'?", close);
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& known) {
  const std::string close = near(name, known);
  return !close.empty() || known.empty() ? close : "known: " + some_of(known);
}

const DocEntry* entry_of(const DocNode& map, std::string_view key) {
  for (const DocEntry& entry : map.entries)
    if (entry.key == key) return &entry;
  return nullptr;
}

class Reader {
 public:
  Reader(const PipeEdgeOptions& options, Diagnostics& found) : options_(options), found_(found) {}

  void read_model(const DocNode& models);
  void read_hosts(const DocNode& devices, const DocNode& types);
  void read_profiles(const DocNode& types);
  PipeEdgeData take() { return std::move(data_); }

 private:
  bool is_map(const DocNode& node, const std::string& what) {
    if (!node.is_map()) found_.add(node.pos, fmt::format("{} is not a map", what));
    return node.is_map();
  }
  // Returns the entry, or null with a mistake at `owner`.
  const DocEntry* need(const DocEntry& owner, const char* key) {
    const DocEntry* entry = entry_of(owner.value, key);
    if (entry == nullptr)
      found_.add(owner.key_pos, fmt::format("{} has no '{}'", owner.key, key), near(key, keys_of(owner.value)));
    return entry;
  }
  // Reads a finite number of at least `least` (above it, if `above`).
  std::optional<double> number(const DocNode& node, const std::string& name, double least, bool above, bool whole);
  std::optional<double> number_of(const DocEntry& owner, const char* key, double least, bool above, bool whole);
  std::vector<double> numbers(const DocEntry& entry, std::size_t count, bool whole);
  std::string chosen_model(const DocNode& models) const;
  std::vector<Measurement> measurements(const DocEntry& type);
  void choose(const std::vector<std::vector<Measurement>>& all);
  void read_host(const DocNode& host, PipeEdgeType& type, std::map<std::string, SourcePos>& known);

  const PipeEdgeOptions& options_;
  Diagnostics& found_;
  PipeEdgeData data_;
};

std::optional<double> Reader::number(const DocNode& node, const std::string& name, double least, bool above,
                                     bool whole) {
  double value = 0;
  const char* end = node.scalar.data() + node.scalar.size();
  const auto [stop, fault] = std::from_chars(node.scalar.data(), end, value);
  const bool is_number = node.is_scalar() && fault == std::errc() && stop == end && std::isfinite(value);
  if (!is_number || (whole && value != std::floor(value))) {
    found_.add(node.pos, fmt::format("{} is not a {}", name, whole ? "whole number" : "number"));
    return std::nullopt;
  }
  if (value < least || (above && value <= least) || value > kLargest) {
    const std::string bound = value > kLargest ? "larger than 2^53"
                              : above          ? fmt::format("not above {}", least)
                                               : fmt::format("below {}", least);
    found_.add(node.pos, fmt::format("{} is {}", name, bound));
    return std::nullopt;
  }
  return value;
}

std::optional<double> Reader::number_of(const DocEntry& owner, const char* key, double least, bool above, bool whole) {
  const DocEntry* entry = need(owner, key);
  return entry == nullptr ? std::nullopt : number(entry->value, key, least, above, whole);
}

// Returns `count` numbers of at least 0; fewer when there was a mistake.
std::vector<double> Reader::numbers(const DocEntry& entry, std::size_t count, bool whole) {
  std::vector<double> values;
  if (!entry.value.is_list()) {
    found_.add(entry.value.pos, fmt::format("{} is not a list", entry.key));
    return values;
  }
  if (entry.value.items.size() != count) {
    found_.add(entry.key_pos, fmt::format("{} has {} entries, but {} has {} layers", entry.key,
                                          entry.value.items.size(), data_.model, count));
    return values;
  }
  for (const DocNode& item : entry.value.items)
    if (const std::optional<double> value = number(item, entry.key, 0, false, whole)) values.push_back(*value);
  return values;
}

std::string Reader::chosen_model(const DocNode& models) const {
  const std::vector<std::string> names = keys_of(models);
  if (names.empty()) throw UserError(fmt::format("{}: there is no model", models.pos.file), ExitCode::invalid_model);
  if (options_.model.empty() && names.size() == 1) return names.front();
  if (options_.model.empty())
    throw UserError(fmt::format("{} holds several models: say which; known: {}", models.pos.file, some_of(names)));
  if (entry_of(models, options_.model) == nullptr)
    throw UserError(fmt::format("{} holds no model '{}'; {}", models.pos.file, options_.model,
                                did_you_mean(options_.model, names)));
  return options_.model;
}

void Reader::read_model(const DocNode& models) {
  if (!is_map(models, "the file of models")) return;
  data_.model = chosen_model(models);
  const DocEntry& model = *entry_of(models, data_.model);
  if (!is_map(model.value, data_.model)) return;
  const std::optional<double> layers = number_of(model, "layers", 1, false, true);
  data_.parameters_in = number_of(model, "parameters_in", 0, false, true).value_or(0);
  if (layers && *layers >= kMaxPositions) {
    found_.add(model.value.find("layers")->pos, fmt::format("more than {} layers", kMaxPositions - 1));
    return;
  }
  const DocEntry* mem_mb = need(model, "mem_MB");
  const DocEntry* parameters_out = need(model, "parameters_out");
  if (!layers) return;
  if (mem_mb != nullptr) data_.mem_mb = numbers(*mem_mb, static_cast<std::size_t>(*layers), false);
  if (parameters_out != nullptr)
    data_.parameters_out = numbers(*parameters_out, static_cast<std::size_t>(*layers), true);
}

void Reader::read_host(const DocNode& host, PipeEdgeType& type, std::map<std::string, SourcePos>& known) {
  if (!host.is_scalar() || host.scalar.empty()) {
    found_.add(host.pos, fmt::format("a host of {} is not a name", type.name));
    return;
  }
  const auto [first, fresh] = known.emplace(host.scalar, host.pos);
  if (!fresh) {
    Diagnostic& twice = found_.add(host.pos, fmt::format("the host '{}' stands twice", host.scalar));
    found_.note(twice, first->second, "the first one");
  }
  if (known.size() == kMaxDevices + 1 && fresh)
    found_.add(host.pos, fmt::format("more than {} hosts", kMaxDevices), "plan for a part of them");
  type.hosts.push_back(host.scalar);
}

void Reader::read_hosts(const DocNode& devices, const DocNode& types) {
  if (!is_map(devices, "the file of devices") || !is_map(types, "the file of device types")) return;
  std::map<std::string, SourcePos> known;
  for (const DocEntry& entry : devices.entries) {
    if (entry.value.is_null()) continue;
    PipeEdgeType type;
    type.name = entry.key;
    if (!entry.value.is_list()) {
      found_.add(entry.value.pos, fmt::format("{} is not a list of hosts", entry.key));
      continue;
    }
    for (const DocNode& host : entry.value.items) read_host(host, type, known);
    if (type.hosts.empty()) continue;
    if (entry_of(types, entry.key) == nullptr)
      found_.add(entry.key_pos, fmt::format("unknown device type '{}'", entry.key),
                 did_you_mean(entry.key, keys_of(types)));
    else data_.types.push_back(std::move(type));
  }
  if (known.empty()) found_.add({devices.pos.file, 0, 0, 1}, "there is no host");
}

// The profiles of the model that fit the options.
std::vector<Measurement> Reader::measurements(const DocEntry& type) {
  std::vector<Measurement> fitting;
  const DocNode* profiles = type.value.find("model_profiles");
  const DocEntry* of_model = profiles != nullptr && profiles->is_map() ? entry_of(*profiles, data_.model) : nullptr;
  if (of_model == nullptr || !of_model->value.is_list()) {
    found_.add(of_model == nullptr ? type.key_pos : of_model->value.pos,
               fmt::format("{} has no list of profiles of {}", type.key, data_.model),
               profiles == nullptr ? "" : did_you_mean(data_.model, keys_of(*profiles)));
    return fitting;
  }
  std::vector<std::string> others;
  for (const DocNode& item : of_model->value.items) {
    if (!is_map(item, "a profile")) continue;
    const DocEntry row{"a profile", item.pos, item, false};
    const std::optional<double> batch = number_of(row, "batch_size", 1, false, true);
    const DocEntry* dtype = need(row, "dtype");
    if (need(row, "time_s") == nullptr || !batch || dtype == nullptr) continue;
    const Measurement found{static_cast<std::int64_t>(*batch), dtype->value.scalar, entry_of(item, "time_s")};
    const bool fits = (options_.batch == 0 || found.batch == options_.batch) &&
                      (options_.dtype.empty() || found.dtype == options_.dtype);
    const auto same = [&](const Measurement& other) { return other.key() == found.key(); };
    if (!fits) others.push_back(text_of(found.key()));
    else if (std::any_of(fitting.begin(), fitting.end(), same))
      found_.add(item.pos, fmt::format("a second profile of {} for {}", data_.model, text_of(found.key())));
    else fitting.push_back(found);
  }
  if (fitting.empty() && !others.empty())
    found_.add(of_model->key_pos, fmt::format("{} has no profile of {} that fits", type.key, data_.model),
               "there is: " + some_of(others));
  else if (fitting.empty() && of_model->value.items.empty())
    found_.add(of_model->key_pos, fmt::format("{} has no profile of {}", type.key, data_.model));
  return fitting;
}

// Takes the batch size and dtype that all types have a profile for, if there is one such.
void Reader::choose(const std::vector<std::vector<Measurement>>& all) {
  std::set<std::pair<std::int64_t, std::string>> common, any;
  for (const std::vector<Measurement>& type : all)
    for (const Measurement& measurement : type) {
      any.insert(measurement.key());
      const auto same = [&](const Measurement& other) { return other.key() == measurement.key(); };
      if (std::all_of(all.begin(), all.end(),
                      [&](const auto& other) { return std::any_of(other.begin(), other.end(), same); }))
        common.insert(measurement.key());
    }
  found_.throw_if_any();
  std::vector<std::string> names;
  for (const auto& key : common.empty() ? any : common) names.push_back(text_of(key));
  if (common.empty())
    throw UserError("no batch size and dtype that all types with hosts have a profile for; there is: " +
                    some_of(names));
  if (common.size() > 1)
    throw UserError("several profiles fit: say which batch size and dtype; there is: " + some_of(names));
  data_.batch = common.begin()->first;
  data_.dtype = common.begin()->second;
  std::vector<std::string> known;
  for (const DtypeSize& row : kDtypes) {
    known.emplace_back(row.name);
    if (data_.dtype == row.name) data_.bytes_of_parameter = row.bytes;
  }
  if (std::find(known.begin(), known.end(), data_.dtype) == known.end())
    throw UserError(
        fmt::format("how many bytes a '{}' has is not known; {}", data_.dtype, did_you_mean(data_.dtype, known)));
}

void Reader::read_profiles(const DocNode& types) {
  std::vector<std::vector<Measurement>> all;
  for (PipeEdgeType& type : data_.types) {
    const DocEntry& entry = *entry_of(types, type.name);
    if (!is_map(entry.value, type.name)) continue;
    type.mem_mb = number_of(entry, "mem_MB", 0, true, false).value_or(0);
    type.bw_mbps = number_of(entry, "bw_Mbps", 0, true, false).value_or(0);
    all.push_back(measurements(entry));
  }
  found_.throw_if_any();
  choose(all);
  for (std::size_t i = 0; i < all.size(); ++i)
    for (const Measurement& measurement : all[i]) {
      if (measurement.key() != std::pair(data_.batch, data_.dtype)) continue;
      std::vector<double>& time_s = data_.types[i].time_s;
      time_s = numbers(*measurement.time_s, data_.mem_mb.size(), false);
      if (!time_s.empty() && *std::max_element(time_s.begin(), time_s.end()) <= 0)
        found_.add(measurement.time_s->key_pos, "time_s is 0 for every layer");
    }
  found_.throw_if_any();
}

}  // namespace

PipeEdgeData read_pipeedge_data(const PipeEdgeFiles& files, const PipeEdgeOptions& options) {
  Sources sources;
  Diagnostics found(sources);
  std::vector<DocNode> docs;
  for (const std::string& path : {files.models, files.device_types, files.devices}) {
    const std::string text = read_source(path, {}, sources);
    sources.add(path, text);
    docs.push_back(parse_yaml(path, text, found));
  }
  Reader reader(options, found);
  reader.read_model(docs[0]);
  reader.read_hosts(docs[2], docs[1]);
  found.throw_if_any();
  reader.read_profiles(docs[1]);
  return reader.take();
}

}  // namespace cleave
