// What the solvers of the bottleneck objectives share.
#pragma once

#include <utility>
#include <vector>

#include "partitioner/chain.h"
#include "partitioner/solve.h"

namespace cleave {

Solution solve_throughput(const Problem& problem, const Goal& goal);
Solution solve_balance(const Problem& problem, const Goal& goal);
Solution solve_lifetime(const Problem& problem, const Goal& goal);

// Finds plans within limits that also keep to the goal's, by the cheapest method that can tell.
class Finder {
 public:
  Finder(const Problem& problem, const Goal& goal);

  Found find(const StageLimits& limits);
  // True when it is proven, at little cost, that nothing is within the limits.
  bool is_hopeless(const StageLimits& limits) { return reach_.is_hopeless(limits); }
  // Of all plans within the limits, the fastest of those with the fewest stages, if that is cheap to find; else the
  // plan as it is.
  Stages tidy(const StageLimits& limits, const Stages& stages) const;
  bool is_over() const { return deadline_.is_over(); }
  // Where combinations of devices are left out: looks at more of them from now on. False if all are looked at.
  bool widen();

 private:
  bool keeps(const StageLimits& limits, const Stages& stages) const;

  const Problem& problem_;
  const Goal goal_;
  const Deadline deadline_;
  const bool coupled_;
  Reach reach_;
  std::size_t width_ = 64;
};

// All times a stage may take by work and measurement, between the two, ascending; whether memory allows it or not.
std::vector<double> stage_times(const Problem& problem, double above_s, double below_s);

// A period that no plan can be below: the frame rate, the shares of a split head, the way in.
double least_period(const Problem& problem, const Goal& goal);

}  // namespace cleave
