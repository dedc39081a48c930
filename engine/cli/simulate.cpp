// cleave simulate: what becomes of a plan when queues fill, times vary, batteries run empty and devices fail.
#include <charconv>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "engine/cli/log.h"
#include "engine/cli/planning.h"
#include "engine/cli/table.h"
#include "graphs/graph_text.h"
#include "graphs/model_reader.h"
#include "graphs/scalars.h"
#include "ops/core/catalog.h"
#include "ops/core/file.h"
#include "partitioner/gantt.h"
#include "partitioner/plan_file.h"
#include "partitioner/plan_text.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

constexpr FieldDef kRate{"--rate", Kind::quantity, "", nullptr, false, 1e-6, 1e9, Unit::per_s, "max"};
constexpr FieldDef kJitter{"--jitter", Kind::quantity, "", nullptr, false, 0, 2, Unit::share};
constexpr FieldDef kFailAt{"the time of --fail", Kind::quantity, "", nullptr, false, 0, 1e9, Unit::seconds};

struct Options {
  PlanningOptions planning;
  std::string plan, rate, jitter = "0%", fail, gantt;
  std::int64_t frames = 1000, queue = 4;
  bool batteries = false;
};

// What is simulated, and how.
struct Simulation {
  const Setting& setting;
  const Plan& plan;
  const Options& options;
  SimPlan pipeline{};
  SimOptions how{};
  SimReport report{};
};

double quantity_of(const std::string& text, const FieldDef& field) {
  const ScalarResult read = read_scalar(text, false, field, field.name);
  if (const auto* fault = std::get_if<ScalarFault>(&read))
    throw UserError(fmt::format("{}{}{}", fault->message, fault->hint.empty() ? "" : "; ", fault->hint));
  const auto* number = std::get_if<double>(&std::get<ParamValue>(read));
  return number == nullptr ? 0 : *number;  // 0 = the word
}

// "20" is 20 seconds.
double seconds_of(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool bare = error == std::errc() && end == text.data() + text.size();
  return quantity_of(bare ? text + "s" : text, kFailAt);
}

Plan plan_for(const PlanningJob& job, const Options& options) {
  if (options.plan.empty()) {
    const PlanTable table = planned(job);
    refuse_no_plan(table, options.planning.file);
    return table.plan();
  }
  if (!options.planning.objective.empty()) throw UserError("--objective is for finding a plan; --plan states one");
  return read_plan(options.plan, job.setting());
}

// The batteries the file states: for the objective `lifetime`, planning may have assumed equal ones.
void use_stated_batteries(const PlanningJob& job, const Options& options, Simulation& simulation) {
  Diagnostics ignored(job.model.reading.sources);
  const Swarm stated = options.planning.devices > 0 ? Swarm{} : read_swarm(job.model.reading.doc, ignored);
  bool any = false;
  for (SimStage& stage : simulation.pipeline.stages) {
    const int device = find_device(stated, stage.device);
    stage.battery_j = kInfinity;
    if (device >= 0) stage.battery_j = stated.devices[static_cast<std::size_t>(device)].battery_j;
    any = any || stage.battery_j < kInfinity;
  }
  if (!any) throw UserError("--batteries: no device of the plan has one; state it, as in `battery: 20Wh`");
}

void read_failure(const std::string& text, Simulation& simulation) {
  const std::size_t sign = text.find('@');
  if (sign == std::string::npos) throw UserError(fmt::format("--fail {}: write DEVICE@SECONDS, as in b@20", text));
  const std::string name = text.substr(0, sign);
  std::vector<std::string> names;
  for (const SimStage& stage : simulation.pipeline.stages) names.push_back(stage.device);
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    const std::string near = closest_name(name, names);
    throw UserError(fmt::format(
        "--fail {}: the plan uses no device '{}'; {}", text, name,
        near.empty() ? fmt::format("it uses {}", fmt::join(names, ", ")) : fmt::format("did you mean '{}'?", near)));
  }
  simulation.how.fail_stage = static_cast<int>(found - names.begin());
  simulation.how.fail_s = seconds_of(text.substr(sign + 1));
}

void run(Simulation& simulation, const PlanningJob& job) {
  const Options& options = simulation.options;
  simulation.pipeline = sim_plan(simulation.plan, job.swarm, *job.request.model, options.queue);
  SimOptions& how = simulation.how;
  how.frames = options.frames;
  how.interval_s = job.request.period_s;
  if (!options.rate.empty()) {
    const double rate = quantity_of(options.rate, kRate);
    how.interval_s = rate > 0 ? 1 / rate : 0;
  }
  how.jitter = quantity_of(options.jitter, kJitter);
  how.seed = job.model.reading.spec.seed;
  how.batteries = options.batteries;
  if (options.batteries) use_stated_batteries(job, options, simulation);
  if (!options.fail.empty()) read_failure(options.fail, simulation);
  simulation.report = simulate(simulation.pipeline, how);
}

const std::string& stopped_device(const Simulation& simulation) {
  return simulation.pipeline.stages[static_cast<std::size_t>(simulation.report.stopped_stage)].device;
}

std::string role_of(const Plan& plan, std::size_t stage) {
  const int share = plan.stages[stage].share;
  if (share >= 0) return fmt::format("share {}", share + 1);
  int number = plan.split ? 2 : 1;  // the shares are the first
  for (std::size_t i = 0; i < stage; ++i) number += plan.stages[i].share < 0 ? 1 : 0;
  return fmt::format("stage {}", number);
}

std::string devices_text(const Simulation& simulation, const std::string& format) {
  const SimReport& report = simulation.report;
  Table table{{"device", "part", "computing %", "sending %", "receiving %", "blocked %", "starved %", "queue", "J"},
              {}};
  for (std::size_t i = 0; i < report.devices.size(); ++i) {
    const SimDevice& device = report.devices[i];
    const auto share = [&](double seconds) {
      return fmt::format("{:.1f}", report.end_s > 0 ? 100 * seconds / report.end_s : 0);
    };
    table.rows.push_back({simulation.pipeline.stages[i].device, role_of(simulation.plan, i), share(device.compute_s),
                          share(device.send_s), share(device.receive_s), share(device.blocked_s),
                          share(device.starved_s), fmt::format("{}/{}", device.queue_max, simulation.options.queue),
                          short_number(device.joules)});
  }
  return to_text(table, format);
}

std::string end_text(const Simulation& simulation) {
  const SimReport& report = simulation.report;
  if (report.end == SimEnd::all_frames)
    return fmt::format("all {} frames done in {}\n", with_blanks(report.done), seconds_in_short(report.end_s));
  const std::string& device = stopped_device(simulation);
  const std::string when = seconds_in_short(report.stopped_s);
  std::string text = report.end == SimEnd::battery_empty
                         ? fmt::format("the battery of {} was empty after {}", device, when)
                         : fmt::format("{} failed after {}", device, when);
  text += fmt::format("; nothing moved after {}\n{} frames were done, {} of these after that; {} lost in it",
                      seconds_in_short(report.end_s), with_blanks(report.done), report.done_after_stop, report.lost);
  return text + (report.held > 0 ? fmt::format(", {} held before it\n", report.held) : "\n");
}

std::string text_of(const Simulation& simulation) {
  const SimReport& report = simulation.report;
  const SimOptions& how = simulation.how;
  const Score& score = simulation.plan.score;
  const bool estimate = is_estimate(simulation.plan);
  const auto time = [&](double seconds) { return marked({1, estimate}, seconds_in_short(seconds)); };
  const auto joules = [&](double value) { return marked({1, estimate}, short_number(value)); };
  std::string text = fmt::format(
      "{}: {} frames through {}, {}\njitter {:.3g} %, queues of {}, cost model {}\n\n", simulation.setting.graph.name,
      with_blanks(how.frames), short_cards(simulation.setting.swarm, simulation.plan),
      how.interval_s > 0 ? short_number(1 / how.interval_s) + " frames/s" : "as fast as it goes", 100 * how.jitter,
      simulation.options.queue, simulation.setting.request.model->name);
  if (report.period_s > 0)
    text += fmt::format("period   {} = {} frames/s (plan: {})\n", time(report.period_s),
                        marked({1, estimate}, short_number(1 / report.period_s)),
                        time(std::max(score.period_s, how.interval_s)));
  if (report.done > 0) {
    text +=
        fmt::format("latency  median {}, 95 % {}, 99 % {} (plan, for a lone frame: {})\n", time(report.latency_p50_s),
                    time(report.latency_p95_s), time(report.latency_p99_s), time(score.latency_s));
    text += fmt::format("joules   {} a frame, {} of them for work (plan: {})\n", joules(report.joules_per_frame),
                        joules(report.work_joules_per_frame), joules(score.joules));
  }
  text += end_text(simulation);
  if (report.source_max > 0)
    text += fmt::format("the source is too fast at times: up to {} frames were due and had to wait\n",
                        with_blanks(report.source_max));
  return text + "\n" + devices_text(simulation, "text");
}

Json devices_json(const Simulation& simulation) {
  Json devices = Json::array();
  for (std::size_t i = 0; i < simulation.report.devices.size(); ++i) {
    const SimDevice& device = simulation.report.devices[i];
    devices.push_back({{"device", simulation.pipeline.stages[i].device},
                       {"part", role_of(simulation.plan, i)},
                       {"compute_s", device.compute_s},
                       {"send_s", device.send_s},
                       {"receive_s", device.receive_s},
                       {"blocked_s", device.blocked_s},
                       {"starved_s", device.starved_s},
                       {"queue_max", device.queue_max},
                       {"joules", device.joules}});
  }
  return devices;
}

std::string json_of(const Simulation& simulation) {
  constexpr const char* kEnds[] = {"all_frames", "device_failed", "battery_empty"};  // by SimEnd
  const SimReport& report = simulation.report;
  const SimOptions& how = simulation.how;
  const Score& score = simulation.plan.score;
  const bool stopped = report.stopped_stage >= 0;
  Json json = {{"schema", 1},
               {"model", simulation.setting.graph.name},
               {"cards", cards_text(simulation.setting.swarm, simulation.plan)},
               {"cost_model", simulation.setting.request.model->name},
               {"estimate", is_estimate(simulation.plan)},
               {"frames", how.frames},
               {"rate_per_s", how.interval_s > 0 ? Json(1 / how.interval_s) : Json()},
               {"jitter", how.jitter},
               {"queue", simulation.options.queue},
               {"seed", how.seed},
               {"end", kEnds[static_cast<std::size_t>(report.end)]},
               {"stopped_device", stopped ? Json(stopped_device(simulation)) : Json()},
               {"stopped_s", stopped ? Json(report.stopped_s) : Json()},
               {"end_s", report.end_s},
               {"done", report.done},
               {"done_after_stop", report.done_after_stop},
               {"lost", report.lost},
               {"held", report.held},
               {"source_max", report.source_max},
               {"period_s", report.period_s > 0 ? Json(report.period_s) : Json()},
               {"latency_p50_s", report.latency_p50_s},
               {"latency_p95_s", report.latency_p95_s},
               {"latency_p99_s", report.latency_p99_s},
               {"joules_per_frame", report.joules_per_frame},
               {"work_joules_per_frame", report.work_joules_per_frame},
               {"plan", {{"period_s", score.period_s}, {"latency_s", score.latency_s}, {"joules", score.joules}}},
               {"devices", devices_json(simulation)}};
  return json.dump(2) + "\n";
}

void draw(Simulation& simulation, Log& log) {
  SimOptions& how = simulation.how;
  how.windows = gantt_windows(simulation.pipeline, how, simulation.report);
  const SimReport recorded = simulate(simulation.pipeline, how);
  const std::string heading =
      fmt::format("{} on {}", simulation.setting.graph.name, cards_text(simulation.setting.swarm, simulation.plan));
  const std::string svg = gantt_svg(simulation.pipeline, how, recorded, heading);
  write_file_atomically(simulation.options.gantt,
                        ByteSpan(reinterpret_cast<const std::uint8_t*>(svg.data()), svg.size()));
  log.info(fmt::format("timeline written to {}", simulation.options.gantt));
}

ExitCode simulate_command(const Options& options, const CommonOptions& common) {
  Log log(common);
  const std::unique_ptr<PlanningJob> job = prepare_planning(options.planning, common);
  const Setting setting = job->setting();
  const Plan plan = plan_for(*job, options);
  Simulation simulation{.setting = setting, .plan = plan, .options = options};
  run(simulation, *job);
  if (common.format == "json") print_result(json_of(simulation));
  else if (common.format == "text") print_result(text_of(simulation));
  else print_result(devices_text(simulation, common.format));
  if (!options.gantt.empty()) draw(simulation, log);
  return ExitCode::done;
}

}  // namespace

std::function<ExitCode()> declare_simulate(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->planning.file, "model file")->required()->type_name("FILE");
  app.add_option("--plan", options->plan,
                 "a saved plan; else the placement the model states, else the best by the objective")
      ->type_name("FILE");
  app.add_option("--frames", options->frames, "frames to run")
      ->check(CLI::Range(std::int64_t{1}, kMaxSimFrames))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--rate", options->rate, "frames a second at the source, or max; else the model's")
      ->type_name("N/s|max");
  app.add_option("--jitter", options->jitter, "how much all times vary: standard deviation over mean")
      ->capture_default_str()
      ->type_name("P%");
  app.add_option("--queue", options->queue, "frames a device holds at most before it computes them")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--fail", options->fail, "a device that stops, and when")->type_name("DEVICE@SECONDS");
  app.add_flag("--batteries", options->batteries, "stop when the first battery is empty");
  app.add_option("--gantt", options->gantt, "write a timeline: who computes, sends and waits when")
      ->type_name("FILE.svg");
  add_planning_options(app, options->planning);
  return [options, &common] { return simulate_command(*options, common); };
}

}  // namespace cleave
