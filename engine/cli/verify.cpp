// cleave verify: a plan on its workers, and what was predicted of it beside what was measured.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "engine/cli/command.h"
#include "engine/cli/evaluation.h"
#include "engine/cli/evaluation_weights.h"
#include "engine/cli/run_source.h"
#include "engine/cli/stop.h"
#include "engine/cli/swarm_options.h"
#include "engine/cli/table.h"
#include "engine/runtime/swarm_flow.h"
#include "graphs/passes.h"
#include "ops/core/catalog.h"
#include "ops/core/rng.h"
#include "partitioner/plan_text.h"
#include "partitioner/table.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

struct Options {
  SwarmOptions swarm;
  std::string weights;
  std::int64_t frames = 100;
};

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Frames of noise and when they went and came. The first ones go alone, for their latency; then the pipeline is full.
class Probe {
 public:
  Probe(std::int64_t frames, std::int64_t batch, std::int64_t in_flight)
      : frames_(frames), batch_(batch), alone_(std::min<std::int64_t>(10, frames / 4)), settled_(alone_ + in_flight) {}

  std::int64_t fill(std::int64_t seq, TensorView input, const std::atomic<bool>& stop) {
    if (seq >= frames_) return 0;
    make_frame(seq, input);
    std::unique_lock lock(gate_);
    while (seq <= alone_ && answered_ < seq && !stop) changed_.wait_for(lock, std::chrono::milliseconds(50));
    went_.push_back(Clock::now());
    return batch_;
  }
  void answered() {
    const std::lock_guard lock(gate_);
    came_.push_back(Clock::now());
    ++answered_;
    changed_.notify_all();
  }
  // Noise from 0 to 1, the same for a frame whoever asks.
  void make_frame(std::int64_t seq, TensorView input) const {
    Rng rng(1, 0, static_cast<std::uint64_t>(seq));
    for (float& value : TensorView{batch_, input.shape, input.data}.values()) value = static_cast<float>(rng.uniform());
  }
  double latency_s() const {
    std::vector<double> values;
    for (std::size_t i = 1; i < came_.size() && static_cast<std::int64_t>(i) < alone_; ++i)
      values.push_back(std::chrono::duration<double>(came_[i] - went_[i]).count());
    return median_of(values);
  }
  // Over the frames behind those that filled the pipeline; a mean, as single gaps come in bursts.
  double period_s() const {
    const auto first = static_cast<std::size_t>(settled_);
    if (came_.size() < first + 2) return 0;
    return std::chrono::duration<double>(came_.back() - came_[first]).count() /
           static_cast<double>(came_.size() - first - 1);
  }

 private:
  const std::int64_t frames_, batch_, alone_, settled_;
  std::mutex gate_;
  std::condition_variable changed_;
  std::vector<Clock::time_point> went_, came_;
  std::int64_t answered_ = 0;
};

// The largest difference of the swarm's answers and those of one process. A split into branches is another network: its
// answers are compared with those of that network.
class Comparison {
 public:
  Comparison(const Graph& graph, const Weights& weights, const Plan& plan, std::int64_t batch)
      : graph_(graph), weights_(weights) {
    if (plan.split && !plan.accuracy_kept) {
      const SplitDef& def = *find(split_catalog(), plan.split->kind);
      SplitGraph split = def.split(graph, plan.split->to, plan.split->ways);
      weights_ = def.weights(graph, split, weights);
      graph_ = std::move(split.graph);
    }
    run_passes(graph_, weights_);
    FlowOptions options;
    options.batch = batch;
    options.in_flight = 1;
    options.threads = 1;
    options.kept = {graph_.output};
    flow_ = std::make_unique<Flow>(graph_, weights_, options);
  }
  void compare(const Probe& probe, std::int64_t seq, std::int64_t count, ConstTensorView answer) {
    bool given = false;
    const auto fill = [&](std::int64_t, TensorView input) {
      if (std::exchange(given, true)) return std::int64_t{0};
      probe.make_frame(seq, input);
      return count;
    };
    flow_->run(FrameSource(fill), [&](const FrameResult& result) {
      const ConstTensorView own = result.output(graph_.output);
      const std::size_t size = own.values().size();
      for (std::size_t i = 0; i < size; ++i)
        largest_ = std::max(largest_, std::abs(static_cast<double>(own.data[i]) - static_cast<double>(answer.data[i])));
      equal_ = equal_ && std::memcmp(own.data, answer.data, size * sizeof(float)) == 0;
    });
  }
  bool is_equal() const { return equal_; }
  double largest() const { return largest_; }

 private:
  Graph graph_;
  Weights weights_;
  std::unique_ptr<Flow> flow_;
  bool equal_ = true;
  double largest_ = 0;
};

struct Verified {
  const SwarmJob& job;
  SwarmReport report;
  double period_s = 0, latency_s = 0;
  std::int64_t frames = 0;
  std::string answers;  // "equal to one process, bit for bit"
  bool bytes_agree = true, answers_agree = true;
};

double per_frame(double seconds, std::int64_t frames) {
  return frames == 0 ? 0 : seconds / static_cast<double>(frames);
}

// What the plan says of an edge; nothing for those of the coordinator that it does not know.
const PlanCut* cut_of(const Plan& plan, int from, int to) {
  for (const PlanCut& cut : plan.cuts)
    if (cut.from == from && cut.to == to) return &cut;
  return nullptr;
}

// A cut and the edges it consists of.
struct CutReport {
  std::string name;
  const PlanCut* cut = nullptr;
  std::int64_t frames = 0, bytes = 0, resent = 0;  // bytes: of a frame
  double busy_s = 0, wait_s = 0;                   // of a frame
};

std::vector<CutReport> cuts_of(const Verified& verified) {
  std::vector<CutReport> cuts;
  std::vector<std::pair<int, int>> ends;
  for (const EdgeReport& edge : verified.report.edges) {
    const std::pair<int, int> end{edge.from, edge.to};
    auto at = static_cast<std::size_t>(std::find(ends.begin(), ends.end(), end) - ends.begin());
    if (at == ends.size()) {
      ends.push_back(end);
      cuts.push_back({edge.name.substr(0, edge.name.rfind(' ')), cut_of(verified.job.plan, edge.from, edge.to)});
    }
    CutReport& cut = cuts[at];
    cut.frames = std::max(cut.frames, edge.frames);
    cut.resent += edge.resent;
    cut.bytes += edge.frames == 0 ? 0 : edge.bytes / (edge.frames + edge.resent);
    cut.busy_s += per_frame(edge.busy_s, edge.frames);
    cut.wait_s += per_frame(edge.wait_s, edge.frames);
  }
  return cuts;
}

std::string ms(double seconds) { return fmt::format("{:.3g}", 1e3 * seconds); }
std::string off(double predicted, double measured) {
  return predicted > 0 && measured > 0 ? fmt::format("{:+.1f} %", 100 * (measured / predicted - 1)) : "";
}

std::string stage_table(const Verified& verified, const std::string& format) {
  Table table{{"device", "compute ms: predicted", "measured", "off", "waits for input ms", "frames", "restarts"}, {}};
  for (std::size_t i = 0; i < verified.report.stages.size(); ++i) {
    const StageReport& stage = verified.report.stages[i];
    const double predicted = verified.job.plan.stages[i].compute_s.value;
    const double measured = per_frame(stage.busy_s, stage.frames);
    table.rows.push_back({stage.device, ms(predicted), ms(measured), off(predicted, measured),
                          ms(per_frame(stage.wait_s, stage.frames)), fmt::format("{}", stage.frames),
                          fmt::format("{}", stage.incarnation == 0 ? 0 : stage.incarnation - 1)});
  }
  return to_text(table, format);
}

std::string link_table(const Verified& verified, const std::string& format) {
  Table table{{"link", "bytes a frame: predicted", "measured", "ms: predicted", "measured", "off", "waits ms"}, {}};
  for (const CutReport& cut : cuts_of(verified))
    table.rows.push_back({cut.name, cut.cut == nullptr ? "-" : fmt::format("{}", cut.cut->bytes),
                          fmt::format("{}", cut.bytes), cut.cut == nullptr ? "-" : ms(cut.cut->seconds.value),
                          ms(cut.busy_s), cut.cut == nullptr ? "" : off(cut.cut->seconds.value, cut.busy_s),
                          ms(cut.wait_s)});
  return to_text(table, format);
}

std::string text_of(const Verified& verified, const std::string& format) {
  const Plan& plan = verified.job.plan;
  std::string text = stage_table(verified, format) + "\n" + link_table(verified, format);
  if (format != "text") return text;
  text = fmt::format("{}: {} on {}{}\n\n", verified.job.planning->model.graph.name, row_name(plan),
                     cards_text(verified.job.planning->swarm, plan),
                     verified.job.setup.emulate ? ", emulated on this machine"
                     : verified.job.workers     ? ", processes on this machine"
                                                : "") +
         text;
  text += fmt::format("\nperiod   predicted {} ms, measured {} ms  {}\n", ms(plan.score.period_s),
                      ms(verified.period_s), off(plan.score.period_s, verified.period_s));
  text += fmt::format("latency  predicted {} ms, measured {} ms  {}\n", ms(plan.score.latency_s),
                      ms(verified.latency_s), off(plan.score.latency_s, verified.latency_s));
  text += fmt::format("answers  {}\n", verified.answers);
  if (verified.job.workers && !verified.job.setup.emulate)
    text +=
        "\nThe predictions are for the devices; these were processes on this machine, at its own speed. "
        "--emulate slows them down.\n";
  return text;
}

Json json_of(const Verified& verified) {
  const Plan& plan = verified.job.plan;
  Json stages = Json::array(), links = Json::array();
  for (std::size_t i = 0; i < verified.report.stages.size(); ++i) {
    const StageReport& stage = verified.report.stages[i];
    stages.push_back({{"device", stage.device},
                      {"predicted_s", plan.stages[i].compute_s.value},
                      {"measured_s", per_frame(stage.busy_s, stage.frames)},
                      {"wait_s", per_frame(stage.wait_s, stage.frames)},
                      {"frames", stage.frames},
                      {"incarnation", stage.incarnation}});
  }
  for (const CutReport& cut : cuts_of(verified))
    links.push_back({{"name", cut.name},
                     {"predicted_bytes", cut.cut == nullptr ? Json() : Json(cut.cut->bytes)},
                     {"measured_bytes", cut.bytes},
                     {"predicted_s", cut.cut == nullptr ? Json() : Json(cut.cut->seconds.value)},
                     {"measured_s", cut.busy_s},
                     {"wait_s", cut.wait_s},
                     {"resent", cut.resent}});
  return {{"plan", row_name(plan)},
          {"frames", verified.frames},
          {"period", {{"predicted_s", plan.score.period_s}, {"measured_s", verified.period_s}}},
          {"latency", {{"predicted_s", plan.score.latency_s}, {"measured_s", verified.latency_s}}},
          {"stages", stages},
          {"links", links},
          {"answers", verified.answers},
          {"bytes_agree", verified.bytes_agree},
          {"answers_agree", verified.answers_agree}};
}

void compare_bytes(Verified& verified) {
  for (const CutReport& cut : cuts_of(verified))
    if (cut.cut != nullptr && cut.frames > 0 && cut.cut->bytes != cut.bytes) verified.bytes_agree = false;
}

ExitCode verify_command(const Options& options, const CommonOptions& common) {
  Log log(common);
  const std::atomic<bool>& stop = watch_signals();
  const std::unique_ptr<SwarmJob> job = prepare_swarm(options.swarm, common, log);
  const Model& model = job->planning->model;
  const Weights weights = weights_for(model, {.weights = options.weights}, log);
  SwarmFlow flow(model.graph, weights, job->plan, {model.graph.output}, job->setup, stop);
  flow.start();
  Probe probe(options.frames, job->setup.batch, flow.in_flight());
  Comparison comparison(model.graph, weights, job->plan, job->setup.batch);
  Verified verified{*job, {}, 0, 0, 0, "", true, true};
  std::vector<std::vector<float>> answers;
  const RunReport run = flow.run([&](std::int64_t seq, TensorView input) { return probe.fill(seq, input, stop); },
                                 [&](const FrameResult& result) {
                                   probe.answered();
                                   const std::span<const float> values = result.output(model.graph.output).values();
                                   answers.emplace_back(values.begin(), values.end());
                                 });
  if (stop) throw Interrupted(fmt::format("stopped after {} frames", run.frames));
  const Shape& shape = model.graph.node(model.graph.output).type.shape;
  for (std::size_t seq = 0; seq < answers.size(); ++seq)
    comparison.compare(probe, static_cast<std::int64_t>(seq), job->setup.batch,
                       {job->setup.batch, &shape, answers[seq].data()});
  verified.report = flow.report();
  verified.frames = run.frames;
  verified.period_s = probe.period_s();
  verified.latency_s = probe.latency_s();
  verified.answers = comparison.is_equal()
                         ? "equal to one process, bit for bit"
                         : fmt::format("differ from one process by up to {:.3g}", comparison.largest());
  constexpr double kRounding = 1e-4;  // where a cut takes a layer apart that one process computes as one
  verified.answers_agree = comparison.largest() <= kRounding;
  compare_bytes(verified);
  print_result(common.format == "json" ? json_of(verified).dump(2) + "\n" : text_of(verified, common.format));
  if (!verified.bytes_agree) log.note("the bytes of a link are not those predicted");
  return verified.bytes_agree && verified.answers_agree ? ExitCode::done : ExitCode::check_failed;
}

}  // namespace

std::function<ExitCode()> declare_verify(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->swarm.planning.file, "model file")->required()->type_name("FILE");
  app.add_option("--weights", options->weights, "safetensors file; else the model's, else random weights")
      ->type_name("FILE");
  app.add_option("--frames", options->frames, "frames of noise to send; a quarter of them, at most 10, go alone")
      ->check(CLI::Range(std::int64_t{8}, std::int64_t{1} << 30))
      ->capture_default_str()
      ->type_name("N");
  add_planning_options(app, options->swarm.planning);
  add_swarm_options(app, options->swarm);
  return [options, &common] { return verify_command(*options, common); };
}

}  // namespace cleave
