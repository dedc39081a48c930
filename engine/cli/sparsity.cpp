// cleave sparsity: which weights of a run are on, which off, and what the regret bound charges for them.
#include <algorithm>
#include <cmath>
#include <memory>

#include <CLI/CLI.hpp>

#include "engine/cli/chart.h"
#include "engine/cli/sparsity_report.h"

namespace cleave {

namespace {

struct Options {
  std::string path, weights, svg;
  SparsityOptions sparsity;
  int bins = 24;
};

// Lines over bins that all layers share; the few largest weights count in the outermost ones.
void draw(const Options& options, const std::vector<Histogram>& histograms) {
  double high = 0;
  for (const Histogram& h : histograms) {
    std::vector<float> sizes;
    for (const float w : h.on_values) sizes.push_back(std::abs(w));
    std::sort(sizes.begin(), sizes.end());
    if (!sizes.empty()) high = std::max(high, static_cast<double>(sizes[(sizes.size() - 1) * 99 / 100]));
  }
  Chart chart{"weights that are on: " + options.path, "weight", "share of the layer's weights", {}, true};
  for (const Histogram& h : histograms) {
    if (h.on_values.empty()) continue;
    chart.series.push_back(histogram(h.layer, h.on_values, -high, high, options.bins));
    chart.series.back().bars = histograms.size() == 1;
  }
  write_chart(options.svg, chart);
}

ExitCode sparsity_command(const Options& options, const CommonOptions& common) {
  Log log(common);
  const Trained trained = load_trained(options.path, options.weights, common, log);
  const SparsityReport report = report_sparsity(trained.model.graph, trained.weights, options.sparsity, options.bins);
  if (!options.svg.empty()) draw(options, report.histograms);
  print_result(to_text(report, trained.model.graph, common.format));
  return ExitCode::done;
}

}  // namespace

std::function<ExitCode()> declare_sparsity(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("RUN", options->path, "run folder, or a model file")->required()->type_name("DIR|FILE");
  app.add_option("--weights", options->weights, "safetensors file; else the run's last weights, or the model's")
      ->type_name("FILE");
  app.add_option("--threshold", options->sparsity.threshold,
                 "weights with |w| up to this are off; else the prior's scale for laplace and student_t, 0 for others")
      ->check(CLI::Range(0.0, 1e30))
      ->type_name("W");
  app.add_option("--tau", options->sparsity.tau, "τ of the regret bound's penalty; else the prior's scale")
      ->check(CLI::Range(1e-30, 1e30))
      ->type_name("W");
  app.add_option("--bins", options->bins, "bars of a histogram")
      ->check(CLI::Range(1, 200))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--svg", options->svg, "write the histograms as a picture")->type_name("FILE");
  return [options, &common] { return sparsity_command(*options, common); };
}

}  // namespace cleave
