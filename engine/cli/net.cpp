// cleave net: latency and bandwidth of the links between a swarm's devices.
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "engine/cli/log.h"
#include "engine/cli/stop.h"
#include "engine/cli/swarm_options.h"
#include "engine/cli/table.h"
#include "engine/runtime/net_job.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string file, keys, output;
  bool local = false;
  double connect_s = 10;
};

// Lets one worker measure its links to those behind it.
std::vector<MeasuredLink> measure_from(const SwarmJob& job, int device, const Options& options, Log& log) {
  const Swarm& swarm = job.planning->swarm;
  Assignment assignment;
  assignment.run = "net";
  assignment.mode = "net";
  for (const Device& each : swarm.devices) assignment.devices.push_back(each.name);
  assignment.plan.stages.emplace_back().device = device;
  for (const auto& [name, address] : job.setup.addresses) assignment.addresses[name] = address.text();
  for (std::size_t other = static_cast<std::size_t>(device) + 1; other < swarm.devices.size(); ++other)
    assignment.wanted.push_back(swarm.devices[other].name);
  std::vector<MeasuredLink> links;
  CoordinatorOptions coordinator;
  const std::string& name = assignment.device();
  coordinator.members = {{name, job.setup.addresses.at(name)}};
  coordinator.tls = job.setup.tls;
  coordinator.connect_s = options.connect_s;
  coordinator.work = [&](int, std::uint64_t incarnation) {
    assignment.incarnation = incarnation;
    return std::vector<ControlMessage>{control_message(ControlKind::assign, to_json(assignment)),
                                       control_message(ControlKind::begin, "")};
  };
  coordinator.told = [&](int, const ControlMessage& message) {
    if (message.kind == ControlKind::done) links = measured_links(message.text());
  };
  coordinator.look = job.setup.look;
  coordinator.log = [&log](const std::string& line) { log.note(line); };
  coordinator.link_log = [&log](const std::string& line) { log.debug(line); };
  Coordinator measuring(std::move(coordinator));
  const std::atomic<bool>& stop = watch_signals();
  measuring.wait_ready(stop);
  while (!measuring.wait_done(0.1))
    if (stop) throw Interrupted("stopped; nothing was written");
  return links;
}

std::string mbit(double bps) { return fmt::format("{:.4g}", bps / 1e6); }

std::string table_of(const std::vector<MeasuredLink>& links, const std::string& format) {
  Table table{{"from", "to", "latency ms", "± ms", "Mbit/s there", "back", "fault"}, {}};
  for (const MeasuredLink& link : links)
    table.rows.push_back({link.from, link.to, fmt::format("{:.3g}", 1e3 * link.measure.latency_s),
                          fmt::format("{:.2g}", 1e3 * link.measure.spread_s), mbit(link.measure.up_bps),
                          mbit(link.measure.down_bps), link.fault});
  return to_text(table, format);
}

std::string json_of(const std::vector<MeasuredLink>& links) {
  return Json{{"links", Json::parse(to_json(links))}}.dump(2) + "\n";
}

// A `links` section as the language has it: the slower direction counts for both.
std::string yaml_of(const std::vector<MeasuredLink>& links) {
  std::string text = "# measured by `cleave net`; replaces the `links` of the swarm file\nlinks:\n  overrides:\n";
  for (const MeasuredLink& link : links)
    if (link.fault.empty())
      text +=
          fmt::format("    - {{between: [{}, {}], bandwidth: {:.4g}Mbit/s, latency: {:.3g}ms}}\n", link.from, link.to,
                      std::min(link.measure.up_bps, link.measure.down_bps) / 1e6, 1e3 * link.measure.latency_s);
  return text;
}

ExitCode net_command(const Options& options, const CommonOptions& common) {
  Log log(common);
  SwarmJob job;
  job.planning = std::make_unique<PlanningJob>();
  job.planning->model = load_model(options.file, common);
  Diagnostics found(job.planning->model.reading.sources);
  job.planning->swarm = read_swarm(job.planning->model.reading.doc, found);
  found.throw_if_any();
  const Swarm& swarm = job.planning->swarm;
  if (swarm.devices.size() < 2)
    throw UserError(
        fmt::format("{} has {} devices: there are no links to measure", options.file, swarm.devices.size()));
  SwarmOptions where;
  where.local = options.local;
  where.keys = options.keys;
  std::vector<std::string> names;
  for (const Device& device : swarm.devices) names.push_back(device.name);
  start_workers(job, where, common, log, names);
  std::vector<MeasuredLink> links;
  for (std::size_t device = 0; device + 1 < swarm.devices.size(); ++device) {
    log.info(fmt::format("measuring the links of {} ({} of {})", names[device], device + 1, swarm.devices.size() - 1));
    for (MeasuredLink& link : measure_from(job, static_cast<int>(device), options, log))
      links.push_back(std::move(link));
  }
  print_result(common.format == "json" ? json_of(links) : table_of(links, common.format));
  if (!options.output.empty()) {
    const std::string text = yaml_of(links);
    write_file_atomically(options.output, ByteSpan(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
    log.info(fmt::format("links written to {}", options.output));
  }
  const bool all = std::all_of(links.begin(), links.end(), [](const MeasuredLink& link) { return link.fault.empty(); });
  return all ? ExitCode::done : ExitCode::unreachable;
}

}  // namespace

std::function<ExitCode()> declare_net(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->file, "model or swarm file")->required()->type_name("FILE");
  app.add_option("--keys", options->keys, "folder of keys, from `cleave keys`; the certificate used is `coordinator`")
      ->type_name("DIR");
  app.add_option("--output", options->output, "file for a `links:` section of what was measured")->type_name("FILE");
  app.add_flag("--local", options->local, "between processes on this machine instead of the devices");
  app.add_option("--connect", options->connect_s, "seconds to wait for a worker")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str()
      ->type_name("S");
  return [options, &common] { return net_command(*options, common); };
}

}  // namespace cleave
