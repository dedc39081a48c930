// Draws as other programs read them: CmdStan's CSV for ArviZ, posterior and their like, and pictures for people.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/cli/chart.h"
#include "engine/cli/diag_report.h"
#include "ops/core/error.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

constexpr std::size_t kPlotted = 600;  // points of a curve, about as many as a picture has columns

// CmdStan's readers take lp__, accept_stat__ and energy__ as the sampler's own, other columns as draws.
std::string cmdstan_text(const ModuleDiagnosis& module, const Trace& trace, std::size_t chain,
                         const std::string& model) {
  const auto first = std::lower_bound(trace.steps.begin(), trace.steps.end(), module.warm_up,
                                      [](const RecordedStep& a, std::int64_t step) { return a.step < step; });
  const auto warm_up = first - trace.steps.begin();
  const auto draws = std::min<std::ptrdiff_t>(trace.steps.end() - first, module.draws);
  std::string text = fmt::format(
      "# model = {}\n# module = {}\n# method = sample\n# num_samples = {}\n# num_warmup = {}\n# save_warmup = 1\n"
      "# thin = 1\n# steps_a_row = {}\n# id = {}\n"
      "lp__,accept_stat__,energy__,loss,log_prior,accepted,jump\n",
      model, module.name, draws, warm_up, trace.every, chain + 1);
  for (std::ptrdiff_t i = 0; i < warm_up + draws; ++i) {
    const RecordedStep& s = trace.steps[static_cast<std::size_t>(i)];
    const double accept = std::isnan(s.log_ratio) ? 0 : std::min(1.0, std::exp(s.log_ratio));
    text += fmt::format("{:.9g},{:.6g},{:.9g},{:.9g},{:.9g},{},{:.6g}\n", -s.energy(), accept, s.energy(), s.loss,
                        s.log_prior, s.accepted ? 1 : 0, s.jump);
  }
  return text;
}

template <class Value>
Chart chart_of(const std::string& title, const std::string& label, const std::vector<Trace>& chains, Value value) {
  Chart chart{.title = title, .x_label = "step", .y_label = label, .series = {}};
  for (std::size_t c = 0; c < chains.size(); ++c) {
    Series& series = chart.series.emplace_back();
    if (chains.size() > 1) series.name = fmt::format("chain {}", c + 1);
    const std::vector<RecordedStep>& steps = chains[c].steps;
    const std::size_t stride = std::max<std::size_t>(1, steps.size() / kPlotted);
    for (std::size_t i = 0; i < steps.size(); i += stride)
      series.points.emplace_back(static_cast<double>(steps[i].step), value(steps[i]));
  }
  return chart;
}

std::string stem_of(const std::string& name) {
  std::string stem = name;
  std::replace_if(
      stem.begin(), stem.end(), [](char c) { return c == '/' || c == ' '; }, '_');
  return stem;
}

}  // namespace

void export_draws(const std::filesystem::path& dir, const std::vector<ModuleDiagnosis>& modules,
                  const std::vector<std::vector<Trace>>& traces, const std::string& model) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) throw RunError(fmt::format("{}: cannot make the folder: {}", dir.string(), error.message()));
  for (std::size_t m = 0; m < modules.size(); ++m)
    for (std::size_t c = 0; c < traces[m].size(); ++c) {
      const std::string text = cmdstan_text(modules[m], traces[m][c], c, model);
      write_file_atomically((dir / fmt::format("{}_{}.csv", stem_of(modules[m].name), c + 1)).string(),
                            ByteSpan(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
    }
}

std::vector<std::string> write_trace_plots(const std::filesystem::path& dir,
                                           const std::vector<ModuleDiagnosis>& modules,
                                           const std::vector<std::vector<Trace>>& traces) {
  std::vector<std::string> files;
  for (std::size_t m = 0; m < modules.size(); ++m) {
    const std::string& name = modules[m].name;
    const auto add = [&](const std::string& what, const Chart& chart) {
      files.push_back((dir / fmt::format("{}.{}.svg", stem_of(name), what)).string());
      write_chart(files.back(), chart);
    };
    add("loss",
        chart_of(name + ": loss", "loss on the batch", traces[m], [](const RecordedStep& s) { return s.loss; }));
    add("log_prior", chart_of(name + ": log prior", "log prior, nats", traces[m],
                              [](const RecordedStep& s) { return s.log_prior; }));
  }
  return files;
}

}  // namespace cleave
