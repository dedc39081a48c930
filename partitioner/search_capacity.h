// Whether the devices that are free can take what is left at all.
#pragma once

#include <vector>

#include "partitioner/search_bound.h"
#include "partitioner/search_labels.h"

namespace cleave {

// The most that one stage of each kind can take of the bytes held and of the work, if its device is to be busy for less
// than a level.
class Capacities {
 public:
  // `levels_s`: ascending; infinity alone = whatever the rows allow; empty = nothing is known.
  Capacities(const StageRows& rows, std::vector<double> levels_s);

  // The highest level below which nobody can finish this partial plan; 0 = none.
  double bound(const DeviceSets& sets, const Label& label) const;
  // What the free devices could take beyond what is left, at the last level, as a share of the whole.
  double slack(const DeviceSets& sets, const Label& label) const;

 private:
  void add_row(const StageRows& rows, int kind, int from);
  double slack_at(std::size_t level, const DeviceSets& sets, const Label& label) const;
  std::size_t index(std::size_t level, std::size_t weight, std::size_t position, std::size_t kind) const;

  const Problem* problem_;
  std::vector<double> levels_s_;
  std::vector<std::vector<double>> weights_;  // of the work done, [position], each 0 … 1
  std::vector<double> most_;                  // [level][weight][position][kind]: of stages that start there or behind
};

// Levels between two periods, the upper one included, as many as are worth their memory.
std::vector<double> levels_between(const Problem& problem, double low_s, double high_s);

}  // namespace cleave
