// cleave profile: what each node and each segment of a network takes on this machine.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include "engine/cli/evaluation.h"
#include "engine/cli/evaluation_weights.h"
#include "engine/cli/profile_report.h"
#include "engine/cli/samples.h"
#include "engine/cli/stop.h"
#include "engine/cli/train_progress.h"
#include "engine/runtime/host.h"
#include "graphs/model_reader.h"
#include "graphs/passes.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostCuts = 24;  // of the planner's own choice

constexpr double kQuiet = 0.9;  // CPU time over wall time on a machine that does nothing else

struct Options {
  std::string file, weights;
  std::string device = "this-machine", output = "profile.yaml";
  std::int64_t batch = 0, repeats = 15;
};

// A bar on a terminal, else a line now and then.
class ProfileProgress {
 public:
  ProfileProgress(const CommonOptions& common, Log& log)
      : log_(log), fancy_(fancy_stderr(common) && common.log_format == "text") {}

  void show(std::int64_t done, std::int64_t all) {
    const Clock::time_point now = Clock::now();
    if (now - last_ < (fancy_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(5000))) return;
    last_ = now;
    const double elapsed_s = std::chrono::duration<double>(now - start_).count();
    const std::string eta = duration_in_short(elapsed_s / static_cast<double>(done) * static_cast<double>(all - done));
    constexpr std::int64_t kBar = 20;
    const auto full = static_cast<std::size_t>(kBar * done / all);
    if (fancy_)
      std::fputs(fmt::format("\rtiming [{}{}]  {}/{}  eta {}\x1b[K", std::string(full, '#'),
                             std::string(kBar - full, '-'), done, all, eta)
                     .c_str(),
                 stderr);
    else log_.info(fmt::format("timing {}/{}  eta {}", done, all, eta));
    drawn_ = fancy_;
  }
  void finish() {
    if (drawn_) std::fputs("\r\x1b[K", stderr);
    drawn_ = false;
  }

 private:
  Log& log_;
  bool fancy_, drawn_ = false;
  Clock::time_point start_ = Clock::now(), last_ = start_;
};

// Times do not depend on the weights' values, so a file the model names need not be there.
Weights weights_to_time(const Model& model, const std::string& option, Log& log) {
  const ModelSpec& spec = model.reading.spec;
  const bool there = !spec.weights_file.empty() && is_file(beside_model(spec, spec.weights_file));
  if (!option.empty() || there) return weights_for(model, {.weights = option}, log);
  log.debug("timing start weights: what a layer takes does not depend on their values");
  return initial_weights(model.graph, spec.seed);
}

// Where the model lets itself be cut, else all places that a single tensor crosses.
std::vector<CutPoint> cuts_of(const Model& model, Log& log) {
  const Graph& graph = model.graph;
  const DocNode* after = find_path(model.reading.doc, "placement.cuts.after");
  if (after == nullptr) {
    const std::vector<NodeId> computed = computed_by(graph);
    const std::size_t all = clean_cuts(graph, computed, graph.nodes.size()).size();
    if (all > kMostCuts)
      log.note(fmt::format("{} of {} places to cut at are measured, evenly thinned; placement.cuts.after names others",
                           kMostCuts, all));
    return clean_cuts(graph, computed, kMostCuts);
  }
  std::vector<CutPoint> cuts;
  const auto add = [&](const DocNode& name) {
    const NodeId node = node_of_name(graph, name.scalar);
    if (node == NodeId::none || index_of(node) + 1 >= graph.nodes.size()) return;  // `check` tells of the former
    cuts.push_back({name.scalar, node});
  };
  if (after->is_scalar()) add(*after);
  for (const DocNode& name : after->items) add(name);
  std::sort(cuts.begin(), cuts.end(), [](const CutPoint& a, const CutPoint& b) { return a.node < b.node; });
  const auto same = [](const CutPoint& a, const CutPoint& b) { return a.node == b.node; };
  cuts.erase(std::unique(cuts.begin(), cuts.end(), same), cuts.end());
  return cuts;
}

// Returns what an earlier run left in the file for others; throws UserError where the file is not to be replaced.
std::vector<Profile> others_in(const std::string& path, const Profile& ours) {
  std::error_code unknown;
  const fs::path folder = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
  if (fs::is_directory(path, unknown)) throw UserError(fmt::format("--output {}: is a folder", path));
  if (!fs::is_directory(folder, unknown)) throw UserError(fmt::format("--output {}: there is no such folder", path));
  if (access(folder.c_str(), W_OK) != 0)
    throw UserError(fmt::format("--output {}: the folder cannot be written", path));
  if (!fs::exists(path, unknown)) return {};
  const auto refuse = [&](const std::string& why) {
    return UserError(fmt::format("--output {}: {}; name another file", path, why));
  };
  std::vector<Profile> others;
  const std::string text = read_source(path, {}, Sources{});
  if (!is_profile_file(text)) throw refuse("it was not written by `cleave profile`");
  for (Profile& profile : read_profiles_text(path, text)) {
    if (profile.model != ours.model) throw refuse(fmt::format("it holds a profile of '{}'", profile.model));
    const bool replaced = profile.device == ours.device && profile.batch == ours.batch;
    if (profile.graph_hash == ours.graph_hash && !replaced) others.push_back(std::move(profile));
  }
  return others;
}

// Before anything is measured: what cannot be read again is not worth its time.
void check_readable(const ProfileReport& report, std::size_t cuts, const std::vector<Profile>& others) {
  constexpr std::size_t kRecord = 11;  // keys and values of a segment, and itself
  const std::size_t nodes = report.graph->nodes.size();
  std::size_t values = kRecord * (nodes + 3 * cuts + 10);
  for (const Profile& other : others)
    values += kRecord * (other.nodes.size() + other.segments.size() + other.shares.size() + 10);
  if (values <= static_cast<std::size_t>(kMaxNodes)) return;
  if (others.empty())
    throw UserError(
        fmt::format("a profile of {} nodes and {} places to cut at would be too large to be read again", nodes, cuts));
  throw UserError(
      fmt::format("--output {}: with the profiles it holds it would be too large to be read again; name another file",
                  report.file));
}

void write_profile(const ProfileReport& report, const std::vector<Profile>& others) {
  const std::string text = profile_file(report, others);
  write_file_atomically(report.file, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

// More threads than cores would only wait for each other.
int threads_to_use(const CommonOptions& common, Log& log) {
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  if (common.threads <= cores) return thread_count(common);
  log.note(fmt::format("this machine has {} core{}: {} frame{} at once are timed, not {}", cores, cores == 1 ? "" : "s",
                       cores, cores == 1 ? "" : "s", common.threads));
  return cores;
}

// Other work took caches and cores; the profile says so, too.
void note_busy(const Measurement& made, ProfileReport& report, Log& log) {
  const std::string share = fmt::format("{:.0f}%", 100 * made.cpu_s / made.wall_s);
  report.profile.host.emplace_back("cpu_share", share);
  log.note(fmt::format("the machine did other work meanwhile: the timings had {} of it; {}", share,
                       report.threads == 1 ? "they count CPU time, but a quiet machine gives better ones"
                                           : "measure again on a quiet one"));
}

MeasureOptions how_to_measure(const Options& options, const ProfileReport& report, ProfileProgress& progress) {
  MeasureOptions how;
  how.batch = report.profile.batch;
  how.repeats = options.repeats;
  how.threads = report.threads;
  how.stop = &watch_signals();
  how.progress = [&progress](std::int64_t done, std::int64_t all) { progress.show(done, all); };
  return how;
}

ExitCode profile_command(const Options& options, const CommonOptions& common) {
  Log log(common);
  const Model model = load_model(options.file, common);
  refuse_unrunnable(model, "profile");
  ProfileReport report;
  report.graph = &model.graph;
  report.file = options.output;
  report.repeats = options.repeats;
  report.threads = threads_to_use(common, log);
  report.profile.model = model.graph.name;
  report.profile.graph_hash = structure_hash(model.graph);
  report.profile.device = options.device;
  report.profile.batch = options.batch > 0 ? options.batch : model.reading.spec.inference.batch;
  const std::vector<Profile> others = others_in(options.output, report.profile);
  const Weights weights = weights_to_time(model, options.weights, log);
  const std::vector<CutPoint> cuts = cuts_of(model, log);
  check_readable(report, cuts.size(), others);
  report.profile.host = host_facts();
  report.profile.host.emplace_back("threads", fmt::format("{}", report.threads));
  report.profile.host.emplace_back("repeats", fmt::format("{}", options.repeats));
  ProfileProgress progress(common, log);
  report.measurement = measure(model.graph, weights, cuts, how_to_measure(options, report, progress));
  progress.finish();
  const Measurement& made = report.measurement;
  if (made.cpu_s < kQuiet * made.wall_s) note_busy(made, report, log);
  if (made.stopped)
    report.profile.host.emplace_back("stopped", fmt::format("after {} of {} timings", made.done, made.all));
  report.profile.nodes = made.nodes;
  report.profile.segments = made.segments;
  if (made.nodes.empty() && made.segments.empty()) throw Interrupted("stopped before anything was measured");
  write_profile(report, others);
  print_result(to_text(report, common.format));
  if (made.stopped)
    throw Interrupted(
        fmt::format("stopped after {} of {} timings; {} holds what was measured", made.done, made.all, options.output));
  log.info(
      fmt::format("{} nodes and {} segments written to {}", made.nodes.size(), made.segments.size(), options.output));
  return ExitCode::done;
}

}  // namespace

std::function<ExitCode()> declare_profile(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->file, "model file")->required()->type_name("FILE");
  app.add_option("--weights", options->weights, "safetensors file; else the model's, else start weights")
      ->type_name("FILE");
  app.add_option("--batch", options->batch, "samples in a frame; else the model's inference.batch")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1048576}))
      ->type_name("N");
  app.add_option("--repeats", options->repeats, "timings of each node and segment")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{100'000}))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--device", options->device, "what the profile speaks for: a preset, or a device of the swarm")
      ->capture_default_str()
      ->type_name("NAME");
  app.add_option("--output", options->output, "file for the profile")->capture_default_str()->type_name("FILE");
  return [options, &common] { return profile_command(*options, common); };
}

}  // namespace cleave
