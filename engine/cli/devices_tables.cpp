// cleave devices presets and list: tables that ask nobody.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "engine/cli/devices.h"
#include "engine/cli/table.h"
#include "graphs/graph_text.h"
#include "partitioner/presets.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

std::string link_text(const Link& link) {
  return fmt::format("{}, {}{}",
                     marked(link.bandwidth_bps, fmt::format("{:.4g} Mbit/s", link.bandwidth_bps.value / 1e6)),
                     marked(link.latency_s, fmt::format("{:.4g} ms", 1e3 * link.latency_s.value)),
                     link.half_duplex ? ", half duplex" : "");
}

// "to p8 p4: 940 Mbit/s, 0.3 ms; to j2: 40 Mbit/s, 2 ms": devices of equal links together.
std::string links_text(const Swarm& swarm, std::size_t device) {
  std::vector<std::pair<std::string, std::string>> kinds;
  for (std::size_t to = 0; to < swarm.devices.size(); ++to) {
    if (to == device || !swarm.links[device][to].exists()) continue;
    const std::string kind = link_text(swarm.links[device][to]);
    const auto same = std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return k.first == kind; });
    if (same == kinds.end()) kinds.emplace_back(kind, swarm.devices[to].name);
    else same->second += " " + swarm.devices[to].name;
  }
  std::vector<std::string> texts;
  for (const auto& [kind, names] : kinds) texts.push_back(fmt::format("to {}: {}", names, kind));
  return texts.empty() ? "-" : fmt::format("{}", fmt::join(texts, "; "));
}

Json links_json(const Swarm& swarm, std::size_t device) {
  Json links = Json::array();
  for (std::size_t to = 0; to < swarm.devices.size(); ++to) {
    const Link& link = swarm.links[device][to];
    if (to == device || !link.exists()) continue;
    links.push_back({{"to", swarm.devices[to].name},
                     {"bandwidth_bps", link.bandwidth_bps.value},
                     {"bandwidth_is_estimate", link.bandwidth_bps.estimate},
                     {"latency_s", link.latency_s.value},
                     {"latency_is_estimate", link.latency_s.estimate},
                     {"half_duplex", link.half_duplex}});
  }
  return links;
}

}  // namespace

// Cores and memory are what the makers state; the rest of a preset is estimated.
void print_presets(const CommonOptions& common) {
  Table table{
      {"preset", "arch", "cores", "memory", "GFLOP/s", "bin Gop/s", "memory GB/s", "idle W", "busy W", "standby W"},
      {}};
  Json list = Json::array();
  for (const DevicePreset& row : device_presets()) {
    const DevicePreset preset = filled_in(row);
    const auto estimate = [](double value) {
      return value < 1000 ? fmt::format("~{:.3g}", value) : fmt::format("~{:.0f}", value);
    };
    const bool cores_known = row.cores > 0 || row.memory_bytes == 0;  // a card in whatever machine: not known
    table.rows.push_back({preset.name, *preset.arch == '\0' ? "-" : preset.arch,
                          cores_known ? fmt::format("{}", preset.cores) : "-", bytes_in_short(preset.memory_bytes),
                          estimate(preset.real_flops / 1e9), estimate(preset.binary_ops / 1e9),
                          estimate(preset.bytes_per_s / 1e9), estimate(preset.idle_w), estimate(preset.compute_w),
                          estimate(preset.standby_w)});
    list.push_back(
        {{"name", preset.name},
         {"doc", preset.doc},
         {"arch", preset.arch},
         {"cores", cores_known ? Json(preset.cores) : Json()},
         {"memory_bytes", preset.memory_bytes},
         {"reserve_bytes", preset.reserve_bytes},
         {"real_flops", preset.real_flops},
         {"binary_ops", preset.binary_ops},
         {"memory_bytes_per_s", preset.bytes_per_s},
         {"idle_w", preset.idle_w},
         {"compute_w", preset.compute_w},
         {"standby_w", preset.standby_w},
         {"estimates", {"real_flops", "binary_ops", "memory_bytes_per_s", "idle_w", "compute_w", "standby_w"}}});
  }
  if (common.format == "json") return print_result(list.dump(2) + "\n");
  const std::string note =
      common.format == "text"
          ? "\n~ marks an estimate; `cleave profile` measures, and devices.NAME.… in a swarm file wins\n"
          : "";
  print_result(to_text(table, common.format) + note);
}

void list_devices(const Swarm& swarm, const CommonOptions& common) {
  Table table{{"device", "host", "port", "preset", "memory", "for cleave", "links"}, {}};
  Json list = Json::array();
  for (std::size_t d = 0; d < swarm.devices.size(); ++d) {
    const Device& device = swarm.devices[d];
    const std::int64_t room = device.memory_bytes - device.reserve_bytes;
    table.rows.push_back({device.name, device.host, fmt::format("{}", device.port),
                          device.preset.empty() ? "-" : device.preset, bytes_in_short(device.memory_bytes),
                          bytes_in_short(room), links_text(swarm, d)});
    list.push_back({{"name", device.name},
                    {"host", device.host},
                    {"port", device.port},
                    {"preset", device.preset},
                    {"memory_bytes", device.memory_bytes},
                    {"reserve_bytes", device.reserve_bytes},
                    {"links", links_json(swarm, d)}});
  }
  print_result(common.format == "json" ? list.dump(2) + "\n" : to_text(table, common.format));
}

}  // namespace cleave
