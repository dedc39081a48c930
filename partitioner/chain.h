// Reachability by bit sets: can the work be done within given limits, and by whom?
#pragma once

#include <vector>

#include "partitioner/deadline.h"
#include "partitioner/link_sets.h"
#include "partitioner/problem.h"
#include "partitioner/solve.h"
#include "partitioner/stage_sets.h"

namespace cleave {

struct StageLimits {
  std::vector<double> compute_s;        // [kind]: at most
  std::vector<double> least_compute_s;  // [kind]: at least; empty = 0
  std::vector<int> least_used;          // [kind]: devices that must be in the plan; empty = 0
  double transfer_s = kInfinity;        // every link, at most
  double busy_s = kInfinity;            // every device with all it does, at most; for coupled problems

  double least_of(std::size_t kind) const { return least_compute_s.empty() ? 0 : least_compute_s[kind]; }
};

// Every stage and every link at most so long.
StageLimits uniform_limits(const Problem& problem, double seconds);

struct Found {
  Stages stages;
  bool unknown = false;  // without stages: there may be some all the same
};

// Answers one question after another about one problem, which must outlive it. Not thread safe.
class Reach {
 public:
  // `most_states`: so many combinations of devices are all tried.
  Reach(const Problem& problem, const Goal& goal, std::int64_t most_states = std::int64_t{1} << 18);

  // A plan within the limits, of the fewest stages if is_exact() and few otherwise. `busy_s` is not looked at.
  Found find(const StageLimits& limits, const Deadline& deadline);
  // True when even without links, in no order, the devices could not do all the work within the limits.
  bool is_hopeless(const StageLimits& limits);
  // False when there are too many combinations of devices to try them all; then `width` of each size are.
  bool is_exact() const { return exact_; }
  void set_width(std::size_t width) { width_ = width; }

 private:
  // States are combinations of devices, numbered in mixed radix; a state's sets of positions, one for each class of
  // last devices that has any, lie one behind the other in `sets_`.
  struct State {
    std::uint64_t used = 0;     // kinds
    std::uint64_t classes = 0;  // that some plan ends with
    double rest = 0;            // work the devices not used can do
    std::uint32_t sets = 0;     // where they begin, in sets
  };

  struct Wide;

  void number_states(std::int64_t most);
  void start(const StageLimits& limits);
  double best_rest(const State& state, int stages) const;
  int needed_from(double rest) const;
  Found find_wide(const StageLimits& limits, const Deadline& deadline);
  bool extend(int state, int stages, const StageLimits& limits);
  void keep_needed(double rest, std::uint64_t* ends) const;
  bool gather(int before, int kind, std::uint64_t* starts) const;
  const std::uint64_t* set_of(const State& state, int link_class) const;
  bool is_used_up(int state, const StageLimits& limits) const;
  Stages trace(int state, int stages, const StageLimits& limits) const;
  Stage last_stage(int state, int end, int end_class, const StageLimits& limits, int* start_class) const;

  const Problem& problem_;
  const Goal goal_;
  const int words_;
  int most_stages_ = 0;
  bool exact_ = true;
  std::size_t width_ = 64;
  bool full_ = false;                 // no room for more sets
  std::vector<int> counts_, stride_;  // [kind]
  std::vector<int> order_;            // states by number of devices
  std::vector<int> level_;            // [devices]: where they begin in order_
  std::vector<int> allowed_of_;       // [kind]: index in allowed_
  std::vector<AllowedStages> allowed_;
  std::vector<double> work_;       // [position]
  std::vector<int> by_work_;       // positions, ascending in work; only for graphs with skips
  Bits from_work_;                 // [i]: the positions by_work_[i …]
  std::vector<StageSets> stages_;  // [kind], for the limits in hand
  LinkSets links_;
  double most_capacity_ = 0;
  std::vector<State> states_;
  Bits sets_;
  Bits starts_, ends_, by_class_;  // scratch
};

// As Reach, for one question.
Stages reach(const Problem& problem, const StageLimits& limits, const Goal& goal, bool* timed_out = nullptr);

}  // namespace cleave
