// Early exits: what thresholds cost in accuracy and save in compute, and which to take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cleave {

// What every head said of some samples with known classes.
struct ExitSamples {
  std::vector<double> cost;         // by head: share of all operations that a sample costs which leaves there; last: 1
  std::vector<double> sureness;     // [sample][head]; larger = surer: the largest probability, or minus the entropy
  std::vector<std::uint8_t> right;  // [sample][head]

  std::size_t heads() const { return cost.size(); }
  std::size_t count() const { return right.size() / cost.size(); }
};

// Thresholds and what comes of them.
struct ExitPoint {
  std::vector<double> thresholds;  // by head but the last: leave when at least so sure; kNeverLeaves = none leaves
  double accuracy = 0;
  double saved = 0;                // share of all operations
  std::vector<std::int64_t> left;  // samples, by head
};

// Returns what these thresholds come to.
ExitPoint at_thresholds(const ExitSamples& samples, const std::vector<double>& thresholds);
// Returns points with a threshold for each head, no two of which are both worse than another of them: from the most
// accurate to the one that saves most, ascending in `saved`.
std::vector<ExitPoint> best_exits(const ExitSamples& samples);
// Returns the point of `points` that saves most while the accuracy is at most `loss` below that without exits; without
// exits when there is none.
ExitPoint choose_exits(const ExitSamples& samples, const std::vector<ExitPoint>& points, double loss);

}  // namespace cleave
