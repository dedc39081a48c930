// cleave diag: can the chains of a training run be trusted, and what is wrong where they cannot.
#include <charconv>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "engine/cli/command.h"
#include "engine/cli/diag_report.h"
#include "engine/cli/log.h"
#include "engine/cli/train_job.h"
#include "engine/train/run_folder.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

constexpr std::size_t kShortest = 10;  // a chain with less than 1/10 of the longest one's rows is left out

struct Options {
  std::string path, warm_up, export_dir;
  bool plots = false;
};

// "5000" steps or "30%".
WarmUp parse_warm_up(const std::string& text, const TrainSpec& training) {
  WarmUp warm_up{.steps = training.warm_up};
  if (text.empty()) return warm_up;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string rest(end, text.data() + text.size());
  const bool is_share = rest == "%" && number >= 0 && number < 100;
  const bool is_steps =
      rest.empty() && number >= 0 && number < 1e15 && number == static_cast<double>(static_cast<std::int64_t>(number));
  if (error != std::errc() || (!is_share && !is_steps))
    throw UserError(fmt::format("--warm-up: '{}' is neither a number of steps (5000) nor a share (30%)", text));
  if (is_share) return {.steps = 0, .share = number / 100};
  return {.steps = static_cast<std::int64_t>(number), .share = 0};
}

// The traces of a module in every chain that has got far enough, and what of it was not finite.
struct ModuleTraces {
  std::vector<Trace> chains;
  std::int64_t not_finite = 0;
};

ModuleTraces read_module(const std::vector<RunFolder>& chains, const Graph& graph, std::size_t module, Log& log) {
  ModuleTraces traces;
  std::size_t longest = 0;
  for (const RunFolder& chain : chains) {
    const std::filesystem::path file = trace_files(chain, graph)[module];
    Trace trace = is_file(file.string()) ? read_trace(file) : Trace{};
    longest = std::max(longest, trace.steps.size());
    traces.not_finite += static_cast<std::int64_t>(sum_of_column(batches_file(file), "not_finite"));
    traces.chains.push_back(std::move(trace));
  }
  const std::size_t all = traces.chains.size();
  std::erase_if(traces.chains, [&](const Trace& trace) { return trace.steps.size() * kShortest < longest; });
  if (traces.chains.size() < all)
    log.note(fmt::format("module {}: {} of {} chains are left out, they have hardly begun", graph.modules[module].name,
                         all - traces.chains.size(), all));
  return traces;
}

ExitCode diag_command(const Options& options, const CommonOptions& common) {
  Log log(common);
  const RunFolder folder{options.path};
  const RunRecord record = read_run_record(folder);
  const Model model = model_of_run(folder, record);
  if (model.reading.spec.training.algorithm == "sgd")
    throw UserError(fmt::format("{} was trained by gradients: it has no Markov chain to diagnose", options.path));
  const WarmUp warm_up = parse_warm_up(options.warm_up, model.reading.spec.training);
  const std::vector<RunFolder> chains = chain_folders(folder);
  RunDiagnosis diagnosis{.run = options.path, .status = record.status, .chains = {}, .modules = {}};
  for (const RunFolder& chain : chains) diagnosis.chains.push_back(chain.path.string());
  std::vector<std::vector<Trace>> traces;
  for (std::size_t m = 0; m < model.graph.modules.size(); ++m) {
    ModuleTraces module = read_module(chains, model.graph, m, log);
    diagnosis.modules.push_back(
        diagnose_module(model.graph.modules[m].name, module.chains, warm_up, module.not_finite));
    traces.push_back(std::move(module.chains));
  }
  if (!options.export_dir.empty()) export_draws(options.export_dir, diagnosis.modules, traces, model.reading.spec.name);
  if (options.plots)
    for (const std::string& file : write_trace_plots(folder.path / "plots", diagnosis.modules, traces))
      log.info(fmt::format("wrote {}", file));
  print_result(to_text(diagnosis, common.format));
  return diagnosis.has_fault() ? ExitCode::check_failed : ExitCode::done;
}

}  // namespace

std::function<ExitCode()> declare_diag(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("RUN", options->path, "run folder; the run may still be going on, or have been killed")
      ->required()
      ->type_name("DIR");
  app.add_option("--warm-up", options->warm_up,
                 "steps of each chain to leave out, or a share of them; else training.warm_up of the model, else half")
      ->type_name("N|SHARE%");
  app.add_option("--export", options->export_dir,
                 "write the draws there in CmdStan's CSV layout, for az.from_cmdstan and posterior")
      ->type_name("DIR");
  app.add_flag("--plots", options->plots, "draw loss and log prior of every module into RUN/plots as SVG");
  return [options, &common] { return diag_command(*options, common); };
}

}  // namespace cleave
