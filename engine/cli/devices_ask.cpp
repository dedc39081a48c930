// cleave devices ping and doctor: every device is asked, step by step, and the first step that fails is told with what
// to do about it.
#include <chrono>
#include <cmath>
#include <future>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/cli/devices.h"
#include "engine/cli/planning.h"
#include "engine/cli/table.h"
#include "engine/net/keys.h"
#include "engine/runtime/probe.h"
#include "graphs/graph_text.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

// Clocks further apart than this make logs hard to read, and keys count from a time on.
constexpr double kMostClock_s = 5;

TlsFiles keys_of(const DevicesJob& job) { return job.keys.empty() ? TlsFiles{} : tls_files(job.keys, job.name); }

std::vector<ProbeResult> ask_all(const DevicesJob& job) {
  const TlsFiles tls = keys_of(job);
  std::vector<std::future<ProbeResult>> asked;
  for (const Device& device : job.swarm.devices)
    asked.push_back(std::async(std::launch::async, [&job, &tls, &device] {
      return probe({"tcp", device.host, device.port}, tls, job.name, device.name, job.timeout_s);
    }));
  std::vector<ProbeResult> results;
  for (std::future<ProbeResult>& one : asked) results.push_back(one.get());
  return results;
}

std::string milliseconds(double seconds) { return fmt::format("{:.3g} ms", 1e3 * seconds); }

std::string state_text(const ProbeAnswer& answer) {
  const std::string state = printable(answer.state);
  return answer.plan.empty() ? state : fmt::format("{} {}", state, printable(answer.plan.substr(0, 8)));
}

Json answer_json(const ProbeResult& result) {
  if (!result.done()) return nullptr;
  Json answer = Json::parse(to_json(result.answer));
  answer["round_trip_s"] = result.round_trip_s;
  answer["clock_s"] = result.clock_s;
  return answer;
}

// ---- doctor: what a step says. "-" = not tried, for one before it failed.

enum class Mark : std::uint8_t { ok, warning, failed, skipped };
constexpr const char* kMarks[] = {"ok", "warning", "failed", "skipped"};

struct Finding {
  const char* step;
  Mark mark = Mark::skipped;
  std::string text = "-";
  std::string advice;  // with a warning or a failure
};

Finding step_of(const ProbeResult& result, ProbeStep step, const std::string& good) {
  Finding finding{to_text(step), Mark::ok, good, ""};
  if (result.failed < step) finding = {to_text(step), Mark::skipped, "-", ""};
  if (result.failed == step) finding = {to_text(step), Mark::failed, result.why, result.advice};
  return finding;
}

Finding version_step(const ProbeAnswer& answer) {
  const std::string text = printable(answer.version);
  if (answer.version == CLEAVE_VERSION) return {"version", Mark::ok, text, ""};
  return {"version", Mark::warning, fmt::format("{}, here {}", text, CLEAVE_VERSION),
          "install the same version of cleave on both"};
}

Finding clock_step(const ProbeResult& result) {
  const double off = result.clock_s;
  const std::string text = std::abs(off) <= result.round_trip_s / 2
                               ? fmt::format("within {}", milliseconds(result.round_trip_s / 2))
                               : fmt::format("{:+.3g} s", off);
  if (std::abs(off) <= kMostClock_s + result.round_trip_s / 2) return {"clock", Mark::ok, text, ""};
  return {"clock", Mark::warning, text, "set its clock: sudo timedatectl set-ntp true"};
}

// `needs` 0: no plan says what it needs. What a device that runs a plan holds for it is not free any more.
Finding memory_step(const ProbeAnswer& answer, std::int64_t needs) {
  const std::string free = bytes_in_short(answer.memory_free_bytes);
  if (needs == 0 || !answer.plan.empty()) return {"memory", Mark::ok, fmt::format("{} free", free), ""};
  const std::string text = fmt::format("{} free, needs {}", free, bytes_in_short(needs));
  if (needs <= answer.memory_free_bytes) return {"memory", Mark::ok, text, ""};
  return {"memory", Mark::failed, text, "end other programs there, or give it less to do: `cleave plan`"};
}

std::vector<Finding> findings_of(const ProbeResult& result, std::int64_t needs) {
  std::vector<Finding> all = {step_of(result, ProbeStep::name, result.address),
                              step_of(result, ProbeStep::port, "open"),
                              step_of(result, ProbeStep::handshake, milliseconds(result.round_trip_s))};
  if (!result.done()) {
    for (const char* step : {"version", "plan", "clock", "memory"}) all.push_back({step, Mark::skipped, "-", ""});
    return all;
  }
  all.push_back(version_step(result.answer));
  all.push_back({"plan", Mark::ok, state_text(result.answer), ""});
  all.push_back(clock_step(result));
  all.push_back(memory_step(result.answer, needs));
  return all;
}

// [device] bytes the plan of the model puts there; all 0 when it has no network, or none fits.
std::vector<std::int64_t> planned_bytes(const DevicesJob& job, const CommonOptions& common) {
  std::vector<std::int64_t> bytes(job.swarm.devices.size(), 0);
  if (!job.model.reading.spec.has_network) return bytes;
  PlanningOptions options;
  options.file = job.file;
  const std::unique_ptr<PlanningJob> planning = prepare_planning(options, common);
  const PlanTable table = planned(*planning);
  if (table.chosen < 0) return bytes;
  for (const PlanStage& stage : table.plan().stages)
    bytes[static_cast<std::size_t>(stage.device)] += stage.memory_bytes;
  return bytes;
}

ExitCode code_of(const std::vector<std::vector<Finding>>& all) {
  ExitCode code = ExitCode::done;
  for (const std::vector<Finding>& findings : all)
    for (const Finding& finding : findings) {
      if (finding.mark != Mark::failed) continue;
      if (finding.step != std::string_view("memory")) return ExitCode::unreachable;
      code = ExitCode::check_failed;
    }
  return code;
}

// The table has one word for what failed; what it was stands below, with what to do.
std::string report_text(const DevicesJob& job, const std::vector<std::vector<Finding>>& all,
                        const std::string& format) {
  Table table{{"device"}, {}};
  std::string below;
  for (const Finding& finding : all.front()) table.columns.emplace_back(finding.step);
  for (std::size_t d = 0; d < all.size(); ++d) {
    table.rows.push_back({job.swarm.devices[d].name});
    for (const Finding& finding : all[d]) {
      table.rows.back().push_back(finding.mark == Mark::failed ? "FAILED" : finding.text);
      if (finding.advice.empty()) continue;
      below += fmt::format("{}: {}: {}\n  {}\n", job.swarm.devices[d].name, finding.step, finding.text, finding.advice);
    }
  }
  if (format != "text") return to_text(table, format);
  return to_text(table, format) + "\n" + (below.empty() ? "nothing stands in the way\n" : below);
}

std::string report_json(const DevicesJob& job, const std::vector<std::vector<Finding>>& all,
                        const std::vector<ProbeResult>& results) {
  Json devices = Json::array();
  for (std::size_t d = 0; d < all.size(); ++d) {
    Json steps = Json::array();
    for (const Finding& finding : all[d])
      steps.push_back({{"step", finding.step},
                       {"state", kMarks[static_cast<std::size_t>(finding.mark)]},
                       {"text", finding.text},
                       {"advice", finding.advice}});
    const Device& device = job.swarm.devices[d];
    devices.push_back({{"device", device.name},
                       {"host", device.host},
                       {"port", device.port},
                       {"steps", steps},
                       {"answer", answer_json(results[d])}});
  }
  return devices.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

ExitCode ping_devices(const DevicesJob& job, const CommonOptions& common) {
  const std::vector<ProbeResult> results = ask_all(job);
  Table table{{"device", "host", "port", "round trip", "version", "state"}, {}};
  Json list = Json::array();
  ExitCode code = ExitCode::done;
  for (std::size_t d = 0; d < results.size(); ++d) {
    const ProbeResult& result = results[d];
    const Device& device = job.swarm.devices[d];
    if (!result.done()) code = ExitCode::unreachable;
    table.rows.push_back({device.name, device.host, fmt::format("{}", device.port),
                          result.done() ? milliseconds(result.round_trip_s) : "-",
                          result.done() ? printable(result.answer.version) : "-",
                          result.done() ? state_text(result.answer) : fmt::format("no answer: {}", result.why)});
    list.push_back({{"device", device.name},
                    {"host", device.host},
                    {"port", device.port},
                    {"reachable", result.done()},
                    {"why", result.why},
                    {"answer", answer_json(result)}});
  }
  print_result(common.format == "json" ? list.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"
                                       : to_text(table, common.format));
  return code;
}

ExitCode examine_devices(const DevicesJob& job, const CommonOptions& common) {
  const std::vector<std::int64_t> needs = planned_bytes(job, common);
  const std::vector<ProbeResult> results = ask_all(job);
  std::vector<std::vector<Finding>> all;
  for (std::size_t d = 0; d < results.size(); ++d) all.push_back(findings_of(results[d], needs[d]));
  print_result(common.format == "json" ? report_json(job, all, results) : report_text(job, all, common.format));
  return code_of(all);
}

}  // namespace cleave
