// What `sparsity` prints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/cli/trained.h"
#include "engine/mcmc/sparsity.h"

namespace cleave {

// The real weights of one layer's kernel that are on, over [-high, high].
struct Histogram {
  std::string layer;
  double high = 0;  // the largest |w|; 0 = none is on
  std::vector<float> on_values;
  std::vector<std::int64_t> bars;
};

// A layer, a module or the whole network.
struct SparsityRow {
  std::string name;
  std::vector<std::string> priors;       // of its kernels, each once
  std::vector<double> thresholds, taus;  // the same
  std::int64_t weights = 0, zeros = 0, on = 0;
  double sum_abs = 0;
  std::optional<double> penalty;  // nats
  std::int64_t dense_bytes = 0;   // of a file that stores all weights
  std::int64_t sparse_bytes = 0;  // of one that stores those that are on, where that pays
};

struct SparsityReport {
  std::vector<SparsityRow> layers, modules;
  SparsityRow network;
  std::vector<Histogram> histograms;
};

SparsityReport report_sparsity(const Graph& graph, const Weights& weights, const SparsityOptions& options, int bins);

// The report in a --format.
std::string to_text(const SparsityReport& report, const Graph& graph, const std::string& format);

}  // namespace cleave
