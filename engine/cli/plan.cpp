// cleave plan: the split cost table and the chosen plan.
#include <algorithm>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "engine/cli/log.h"
#include "engine/cli/planning.h"
#include "engine/cli/stop.h"
#include "engine/mcmc/defaults.h"
#include "graphs/graph_text.h"
#include "ops/core/catalog.h"
#include "ops/core/file.h"
#include "partitioner/pipeedge.h"
#include "partitioner/plan_file.h"
#include "partitioner/plan_text.h"
#include "partitioner/training_plan.h"

namespace cleave {

namespace {

struct Options {
  PlanningOptions planning;
  int top = 12;
  std::string why;
  bool lock = false;
  std::vector<std::string> pipeedge;  // models, device types, devices
};

// Images of an epoch where the model states no data.train.limit: what the plan is told for, not read from the data.
constexpr std::int64_t kEpochImages = 50'000;

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

void save_plan(const Setting& setting, const Plan& plan, const std::string& folder, Log& log) {
  std::filesystem::create_directories(folder);
  const std::string path = (std::filesystem::path(folder) / "plan.yaml").string();
  write_file_atomically(path, bytes_of(plan_to_yaml(setting, plan)));
  log.info(fmt::format("plan written to {}", path));
}

void lock_plan(const PlanningJob& job, const Plan& plan, const std::string& file, Log& log) {
  const auto bytes = read_file(file, static_cast<std::int64_t>(kMaxFileBytes));
  const std::string text(bytes.begin(), bytes.end());
  const std::string locked = locked_model(job.model, text, job.setting(), plan);
  if (locked == text) return log.info(fmt::format("{} states this plan already", file));
  write_file_atomically(file, bytes_of(locked));
  log.info(fmt::format("placement written into {}", file));
}

// A cascade trains with one module a device: the map's, else in the order of the devices.
bool is_trainable(const PlanningJob& job) {
  const Graph& graph = job.model.graph;
  return !job.model.reading.spec.modules.empty() && graph.modules.size() <= job.swarm.devices.size() &&
         std::all_of(graph.modules.begin(), graph.modules.end(),
                     [](const Module& module) { return module.head != NodeId::none; });
}

std::string training_text(const PlanningJob& job) {
  const ModelSpec& spec = job.model.reading.spec;
  const std::int64_t images = spec.data.train.limit > 0 ? spec.data.train.limit : kEpochImages;
  TrainingRequest request = read_training(job.model.graph, job.model.reading.doc, job.swarm, images);
  request.auto_steps = kStepsPerBatch;
  for (std::size_t m = 0; m < request.device_of.size(); ++m)
    if (request.device_of[m] < 0) request.device_of[m] = static_cast<int>(m);
  std::vector<Profile> fitting;
  for (const Profile& profile : job.profiles)
    if (profile.batch == spec.training.batch) fitting.push_back(profile);
  const CostTable costs = cost_table(job.model.graph, job.swarm, fitting, spec.training.batch);
  const TrainingPlan plan = training_plan(job.model.graph, job.swarm, costs, request);
  std::vector<std::vector<std::string>> rows = training_rows(job.model.graph, job.swarm, plan);
  const std::vector<std::string> titles = rows[0], units = rows[1];
  rows.erase(rows.begin(), rows.begin() + 2);
  const std::vector<std::string> marks(rows.size());
  return fmt::format("\ntraining, one module a card, epochs of {} images in batches of {}\n\n{}\n{}\n",
                     with_blanks(images), with_blanks(spec.training.batch),
                     aligned_table(titles, units, rows, marks, 100),
                     training_summary(job.model.graph, job.swarm, plan));
}

std::string text_of(const Setting& setting, const PlanTable& table, const Options& options, const std::string& format) {
  if (!options.why.empty()) return plan_why(setting, table, options.why);
  if (format == "json") return plan_json(setting, table);
  if (format != "text") return plan_rows(setting, table, format);
  return plan_text(setting, table, {options.top, 100});
}

// PipeEdge's files hold what a model and a swarm file hold for us.
ExitCode plan_pipeedge(const Options& options) {
  const PipeEdge pipeedge = read_pipeedge({options.pipeedge[0], options.pipeedge[1], options.pipeedge[2]});
  Goal goal;
  goal.time_limit_s = options.planning.time_limit_s;
  goal.stop = &watch_signals();
  print_result(pipeedge_plan_text(pipeedge, find(objective_catalog(), "throughput")->solve(pipeedge.problem, goal)));
  return ExitCode::done;
}

ExitCode plan_command(const Options& options, const CommonOptions& common) {
  Log log(common);
  if (options.planning.file.empty() == options.pipeedge.empty())
    throw UserError("name a model file, or three files behind --from-pipeedge");
  if (!options.pipeedge.empty()) return plan_pipeedge(options);
  if (!options.why.empty() && common.format != "text") throw UserError("--why is text only");
  const std::unique_ptr<PlanningJob> job = prepare_planning(options.planning, common);
  const Setting setting = job->setting();
  const PlanTable table = planned(*job);
  std::string text = text_of(setting, table, options, common.format);
  if (common.format == "text" && options.why.empty() && is_trainable(*job)) text += training_text(*job);
  print_result(text);
  refuse_no_plan(table, options.planning.file);
  if (!common.out_dir.empty()) save_plan(setting, table.plan(), common.out_dir, log);
  if (options.lock) lock_plan(*job, table.plan(), options.planning.file, log);
  return ExitCode::done;
}

}  // namespace

std::function<ExitCode()> declare_plan(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->planning.file, "model file")->type_name("FILE");
  add_planning_options(app, options->planning);
  app.add_option("--top", options->top, "rows of the table: the best by the objective; 0 = all")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str()
      ->type_name("K");
  app.add_option("--why", options->why, "explain one row, each term with its source: CUT or CUT:WAYS")
      ->type_name("ROW");
  app.add_flag("--lock", options->lock, "write the placement into the model file, comments kept");
  app.add_option("--from-pipeedge", options->pipeedge,
                 "plan from PipeEdge's models.yml, device_types.yml and devices.yml, in the form it reads")
      ->expected(3)
      ->type_name("FILE FILE FILE");
  return [options, &common] { return plan_command(*options, common); };
}

}  // namespace cleave
