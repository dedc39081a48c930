// cleave run: the network's answer to each sample.
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "engine/cli/evaluation.h"
#include "engine/cli/evaluation_weights.h"
#include "engine/cli/run_source.h"
#include "engine/cli/stop.h"
#include "engine/cli/values_file.h"
#include "graphs/graph_text.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  SwarmOptions swarm;
  WeightOptions weights;
  std::string exit, output, values;
  RunInput input;
};

// Writes predictions to stdout, whole lines at a time, soon after they come.
class StdoutRows {
 public:
  // False when the reader has gone away.
  bool write(const Prediction& prediction) {
    text_ += csv_line(prediction);
    const Clock::time_point now = Clock::now();
    if (text_.size() < kMostBytes && now - last_ < kLongest) return true;
    last_ = now;
    return flush();
  }
  bool flush() {
    if (text_.empty()) return true;
    const bool written = std::fwrite(text_.data(), 1, text_.size(), stdout) == text_.size() && std::fflush(stdout) == 0;
    text_.clear();
    if (!written && errno != EPIPE) throw RunError(fmt::format("cannot write to stdout: {}", std::strerror(errno)));
    return written;
  }

 private:
  static constexpr std::size_t kMostBytes = 32 * 1024;
  static constexpr std::chrono::milliseconds kLongest{50};
  std::string text_ = csv_header();
  Clock::time_point last_ = Clock::now();
};

// How far a long run has got, on stderr.
class RunProgress {
 public:
  RunProgress(const CommonOptions& common, Log& log, std::int64_t count)
      : log_(log), fancy_(fancy_stderr(common) && common.log_format == "text"), count_(count) {}

  void show(std::int64_t done) {
    const Clock::time_point now = Clock::now();
    if (now - last_ < (fancy_ ? std::chrono::milliseconds(500) : std::chrono::milliseconds(5000))) return;
    last_ = now;
    const std::string of = count_ > 0 ? fmt::format(" of {}", with_blanks(count_)) : "";
    const double rate = static_cast<double>(done) / std::chrono::duration<double>(now - start_).count();
    const std::string text = fmt::format("{}{} samples, {:.0f} /s", with_blanks(done), of, rate);
    drawn_ = fancy_;
    if (fancy_) std::fputs(fmt::format("\r{}\x1b[K", text).c_str(), stderr);
    else log_.info(text);
  }
  void finish() {
    if (drawn_) std::fputs("\r\x1b[K", stderr);
    drawn_ = false;
  }

 private:
  Log& log_;
  bool fancy_, drawn_ = false;
  std::int64_t count_;
  Clock::time_point start_ = Clock::now(), last_ = start_;
};

// Where predictions go; `write` is false when nobody wants more of them.
struct Output {
  std::unique_ptr<PredictionWriter> file;
  StdoutRows rows;

  bool write(const Prediction& prediction) {
    if (file == nullptr) return rows.write(prediction);
    file->write(prediction);
    return true;
  }
  void finish() {
    if (file == nullptr) rows.flush();
    else file->finish();
  }
};

EvaluateOptions options_of(const Model& model, const Options& options, const CommonOptions& common) {
  EvaluateOptions how;
  how.early_exit = early_exit_for(model, options.exit);
  how.flow.batch = model.reading.spec.inference.batch;
  how.flow.in_flight = model.reading.spec.inference.in_flight;
  how.flow.threads = thread_count(common);
  how.flow.stop = options.input.stop;
  return how;
}

ExitCode run_command(Options options, const CommonOptions& common) {
  Log log(common);
  const Model model = load_model(options.swarm.planning.file, common);
  refuse_unrunnable(model, "run");
  note_unmeasured(model, log);
  options.input.stop = &watch_signals();
  EvaluateOptions how = options_of(model, options, common);
  const std::unique_ptr<SwarmJob> job =
      uses_swarm(options.swarm, model) ? prepare_swarm(options.swarm, common, log) : nullptr;
  Output output;
  if (!options.output.empty())
    output.file = std::make_unique<PredictionWriter>(options.output, prediction_format(options.output));
  std::vector<Weights> draws = draws_for(model, options.weights, job != nullptr);
  Weights weights = draws.empty() ? weights_for(model, options.weights, log) : Weights{};
  const RunSource source = open_input(model, options.input);
  std::unique_ptr<ValuesFile> values;
  if (!options.values.empty()) {
    if (!draws.empty()) throw UserError("--values are those of one network; several draws answer together");
    values =
        std::make_unique<ValuesFile>(options.values, model.graph.node(answering_nodes(model.graph).back()).type.shape);
    how.on_values = [&values](std::span<const float> sample) { values->write(sample); };
  }
  RunProgress progress(common, log, source.count);
  std::int64_t done = 0;
  std::atomic<bool> unwanted = false;
  const LabelledSource next = [&](std::int64_t seq, TensorView frame, std::span<std::int32_t> labels) {
    return unwanted ? std::int64_t{0} : source.next(seq, frame, labels);
  };
  const auto take = [&](const Prediction& prediction) {
    if (!unwanted && !output.write(prediction)) unwanted = true;
    progress.show(++done);
  };
  const EvaluateReport report = draws.empty() ? answer_all(model, std::move(weights), job.get(), next, how, take)
                                              : answer_by_draws(model, std::move(draws), next, how, take);
  progress.finish();
  output.finish();
  if (values != nullptr) values->finish();
  if (options.input.stop->load())
    throw Interrupted(fmt::format("stopped after {} samples; their lines are complete", report.run.samples));
  log.info(fmt::format("{} samples in {:.2f} s: {:.0f} frames/s of {} sample{}, {:.0f} samples/s",
                       with_blanks(report.run.samples), report.run.seconds,
                       static_cast<double>(report.run.frames) / std::max(1e-9, report.run.seconds), how.flow.batch,
                       how.flow.batch == 1 ? "" : "s", report.samples_per_s));
  if (how.early_exit)
    log.info(fmt::format("early exit {}: {:.1f} % of the compute saved", rule_text(how.early_exit),
                         100 * report.compute_saved));
  return ExitCode::done;
}

}  // namespace

std::function<ExitCode()> declare_run(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->swarm.planning.file, "model file")->required()->type_name("FILE");
  add_weight_options(app, options->weights);
  app.add_option("--input", options->input.where,
                 "samples: a file, - for stdin, or a data set (NAME or NAME:SPLIT); else the model's data.test")
      ->type_name("FILE|-|SET");
  app.add_option("--input-format", options->input.format,
                 "of a file or stdin; raw: bytes 0-255, raw-f32: floats; else by the file's ending, or raw")
      ->check(CLI::IsMember({"raw", "raw-f32", "npy"}))
      ->type_name("raw|raw-f32|npy");
  app.add_option("--output", options->output, "file for the predictions, .csv or .npy; else CSV to stdout")
      ->type_name("FILE");
  app.add_option("--values", options->values, "file for all the numbers the network gives for each sample, .npy")
      ->type_name("FILE");
  app.add_option("--limit", options->input.limit, "answer the first so many samples, 0 = all")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 40))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--exit", options->exit, early_exit_help())->type_name("RULE=X|off");
  add_planning_options(app, options->swarm.planning);
  add_swarm_options(app, options->swarm);
  return [options, &common] { return run_command(*options, common); };
}

}  // namespace cleave
