// The best-first search itself. search.cpp runs it; search_beam.cpp finds first plans, search_narrow.cpp raises the
// bound before anything is chosen, search_open.cpp follows the labels, search_grow.cpp makes their successors and
// search_judge.cpp says which of these are worth it.
#pragma once

#include <vector>

#include "partitioner/search_bound.h"
#include "partitioner/search_capacity.h"
#include "partitioner/search_labels.h"

namespace cleave {

// A partial plan that is not in the table yet.
struct Child {
  Label label;
  double bound = 0;  // no plan that goes on from it costs less
};

// A label in the order of the search: the least bound first; of equal ones the label that is furthest.
struct OpenLabel {
  double bound = 0;
  std::int32_t label = 0, position = 0;

  bool operator<(const OpenLabel& other) const {
    return bound != other.bound ? bound > other.bound : position < other.position;
  }
};

inline constexpr std::size_t kQuickBeam = 4, kWideBeam = 16;

class Search {
 public:
  Search(const Problem& problem, Minimise what, const Goal& goal, double period_limit_s, std::size_t most_labels);
  // Before run(): a plan to start from, if it keeps to the limits.
  void consider(const Stages& stages);
  Solution run();
  Solution widen();  // after run(): spends what is left of the time on a better plan

 private:
  bool prepare();
  bool find_any();
  void improve_bound();
  void press_latency();
  void narrow_period(std::size_t width);
  void set_levels();
  void beam(std::size_t width);
  double rank(const Child& child) const;
  void search_all();
  void expand(const OpenLabel& next, std::vector<Child>& children);
  void push_all(std::vector<Child>& children, double least);
  bool is_over() const;
  bool is_last(const OpenLabel& next);
  void finish(const Label& last);

  void starts(std::vector<Child>& out) const;
  void add_stages(std::int32_t from, double least, double most, std::vector<Child>& out, double* above);
  void add_hops(const Label& from, std::int32_t index, std::vector<Child>& out) const;
  bool end_stage(const StageEnd& end, Label& label) const;
  bool begin_stage(const Label& from, int kind, Label& label) const;
  double bound_of(const Label& label) const;
  bool is_hopeless(const Label& label, double bound) const;
  bool is_worse_tie(const Label& label) const;
  double rounding() const;
  double least_stages(const Label& label) const;
  double left(const ToGo& to_go, const Label& label) const;

  const Problem& problem_;
  const Minimise what_;
  const Goal& goal_;
  const double period_limit_s_;
  const std::size_t most_labels_;
  const Deadline deadline_;
  const StageRows rows_;
  const Prices prices_;
  const bool busy_counts_;
  const double start_cost_, start_latency_s_;

  ToGo cost_, latency_, stages_;  // latency_: only where it counts beside the cost
  Extras extras_;
  Capacities capacities_;
  double level_s_ = kInfinity;  // the last level of the capacities
  double ceiling_ = kInfinity;  // plans are to be better than that
  bool by_slack_ = false;       // how the beam ranks partial plans
  LabelTable table_;
  std::vector<OpenLabel> open_;
  int ties_ = 0;  // labels looked at only to break a tie
  Solution best_;
  double root_ = 0;  // the least bound before anything is chosen
};

}  // namespace cleave
