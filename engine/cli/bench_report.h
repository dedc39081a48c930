// What `cleave bench` prints and writes, and how it compares itself with an earlier one.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/cli/bench_measure.h"

namespace cleave {

// A result with what it is of.
struct BenchReport {
  std::string model, graph;  // name; structure_hash of the graph as written
  std::string weights;       // their file, or "random"
  std::int64_t batch = 1, in_flight = 4;
  int threads = 1;
  std::vector<std::pair<std::string, std::string>> host;
  BenchResult result;
};

// One figure then and now.
struct BenchChange {
  std::string what;
  double then_s = 0, now_s = 0;
  double allowed = 0;  // slowdown that may be chance: the larger spread of the two, at least the tolerance

  double slowdown() const { return now_s / then_s - 1; }
  bool is_slower() const { return slowdown() > allowed; }
};

// Returns the report in a --format.
std::string to_text(const BenchReport& report, const std::string& format);
// Returns it as JSON; `changes` belong to it where it was compared.
std::string to_json(const BenchReport& report, const std::vector<BenchChange>& changes = {});
// Returns a table of the changes in a --format.
std::string to_text(const std::vector<BenchChange>& changes, const std::string& format);

// Compares with what --save wrote to `file`. Throws UserError where that is no such file or is of another network,
// machine, batch or number of threads: times of these say nothing about a slowdown.
std::vector<BenchChange> compare_bench(const BenchReport& now, const std::string& file, double tolerance);

}  // namespace cleave
