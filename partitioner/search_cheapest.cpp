#include "partitioner/search_bound.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// The kind to go on with at `cut`, behind `stages` stages of which the last was on `kind` (-1: none).
int cheapest_next(const StageRows& rows, const Prices& prices, const ToGo& to_go, int stages, int kind, int cut) {
  int best = -1;
  double least = kInfinity;
  for (int next = 0; next < to_go.kinds; ++next) {
    if (kind >= 0 && !can_follow(rows.problem, kind, next)) continue;
    const double transfer = kind < 0 ? 0 : transfer_s(rows.problem, kind, next, cut);
    if (transfer == kInfinity || transfer > rows.period_limit_s) continue;
    const double first = kind < 0 ? prices.entry[at(next)] : hop_price(prices, kind, transfer);
    const double price = sum_of(prices, first, to_go.start[to_go.index(stages + 1, next, cut)]);
    if (price < least) best = next;
    least = std::min(least, price);
  }
  return best;
}

int cheapest_end(const StageRows& rows, const Prices& prices, const ToGo& to_go, int stages, int kind, int from) {
  std::vector<StageEnd> scratch;
  int best = -1;
  double least = kInfinity;
  for (const StageEnd& end : rows.row(kind, from, scratch)) {
    const double price =
        sum_of(prices, stage_price(rows, prices, kind, from, end), to_go.rest[to_go.index(stages, kind, end.to)]);
    if (price < least) best = end.to;
    least = std::min(least, price);
  }
  return best;
}

}  // namespace

Stages cheapest_run(const StageRows& rows, const Prices& prices, const ToGo& to_go) {
  Stages run;
  int cut = 0, kind = -1;
  while (cut != rows.problem.last()) {
    const int stages = static_cast<int>(run.size());
    kind = cheapest_next(rows, prices, to_go, stages, kind, cut);
    if (kind < 0) return {};
    const int to = cheapest_end(rows, prices, to_go, stages + 1, kind, cut);
    if (to < 0) return {};
    run.push_back({kind, cut, to});
    cut = to;
  }
  return run;
}

}  // namespace cleave
