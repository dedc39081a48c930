// What the best-first search knows before it starts: the stages that are allowed at all, and the least that is left to
// pay behind a partial plan when devices may be used again and again.
#pragma once

#include <span>
#include <vector>

#include "partitioner/search.h"
#include "partitioner/search_deadline.h"

namespace cleave {

// The stages of one kind from one position on.
struct StageEnd {
  int to = 0;
  double compute_s = 0;
};

// All stages that memory, pins, paths and the period limit allow, whatever comes before and behind them.
class StageRows {
 public:
  StageRows(const Problem& problem, double period_limit_s, const Deadline& deadline);

  // False: the time was over before all was known, and nothing here is to be used.
  bool is_complete() const {
    return rows_.size() == problem.kinds.size() * static_cast<std::size_t>(problem.positions);
  }
  // Ascending ends. May use `scratch` for them.
  std::span<const StageEnd> row(int kind, int from, std::vector<StageEnd>& scratch) const;
  // A row that is all positions first … last, none of them measured.
  struct Row {
    int first = 0, last = -1;
    bool plain = false;
    std::size_t kept = static_cast<std::size_t>(-1);  // where in ends_ it begins
    std::size_t count = 0;
  };
  const Row& about(int kind, int from) const { return rows_[index(kind, from)]; }
  // The least time the device can be busy with a stage, wherever its input comes from and its output goes to.
  double least_busy_s(int kind, int from, const StageEnd& end) const;
  double least_send_s(int kind, int cut) const { return least_send_s_[index(kind, cut)]; }
  // Pairs of positions times kinds: what a walk over all rows costs.
  double size() const { return size_; }

  const Problem& problem;
  const double period_limit_s;

 private:
  void find_least_transfers();
  void fill(int kind, int from, std::vector<StageEnd>& out) const;
  Row row_of(int kind, int from, const std::vector<StageEnd>& ends) const;
  std::size_t index(int kind, int position) const {
    return static_cast<std::size_t>(kind) * static_cast<std::size_t>(problem.positions) +
           static_cast<std::size_t>(position);
  }
  bool is_kept(int kind, int from, const StageEnd& end) const;

  std::vector<double> least_receive_s_, least_send_s_;  // [kind × position]
  std::vector<int> pinned_;                             // [position]: nodes done that are pinned to any kind
  std::vector<StageEnd> ends_;                          // of rows that are not plain, while they are few
  std::vector<Row> rows_;                               // [kind × position]
  double size_ = 0;
};

// Whether a stage may be next to one of `other`: of its own kind only if there are two.
bool can_follow(const Problem& problem, int kind, int other);

// What a plan costs, as prices of its parts. `longest`: the cost is the longest busy time, and the prices count not.
struct Prices {
  bool longest = false;
  std::vector<double> compute;  // [kind]: of a second of compute
  std::vector<double> send;     // [kind]: of a second of its transfer to the next stage
  std::vector<double> stage;    // [kind]: of using a device
  std::vector<double> entry;    // [kind]: of starting on it; infinity = it cannot be first
};

double sum_of(const Prices& prices, double a, double b);  // or the longer of the two
double hop_price(const Prices& prices, int kind, double transfer_seconds);
double stage_price(const StageRows& rows, const Prices& prices, int kind, int from, const StageEnd& end);

Prices prices_of(const Problem& problem, Minimise what, double period_limit_s);
// A stage each, and nothing else.
Prices stage_prices(const Prices& prices);
// What every plan costs, whatever its stages.
double constant_cost(const Problem& problem, Minimise what, const Goal& goal);

// The least price of what is left, by the number of stages used (as far as layers go), kind and position.
struct ToGo {
  int layers = 1, kinds = 0, positions = 0;
  bool closed = false;        // the last layer has no stage behind it
  std::vector<double> start;  // of a stage that starts there, itself included, and of all behind it
  std::vector<double> rest;   // of what comes behind a stage that ends there

  std::size_t index(int stages, int kind, int position) const {
    const int layer = (stages < layers ? stages : layers) - 1;
    return (static_cast<std::size_t>(layer) * static_cast<std::size_t>(kinds) + static_cast<std::size_t>(kind)) *
               static_cast<std::size_t>(positions) +
           static_cast<std::size_t>(position);
  }
};

// Backward dynamic programming over the rows. False: the time ran out, and the tables are not to be used.
bool fill_to_go(const StageRows& rows, const Prices& prices, const Goal& goal, const Deadline& deadline, ToGo& to_go);

// The cheapest run of stages by these tables; devices may be used too often. Empty = there is none.
Stages cheapest_run(const StageRows& rows, const Prices& prices, const ToGo& to_go);
double least_total(const Prices& prices, const ToGo& to_go);

// Multipliers: each use of a kind costs extra, and so does latency; what the limits allow of them is given back. The
// prices with these extras bound every plan from below, and `refund` is what to take off.
struct Extras {
  std::vector<double> device;  // [kind]: for each of its devices used
  double latency = 0;          // for each second
  double refund = 0;
  Prices prices;
  ToGo to_go;
  double bound = 0;  // of the whole problem

  bool any() const { return !device.empty(); }
};

// The same prices, and a price for each second of latency.
Prices with_latency(const Problem& problem, Prices prices, double latency);

// Raises the extras by subgradient steps until the bound meets `value` (of a known plan; infinity = none) or stops
// rising. `latency_s`: what the stages may take together; infinity = as long as they like.
Extras raise_bound(const StageRows& rows, const Prices& prices, const Goal& goal, const Deadline& deadline,
                   double latency_s, double value);

}  // namespace cleave
