// cleave bench: latency and rate of a network on this machine, and whether it has become slower.
#include <chrono>
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "engine/cli/bench_report.h"
#include "engine/cli/evaluation.h"
#include "engine/cli/evaluation_weights.h"
#include "engine/cli/samples.h"
#include "engine/cli/stop.h"
#include "engine/runtime/host.h"
#include "graphs/passes.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string file, weights, save, compare;
  std::int64_t batch = 0, in_flight = 0;
  double seconds = 3, tolerance = 0.05;
  bool nodes = false;
};

// A bar on a terminal.
class BenchProgress {
 public:
  explicit BenchProgress(const CommonOptions& common) : fancy_(fancy_stderr(common) && common.log_format == "text") {}
  ~BenchProgress() {
    if (drawn_) std::fputs("\r\x1b[K", stderr);
  }
  BenchProgress(const BenchProgress&) = delete;

  void show(const char* phase, double done) {
    const Clock::time_point now = Clock::now();
    if (!fancy_ || now - last_ < std::chrono::milliseconds(200)) return;
    last_ = now;
    constexpr std::size_t kBar = 20;
    const auto full = static_cast<std::size_t>(done * kBar);
    std::fputs(fmt::format("\r{:8}[{}{}]\x1b[K", phase, std::string(full, '#'), std::string(kBar - full, '-')).c_str(),
               stderr);
    drawn_ = true;
  }

 private:
  bool fancy_, drawn_ = false;
  Clock::time_point last_{};
};

// Times hardly depend on the values, so a file the model names need not be there. `name` is what the report says.
Weights weights_to_run(const Model& model, const std::string& option, std::string& name, Log& log) {
  const ModelSpec& spec = model.reading.spec;
  name = option.empty() && !spec.weights_file.empty() ? beside_model(spec, spec.weights_file) : option;
  if (!option.empty() || is_file(name)) return weights_for(model, {.weights = option}, log);
  name = "random";
  log.note(
      fmt::format("random weights of seed {}: --weights FILE takes trained ones; times are much the same", spec.seed));
  return initial_weights(model.graph, spec.seed);
}

BenchReport measure_model(const Model& model, const Options& options, const CommonOptions& common, Log& log) {
  const InferenceSpec& inference = model.reading.spec.inference;
  BenchReport report;
  report.model = model.graph.name;
  report.graph = structure_hash(model.graph);
  report.batch = options.batch > 0 ? options.batch : inference.batch;
  report.in_flight = options.in_flight > 0 ? options.in_flight : inference.in_flight;
  report.threads = thread_count(common);
  report.host = host_facts();
  Graph graph = model.graph;
  Weights weights = weights_to_run(model, options.weights, report.weights, log);
  if (!options.compare.empty())
    compare_bench(report, options.compare, options.tolerance);  // refuses before it measures
  run_passes(graph, weights);
  BenchProgress progress(common);
  BenchSettings settings{.batch = report.batch,
                         .in_flight = report.in_flight,
                         .threads = report.threads,
                         .seconds = options.seconds,
                         .nodes = options.nodes,
                         .stop = &watch_signals(),
                         .progress = {}};
  settings.progress = [&](const char* phase, double done) { progress.show(phase, done); };
  report.result = measure_bench(graph, weights, settings);
  return report;
}

ExitCode bench_command(const Options& options, const CommonOptions& common) {
  Log log(common);
  const Model model = load_model(options.file, common);
  refuse_unrunnable(model, "bench");
  const BenchReport report = measure_model(model, options, common, log);
  if (report.result.stopped) {
    if (report.result.latency.count > 0) print_result(to_text(report, common.format));
    throw Interrupted("stopped before all was measured; nothing was saved or compared");
  }
  const std::string json = to_json(report);
  if (!options.save.empty())
    write_file_atomically(options.save, {reinterpret_cast<const std::uint8_t*>(json.data()), json.size()});
  if (options.compare.empty()) {
    print_result(to_text(report, common.format));
    return ExitCode::done;
  }
  const std::vector<BenchChange> changes = compare_bench(report, options.compare, options.tolerance);
  print_result(common.format == "json" ? to_json(report, changes)
                                       : to_text(report, common.format) + "\n" + to_text(changes, common.format));
  for (const BenchChange& change : changes)
    if (change.is_slower()) return ExitCode::check_failed;
  return ExitCode::done;
}

}  // namespace

std::function<ExitCode()> declare_bench(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->file, "model file")->required()->type_name("FILE");
  app.add_option("--weights", options->weights, "safetensors file; else the model's, else random weights")
      ->type_name("FILE");
  app.add_option("--batch", options->batch, "samples in a frame; else the model's inference.batch")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1048576}))
      ->type_name("N");
  app.add_option("--in-flight", options->in_flight, "frames under way at full load; else the model's")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{4096}))
      ->type_name("N");
  app.add_option("--seconds", options->seconds, "seconds for each of latency, rate and nodes")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str()
      ->type_name("S");
  app.add_flag("--nodes", options->nodes, "times of every node, too");
  app.add_option("--save", options->save, "file for the result, to compare with later (JSON)")->type_name("FILE");
  app.add_option("--compare", options->compare, "file of an earlier --save: exit 6 when slower beyond the spread")
      ->type_name("FILE");
  app.add_option("--tolerance", options->tolerance, "share by which it may be slower whatever the spread")
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str()
      ->type_name("X");
  return [options, &common] { return bench_command(*options, common); };
}

}  // namespace cleave
