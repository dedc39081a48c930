// Swarm files -> devices and links. What the file gives wins over the preset, the preset over what is assumed of a
// machine nothing is known of; only what the file gives is not an estimate.
#include "partitioner/swarm.h"

#include <algorithm>
#include <cassert>
#include <map>
#include <optional>
#include <set>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "graphs/graph_text.h"
#include "ops/core/catalog.h"
#include "partitioner/presets.h"

namespace cleave {

namespace {

// What a device without a preset is taken for.
constexpr const char* kUnknown = "raspberry-pi-4b-2gb";
// A path nobody described: 100 Mbit Ethernet and a millisecond on the way.
constexpr Figure kBandwidth{100e6, true};
constexpr Figure kLatency{1e-3, true};

constexpr const char* kAddLink = "add a row to links.overrides, or give links.default";

std::size_t at(int index) { return static_cast<std::size_t>(index); }

std::optional<double> given(const DocNode& map, std::string_view path) {
  const DocNode* node = find_path(map, path);
  if (node == nullptr || !node->value) return std::nullopt;
  if (const auto* whole = std::get_if<std::int64_t>(&*node->value)) return static_cast<double>(*whole);
  const auto* real = std::get_if<double>(&*node->value);
  return real == nullptr ? std::nullopt : std::optional(*real);
}

Figure given_or(const DocNode& map, std::string_view path, double estimate) {
  const std::optional<double> value = given(map, path);
  return value ? Figure{*value, false} : Figure{estimate, true};
}

// The preset a device names, as a checked document holds it: a map of one law. Null when it names none, or wrongly.
const DevicePreset* preset_of(const DocNode& map) {
  const DocNode* law = map.find("preset");
  if (law == nullptr || !law->is_map() || law->entries.size() != 1) return nullptr;
  return find(device_presets(), law->entries.front().key);
}

std::int64_t bytes_given(const DocNode& map, std::string_view path, std::int64_t fallback) {
  const std::optional<double> value = given(map, path);
  constexpr double kMost = 4e18;
  return value ? static_cast<std::int64_t>(std::min(*value, kMost)) : fallback;
}

// What is given stays; an estimate beside it gives way so that standby <= idle <= computing.
void set_power(const DocNode& map, const DevicePreset& preset, Device& device) {
  device.idle_w = given_or(map, "power.idle", preset.idle_w);
  device.compute_w = given_or(map, "power.compute", preset.compute_w);
  if (device.idle_w.estimate) device.idle_w.value = std::min(device.idle_w.value, device.compute_w.value);
  if (device.compute_w.estimate) device.compute_w.value = std::max(device.idle_w.value, device.compute_w.value);
  const double standby = device.idle_w.estimate ? std::min(preset.standby_w, device.idle_w.value) : device.idle_w.value;
  device.standby_w = given_or(map, "power.standby", standby);
}

// `named` is null for a device without a preset.
Device device_of(const std::string& name, const DevicePreset* named, const DocNode& map) {
  const DevicePreset* stated = named != nullptr ? named : find(device_presets(), kUnknown);
  assert(stated != nullptr);
  const DevicePreset preset = filled_in(*stated);
  Device device;
  device.name = name;
  device.preset = named != nullptr ? named->name : "";
  const DocNode* host = map.find("host");
  device.host = host != nullptr && host->value ? host->scalar : name;
  device.port = static_cast<int>(given(map, "port").value_or(kWorkerPort));
  const std::int64_t reserve = bytes_given(map, "reserve", 0);
  // Memory nobody stated is assumed to be there beside the reserve.
  device.memory_bytes = bytes_given(map, "memory", preset.memory_bytes + (named != nullptr ? 0 : reserve));
  device.reserve_bytes =
      map.find("reserve") != nullptr ? reserve : std::min(preset.reserve_bytes, device.memory_bytes / 4);
  const double share_of_cores = given(map, "cores").value_or(preset.cores) / preset.cores;
  device.real_flops = given_or(map, "compute.real", preset.real_flops * share_of_cores);
  const double binary_per_flop = preset.binary_ops / preset.real_flops;
  const double flops = named != nullptr ? preset.real_flops * share_of_cores : device.real_flops.value;
  device.binary_ops = given_or(map, "compute.binary", binary_per_flop * flops);
  device.bytes_per_s = {preset.bytes_per_s, true};
  set_power(map, preset, device);
  if (const std::optional<double> battery = given(map, "battery")) device.battery_j = *battery;
  return device;
}

// Two given figures in the wrong order.
void check_order(const DocNode& power, const char* less, const char* more, Diagnostics& found) {
  const std::optional<double> low = given(power, less);
  const std::optional<double> high = given(power, more);
  if (!low || !high || *low <= *high) return;
  const DocNode* upper = power.find(more);
  found.add(upper->pos,
            fmt::format("{} power {} is below the {} power {}", more, upper->scalar, less, power.find(less)->scalar));
}

// "j4.local:7300" -> {"j4.local", "7300"}; nothing where there is no port behind a host.
std::optional<std::pair<std::string, std::string>> host_and_port(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string host = text.substr(0, colon);
  const std::string port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (!is_host(host) || port.empty() || port.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::pair(host, port);
}

void check_host(const DocNode& map, Diagnostics& found) {
  const DocNode* host = map.find("host");
  if (host == nullptr || !host->value || is_host(host->scalar)) return;
  if (const auto parts = host_and_port(host->scalar))
    found.add(host->pos, fmt::format("host '{}' names a port", host->scalar),
              fmt::format("write host: {}, port: {}", parts->first, parts->second));
  else
    found.add(host->pos, fmt::format("'{}' is no name or address of a host", host->scalar),
              "write a name like j4.local or an address like 192.168.1.7");
}

// Messages do not name the device: what stands in an anchor is one mistake, however many devices share it.
void check_figures(const DocNode& map, const Device& device, Diagnostics& found) {
  check_host(map, found);
  const DocNode* reserve = map.find("reserve");
  const DocNode* memory = map.find("memory");
  if (reserve != nullptr && reserve->value && (memory == nullptr || memory->value) &&
      device.reserve_bytes >= device.memory_bytes)
    found.add(reserve->pos, fmt::format("a reserve of {} leaves nothing of {} of memory", reserve->scalar,
                                        memory != nullptr ? memory->scalar : bytes_in_short(device.memory_bytes)));
  const DocNode* power = map.find("power");
  if (power != nullptr) {
    check_order(*power, "idle", "compute", found);
    check_order(*power, "standby", "idle", found);
  }
  const DocNode* battery = map.find("battery");
  if (battery == nullptr || !battery->value || map.find("preset") != nullptr) return;
  if (power != nullptr && (!power->is_map() || power->broken)) return;
  const bool idle = find_path(map, "power.idle") != nullptr;
  const bool compute = find_path(map, "power.compute") != nullptr;
  if (idle && compute) return;
  const char* missing = idle ? "compute power" : compute ? "idle power" : "power figures";
  found.add(battery->pos, fmt::format("a battery without {}: how long it lasts cannot be told", missing),
            "give power: {idle: …, compute: …}, or a preset");
}

Link link_of(const DocNode* row, const DocNode* defaults) {
  Link link{kBandwidth, kLatency, false};
  for (const DocNode* map : {defaults, row}) {
    if (map == nullptr || !map->is_map()) continue;
    if (const std::optional<double> bandwidth = given(*map, "bandwidth")) link.bandwidth_bps = {*bandwidth, false};
    if (const std::optional<double> latency = given(*map, "latency")) link.latency_s = {*latency, false};
    const DocNode* duplex = map->find("duplex");
    if (duplex != nullptr && duplex->value) link.half_duplex = duplex->scalar == "half";
  }
  return link;
}

// A key or value that was already reported; what follows from it is not another mistake.
bool is_sound(const DocNode& node) {
  if (node.broken || node.is_null() || (node.is_scalar() && !node.value)) return false;
  return std::all_of(node.items.begin(), node.items.end(), is_sound) &&
         std::all_of(node.entries.begin(), node.entries.end(), [](const DocEntry& e) { return is_sound(e.value); });
}

// Where two devices are one host and port, the second worker could not listen.
void check_addresses(const DocNode& devices, const Swarm& swarm, Diagnostics& found) {
  std::map<std::pair<std::string, int>, const Device*> seen;
  for (const Device& device : swarm.devices) {
    if (!is_host(device.host) || !is_sound(*devices.find(device.name))) continue;
    const auto [first, fresh] = seen.emplace(std::pair(device.host, device.port), &device);
    if (fresh || first->second->name == device.name) continue;
    Diagnostic& twice = found.add(device.pos,
                                  fmt::format("'{}' and '{}' are both on port {} of {}", first->second->name,
                                              device.name, device.port, device.host),
                                  "give one of them another host or port");
    found.note(twice, first->second->pos, "the first one");
  }
}

std::vector<std::vector<Link>> same_links(std::size_t devices, const Link& link) {
  return {devices, std::vector<Link>(devices, link)};
}

// Returns false when a row has a mistake: then nothing can be said of who reaches whom.
bool set_links(const DocNode& doc, Swarm& swarm) {
  const DocNode* links = doc.find("links");
  const DocNode* defaults = links == nullptr ? nullptr : links->find("default");
  Link everywhere = link_of(nullptr, defaults);
  if (links != nullptr && defaults == nullptr) everywhere.bandwidth_bps = {0, false};
  swarm.links = same_links(swarm.devices.size(), everywhere);
  if (links == nullptr) return true;
  bool sound = is_sound(*links);
  const DocNode* overrides = links->find("overrides");
  if (overrides == nullptr) return sound;
  for (const DocNode& row : overrides->items) {
    const DocNode* between = row.find("between");
    if (between == nullptr || between->items.size() != 2) {
      sound = false;
      continue;
    }
    const int a = find_device(swarm, between->items[0].scalar);
    const int b = find_device(swarm, between->items[1].scalar);
    if (a < 0 || b < 0 || a == b) sound = false;
    else swarm.links[at(a)][at(b)] = swarm.links[at(b)][at(a)] = link_of(&row, defaults);
  }
  return sound;
}

// The devices that `first` reaches, by way of others too.
std::set<std::size_t> reached_from(const Swarm& swarm, std::size_t first) {
  std::set<std::size_t> reached = {first};
  std::vector<std::size_t> open = {first};
  while (!open.empty()) {
    const std::size_t from = open.back();
    open.pop_back();
    for (std::size_t to = 0; to < swarm.devices.size(); ++to)
      if (to != from && swarm.links[from][to].exists() && reached.insert(to).second) open.push_back(to);
  }
  return reached;
}

void check_reach(const DocNode& links, const Swarm& swarm, Diagnostics& found) {
  const auto linked = [](const std::vector<Link>& row) {
    return std::any_of(row.begin(), row.end(), [](const Link& link) { return link.exists(); });
  };
  if (swarm.devices.size() < 2) return;
  if (std::none_of(swarm.links.begin(), swarm.links.end(), linked)) {
    found.add(links.pos, "links joins no devices", "give default: {bandwidth: …} for every pair, or overrides");
    return;
  }
  std::set<std::size_t> seen;
  const Device* home = nullptr;  // of the first island
  for (std::size_t d = 0; d < swarm.devices.size(); ++d) {
    if (seen.count(d) > 0) continue;
    const std::set<std::size_t> island = reached_from(swarm, d);
    seen.insert(island.begin(), island.end());
    const Device& device = swarm.devices[d];
    if (island.size() == 1)
      found.add(device.pos, fmt::format("device '{}' has no link to any other device", device.name), kAddLink);
    else if (home != nullptr)
      found.add(device.pos, fmt::format("no path leads from device '{}' to device '{}'", home->name, device.name),
                kAddLink);
    else home = &device;
  }
}

std::string copy_name(int index) {
  const std::string letter(1, static_cast<char>('a' + index % 26));
  return index < 26 ? letter : letter + std::to_string(index / 26 + 1);
}

}  // namespace

Swarm read_swarm(const DocNode& doc, Diagnostics& found) {
  Swarm swarm;
  const DocNode* devices = doc.find("devices");
  if (devices == nullptr || !devices->is_map()) return swarm;
  for (const DocEntry& entry : devices->entries) {
    if (swarm.devices.size() == static_cast<std::size_t>(kMaxDevices)) {
      found.add(entry.key_pos, fmt::format("{} devices; the limit is {}", devices->entries.size(), kMaxDevices));
      break;
    }
    swarm.devices.push_back(device_of(entry.key, preset_of(entry.value), entry.value));
    swarm.devices.back().pos = entry.key_pos;
    check_figures(entry.value, swarm.devices.back(), found);
  }
  check_addresses(*devices, swarm, found);
  const bool whole = swarm.devices.size() == devices->entries.size();
  if (set_links(doc, swarm) && whole && doc.find("links") != nullptr) check_reach(*doc.find("links"), swarm, found);
  if (const DocNode* holder = find_path(doc, "data.at")) swarm.source = find_device(swarm, holder->scalar);
  return swarm;
}

Swarm swarm_of(int count, const std::string& preset, const DocNode& doc) {
  const DevicePreset* row = find(device_presets(), preset);
  if (row == nullptr) {
    const std::vector<std::string> known = names_of(device_presets());
    const std::string near = closest_name(preset, known);
    throw UserError(fmt::format(
        "there is no preset '{}'; {}", preset,
        near.empty() ? fmt::format("one of: {}", fmt::join(known, ", ")) : fmt::format("did you mean '{}'?", near)));
  }
  if (count < 1 || count > kMaxDevices)
    throw UserError(fmt::format("{} devices; there may be 1 to {}", count, kMaxDevices));
  Swarm swarm;
  for (int i = 0; i < count; ++i) swarm.devices.push_back(device_of(copy_name(i), row, {}));
  swarm.links = same_links(swarm.devices.size(), link_of(nullptr, find_path(doc, "links.default")));
  return swarm;
}

// So a host is one word of a shell, and needs no quotes in any file we write.
bool is_host(std::string_view text) {
  constexpr std::size_t kLongest = 253;  // of a name: RFC 1035
  const auto plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.';
  };
  if (text.empty() || text.size() > kLongest) return false;
  in6_addr ignored;
  if (text.find(':') < text.size()) return inet_pton(AF_INET6, std::string(text).c_str(), &ignored) == 1;
  return text.front() != '-' && text.front() != '.' && std::all_of(text.begin(), text.end(), plain);
}

int find_device(const Swarm& swarm, const std::string& name) {
  for (std::size_t i = 0; i < swarm.devices.size(); ++i)
    if (swarm.devices[i].name == name) return static_cast<int>(i);
  return -1;
}

}  // namespace cleave
