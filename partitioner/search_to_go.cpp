#include <algorithm>

#include "partitioner/search_bound.h"

namespace cleave {

namespace {

// Above these, tables have fewer layers.
constexpr double kMostLayerEntries = 4e6;
constexpr double kMostLayerSteps = 4e8;
constexpr double kAlways = 3e7;  // so many steps are quicker than anyone's time limit

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// That devices and positions allow.
int most_stages(const Problem& problem) {
  int devices = 0;
  for (const DeviceKind& kind : problem.kinds) devices += kind.count();
  return std::min(devices, problem.last());
}

void size_tables(const StageRows& rows, const Prices& prices, const Goal& goal, ToGo& to_go) {
  const Problem& problem = rows.problem;
  to_go.kinds = static_cast<int>(problem.kinds.size());
  to_go.positions = problem.positions;
  const bool limited = goal.max_stages < most_stages(problem);
  const int most = limited ? goal.max_stages : most_stages(problem);
  int layers = prices.longest || limited ? most : std::min(most, std::max(goal.min_stages, 1));
  const double entries = static_cast<double>(to_go.kinds) * to_go.positions;
  layers = std::min(
      {layers, static_cast<int>(kMostLayerEntries / entries), static_cast<int>(kMostLayerSteps / rows.size())});
  to_go.layers = std::max(layers, 1);
  to_go.closed = to_go.layers >= most;
  to_go.start.assign(at(to_go.layers) * static_cast<std::size_t>(entries), kInfinity);
  to_go.rest = to_go.start;
  for (int stages = 1; stages <= to_go.layers; ++stages)
    for (int kind = 0; kind < to_go.kinds; ++kind)
      if (stages >= goal.min_stages || (stages == to_go.layers && !to_go.closed))
        to_go.rest[to_go.index(stages, kind, problem.last())] = 0;
}

// The least of sums[first … last]; four at a time, as each minimum waits for the one before it.
double least_of(const double* sums, int first, int last) {
  double a = kInfinity, b = a, c = a, d = a;
  int i = first;
  for (; i + 3 <= last; i += 4) {
    a = std::min(a, sums[i]);
    b = std::min(b, sums[i + 1]);
    c = std::min(c, sums[i + 2]);
    d = std::min(d, sums[i + 3]);
  }
  for (; i <= last; ++i) a = std::min(a, sums[i]);
  return std::min(std::min(a, b), std::min(c, d));
}

// The tables while they are filled, from the last position back.
struct Filling {
  const StageRows& rows;
  const Prices& prices;
  ToGo& to_go;
  std::vector<double> sums;       // as `rest`, and the price of all compute up to there
  std::vector<double> price;      // of a row's stages
  std::vector<StageEnd> scratch;  // a row

  double done_price(int kind, int position) const {
    return rows.problem.done_s[at(kind)][at(position)] * prices.compute[at(kind)];
  }
  void start(int kind, int from);
  void plain_start(int kind, int from);
  void rest(int cut);
  void sum(int position);
};

void Filling::plain_start(int kind, int from) {
  const StageRows::Row& row = rows.about(kind, from);
  for (int stages = 1; stages <= to_go.layers; ++stages) {
    const double* behind = sums.data() + to_go.index(stages, kind, 0);
    to_go.start[to_go.index(stages, kind, from)] =
        least_of(behind, row.first, row.last) - done_price(kind, from) + prices.stage[at(kind)];
  }
}

void Filling::start(int kind, int from) {
  if (rows.about(kind, from).count == 0) return;
  if (!prices.longest && rows.about(kind, from).plain) return plain_start(kind, from);
  const std::span<const StageEnd> row = rows.row(kind, from, scratch);
  price.clear();
  for (const StageEnd& end : row) price.push_back(stage_price(rows, prices, kind, from, end));
  for (int stages = 1; stages <= to_go.layers; ++stages) {
    const double* behind = to_go.rest.data() + to_go.index(stages, kind, 0);
    double least = kInfinity;
    if (prices.longest)
      for (std::size_t i = 0; i < row.size(); ++i) least = std::min(least, std::max(price[i], behind[row[i].to]));
    else
      for (std::size_t i = 0; i < row.size(); ++i) least = std::min(least, price[i] + behind[row[i].to]);
    to_go.start[to_go.index(stages, kind, from)] = least;
  }
}

void Filling::rest(int cut) {
  const Problem& problem = rows.problem;
  for (int kind = 0; kind < to_go.kinds; ++kind) {
    for (int next = 0; next < to_go.kinds; ++next) {
      if (!can_follow(problem, kind, next)) continue;
      const double transfer = transfer_s(problem, kind, next, cut);
      if (transfer == kInfinity || transfer > rows.period_limit_s) continue;
      const double hop = hop_price(prices, kind, transfer);
      for (int stages = 1; stages <= to_go.layers - (to_go.closed ? 1 : 0); ++stages) {
        double& least = to_go.rest[to_go.index(stages, kind, cut)];
        least = std::min(least, sum_of(prices, hop, to_go.start[to_go.index(stages + 1, next, cut)]));
      }
    }
  }
}

void Filling::sum(int position) {
  if (prices.longest) return;
  for (int stages = 1; stages <= to_go.layers; ++stages)
    for (int kind = 0; kind < to_go.kinds; ++kind) {
      const std::size_t row = to_go.index(stages, kind, position);
      sums[row] = to_go.rest[row] + done_price(kind, position);
    }
}

}  // namespace

bool fill_to_go(const StageRows& rows, const Prices& prices, const Goal& goal, const Deadline& deadline, ToGo& to_go) {
  size_tables(rows, prices, goal, to_go);
  const bool check = rows.size() * to_go.layers > kAlways;
  Filling filling{rows, prices, to_go, to_go.rest, {}, {}};
  filling.sum(rows.problem.last());
  for (int from = rows.problem.last() - 1; from >= 0; --from) {
    if (check && deadline.over()) return false;
    for (int kind = 0; kind < to_go.kinds; ++kind) filling.start(kind, from);
    if (from > 0) filling.rest(from);
    filling.sum(from);
  }
  return true;
}

double least_total(const Prices& prices, const ToGo& to_go) {
  double least = kInfinity;
  for (int kind = 0; kind < to_go.kinds; ++kind)
    least = std::min(least, sum_of(prices, prices.entry[at(kind)], to_go.start[to_go.index(1, kind, 0)]));
  return least;
}

}  // namespace cleave
