#include "partitioner/search_bound.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace cleave {

namespace {

// Above these, rows are made when asked for, and tables have fewer layers.
constexpr std::size_t kKeptStages = 2500000;
constexpr double kMostLayerEntries = 4e6;
constexpr double kMostLayerSteps = 4e8;
constexpr double kAlways = 3e7;  // so many steps are quicker than anyone's time limit

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// Stages of other devices beside one of `kind`: those of its own kind only if there are two.
bool can_follow(const Problem& problem, int kind, int other) {
  return kind != other || problem.kinds[at(kind)].count() > 1;
}

// That devices and positions allow.
int most_stages(const Problem& problem) {
  int devices = 0;
  for (const DeviceKind& kind : problem.kinds) devices += kind.count();
  return std::min(devices, problem.last());
}

}  // namespace

Deadline::Deadline(const Goal& goal) : stop_(goal.stop) {
  constexpr double kForever = 1e9;  // seconds; a clock cannot count much further
  const double seconds = std::clamp(goal.time_limit_s, 0.0, kForever);
  end_ = std::chrono::steady_clock::now() +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(seconds));
}

bool Deadline::over() const { return (stop_ != nullptr && stop_->load()) || std::chrono::steady_clock::now() >= end_; }

double Deadline::left_s() const {
  return std::max(0.0, std::chrono::duration<double>(end_ - std::chrono::steady_clock::now()).count());
}

StageRows::StageRows(const Problem& of, double limit_s, const Deadline& deadline)
    : problem(of), period_limit_s(limit_s) {
  const int kinds = static_cast<int>(problem.kinds.size());
  size_ = static_cast<double>(kinds) * problem.positions * problem.positions / 2;
  find_least_transfers();
  pinned_.assign(at(problem.positions), 0);
  for (const std::vector<int>& done : problem.pinned)
    for (std::size_t p = 0; p < done.size(); ++p) pinned_[p] += done[p];
  std::vector<StageEnd> ends;
  for (int kind = 0; kind < kinds; ++kind) {
    if (size_ > kAlways && deadline.over()) return;
    for (int from = 0; from < problem.positions; ++from) {
      ends.clear();
      fill(kind, from, ends);
      rows_.push_back(row_of(kind, from, ends));
      if (rows_.back().plain || ends_.size() + ends.size() > kKeptStages) continue;
      rows_.back().kept = ends_.size();
      ends_.insert(ends_.end(), ends.begin(), ends.end());
    }
  }
}

void StageRows::find_least_transfers() {
  const int kinds = static_cast<int>(problem.kinds.size());
  least_receive_s_.assign(at(kinds) * at(problem.positions), kInfinity);
  least_send_s_ = least_receive_s_;
  for (int kind = 0; kind < kinds; ++kind) {
    for (int other = 0; other < kinds; ++other) {
      if (!can_follow(problem, kind, other)) continue;
      for (int cut = 1; cut < problem.last(); ++cut) {
        double& receive = least_receive_s_[index(kind, cut)];
        double& send = least_send_s_[index(kind, cut)];
        receive = std::min(receive, transfer_s(problem, other, kind, cut));
        send = std::min(send, transfer_s(problem, kind, other, cut));
      }
    }
    least_receive_s_[index(kind, 0)] = problem.entry_s[at(kind)];
    least_send_s_[index(kind, problem.last())] = 0;
  }
}

StageRows::Row StageRows::row_of(int kind, int from, const std::vector<StageEnd>& ends) const {
  Row row;
  row.count = ends.size();
  if (ends.empty()) return row;
  row.first = ends.front().to;
  row.last = ends.back().to;
  const auto measured = problem.measured_s[at(kind)].lower_bound({from, 0});
  const bool has_measured = measured != problem.measured_s[at(kind)].end() && measured->first.first == from;
  row.plain = !has_measured && row.last - row.first + 1 == static_cast<int>(ends.size());
  return row;
}

std::span<const StageEnd> StageRows::row(int kind, int from, std::vector<StageEnd>& scratch) const {
  const Row& row = about(kind, from);
  if (row.kept < ends_.size()) return {ends_.data() + row.kept, row.count};
  scratch.clear();
  if (row.count == 0) return {};
  if (!row.plain) {
    fill(kind, from, scratch);
    return scratch;
  }
  const double* done = problem.done_s[at(kind)].data();
  for (int to = row.first; to <= row.last; ++to) scratch.push_back({to, done[to] - done[from]});
  return scratch;
}

double StageRows::least_busy_s(int kind, int from, const StageEnd& end) const {
  const double receive = least_receive_s_[index(kind, from)], send = least_send_s_[index(kind, end.to)];
  return std::max({problem.model->busy_s(end.compute_s, receive, send, false), receive, send});
}

bool StageRows::is_kept(int kind, int from, const StageEnd& end) const {
  const double memory = problem.held_bytes[at(end.to)] - problem.held_bytes[at(from)] + problem.in_bytes[at(from)] +
                        problem.out_bytes[at(end.to)];
  if (memory > problem.kinds[at(kind)].memory_bytes) return false;
  if (!problem.pinned.empty()) {
    const std::vector<int>& own = problem.pinned[at(kind)];
    const int inside = own[at(end.to)] - own[at(from)];
    if (inside != own.back() || pinned_[at(end.to)] - pinned_[at(from)] != inside) return false;
  }
  const double busy = least_busy_s(kind, from, end);
  return busy < kInfinity && busy <= period_limit_s;
}

void StageRows::fill(int kind, int from, std::vector<StageEnd>& out) const {
  const std::vector<double>& done = problem.done_s[at(kind)];
  const auto& measured = problem.measured_s[at(kind)];
  auto row = measured.lower_bound({from, 0});
  const auto add = [&](int to) {
    while (row != measured.end() && row->first < std::pair(from, to)) ++row;
    const bool is_measured = row != measured.end() && row->first == std::pair(from, to);
    const StageEnd end{to, is_measured ? row->second : done[at(to)] - done[at(from)]};
    if (is_kept(kind, from, end)) out.push_back(end);
  };
  if (problem.after.empty()) {
    for (int to = from + 1; to < problem.positions; ++to) add(to);
    return;
  }
  const std::vector<std::uint64_t>& after = problem.after[at(from)];
  for (std::size_t word = 0; word < after.size(); ++word)
    for (std::uint64_t bits = after[word]; bits != 0; bits &= bits - 1)
      add(static_cast<int>(word * 64) + std::countr_zero(bits));
}

namespace {

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

double stage_price(const StageRows& rows, const Prices& prices, int kind, int from, const StageEnd& end) {
  if (prices.longest) return rows.least_busy_s(kind, from, end);
  return end.compute_s * prices.compute[at(kind)] + prices.stage[at(kind)];
}

double hop_price(const Prices& prices, int kind, double transfer_seconds) {
  return prices.longest ? transfer_seconds : transfer_seconds * prices.send[at(kind)];
}

double both(const Prices& prices, double a, double b) { return prices.longest ? std::max(a, b) : a + b; }

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
        least = std::min(least, both(prices, hop, to_go.start[to_go.index(stages + 1, next, cut)]));
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
    least = std::min(least, both(prices, prices.entry[at(kind)], to_go.start[to_go.index(1, kind, 0)]));
  return least;
}

namespace {

// The kind to go on with at `cut`, behind `stages` stages of which the last was on `kind` (-1: none).
int cheapest_next(const StageRows& rows, const Prices& prices, const ToGo& to_go, int stages, int kind, int cut) {
  int best = -1;
  double least = kInfinity;
  for (int next = 0; next < to_go.kinds; ++next) {
    if (kind >= 0 && !can_follow(rows.problem, kind, next)) continue;
    const double transfer = kind < 0 ? 0 : transfer_s(rows.problem, kind, next, cut);
    if (transfer == kInfinity || transfer > rows.period_limit_s) continue;
    const double first = kind < 0 ? prices.entry[at(next)] : hop_price(prices, kind, transfer);
    const double price = both(prices, first, to_go.start[to_go.index(stages + 1, next, cut)]);
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
        both(prices, stage_price(rows, prices, kind, from, end), to_go.rest[to_go.index(stages, kind, end.to)]);
    if (price < least) best = end.to;
    least = std::min(least, price);
  }
  return best;
}

// Latency weighs so much more than a device: a plan is late by a small share of its limit.
constexpr double kLatencyWeight = 10;

// How much more than allowed the run uses: of each kind, and (last) of the latency, as a share of what is allowed.
std::vector<double> excess_of(const Problem& problem, const Stages& run, double latency_s) {
  std::vector<double> excess;
  for (const DeviceKind& kind : problem.kinds) excess.push_back(-kind.count());
  double latency = run.empty() ? 0 : problem.entry_s[at(run.front().kind)];
  for (std::size_t i = 0; i < run.size(); ++i) {
    excess[at(run[i].kind)] += 1;
    latency += compute_s(problem, run[i]);
    if (i > 0) latency += transfer_s(problem, run[i - 1].kind, run[i].kind, run[i].from);
  }
  excess.push_back(latency_s < kInfinity ? kLatencyWeight * (latency / latency_s - 1) : 0);
  return excess;
}

// The tables for given extras: of each kind, and (last) of the latency. Nothing when the time is over.
Extras with_extras(const StageRows& rows, const Prices& prices, const Goal& goal, const Deadline& deadline,
                   double latency_s, const std::vector<double>& extra) {
  const Problem& problem = rows.problem;
  Extras extras;
  extras.latency = latency_s < kInfinity ? kLatencyWeight * extra.back() / latency_s : 0;
  extras.prices = with_latency(problem, prices, extras.latency);
  extras.refund = extras.latency > 0 ? extras.latency * latency_s : 0;
  for (std::size_t k = 0; k < problem.kinds.size(); ++k) {
    extras.prices.stage[k] += extra[k];
    extras.refund += extra[k] * problem.kinds[k].count();
  }
  if (!fill_to_go(rows, extras.prices, goal, deadline, extras.to_go)) return {};
  extras.device.assign(extra.begin(), extra.end() - 1);
  extras.bound = least_total(extras.prices, extras.to_go) - extras.refund;
  return extras;
}

// One step along the excess, turned away from the last direction where the two are at odds (Camerini, Fratta and
// Maffioli 1975), of the length Polyak gives for a bound that is `missing` too low. False: the run the excess is of
// keeps all limits and uses up what it pays for, so the bound cannot rise.
bool step(std::vector<double>& extra, std::vector<double> excess, double missing, std::vector<double>& direction) {
  constexpr double kTurn = 1.5;
  double square = 0, along = 0, last = 0;
  for (std::size_t i = 0; i < extra.size(); ++i) {
    if (extra[i] <= 0 && excess[i] < 0) excess[i] = 0;
    square += excess[i] * excess[i];
    along += excess[i] * direction[i];
    last += direction[i] * direction[i];
  }
  if (square == 0) return false;
  const double turn = along < 0 ? -kTurn * along / last : 0;
  double length = 0;
  for (std::size_t i = 0; i < extra.size(); ++i) {
    direction[i] = excess[i] + turn * direction[i];
    length += direction[i] * direction[i];
  }
  for (std::size_t i = 0; i < extra.size() && length > 0; ++i)
    extra[i] = std::max(0.0, extra[i] + missing / length * direction[i]);
  return length > 0;
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

Prices with_latency(const Problem& problem, Prices prices, double latency) {
  if (latency <= 0) return prices;
  for (std::size_t k = 0; k < problem.kinds.size(); ++k) {
    prices.compute[k] += latency;
    prices.send[k] += latency;
    prices.entry[k] += latency * problem.entry_s[k];
  }
  return prices;
}

Extras raise_bound(const StageRows& rows, const Prices& prices, const Goal& goal, const Deadline& deadline,
                   double latency_s, double value) {
  constexpr double kMostSteps = 5e8;
  constexpr int kPatience = 6;
  constexpr double kEnough = 1 - 1e-9;
  const Problem& problem = rows.problem;
  std::vector<double> extra(problem.kinds.size() + 1), direction(extra.size());
  Extras best;
  best.bound = -kInfinity;
  double share = 1;
  int waited = 0;
  for (double spent = 0; spent < kMostSteps && share > 1e-3 && !deadline.over();) {
    Extras now = with_extras(rows, prices, goal, deadline, latency_s, extra);
    if (!now.any()) break;
    spent += rows.size() * now.to_go.layers + 1e6;
    const std::vector<double> excess = excess_of(problem, cheapest_run(rows, now.prices, now.to_go), latency_s);
    const double missing = (value < kInfinity ? value : now.bound + 0.1 * std::abs(now.bound)) - now.bound;
    if (now.bound > best.bound) {
      best = std::move(now);
      waited = 0;
    } else if (++waited == kPatience) {
      share /= 2;
      waited = 0;
    }
    if (best.bound >= value * kEnough || !step(extra, excess, share * missing, direction)) break;
  }
  return best;
}

}  // namespace cleave
