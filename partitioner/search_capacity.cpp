#include "partitioner/search_capacity.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// Adds rows that are sums over the work done, as shares of the whole.
void add_share(const std::vector<double>& done, std::vector<double>& sum) {
  const double all = done.back();
  for (std::size_t p = 0; p < sum.size(); ++p) sum[p] += all > 0 && all < kInfinity ? done[p] / all : 0;
}

}  // namespace

Capacities::Capacities(const StageRows& rows, std::vector<double> levels_s)
    : problem_(&rows.problem), levels_s_(std::move(levels_s)) {
  const Problem& problem = rows.problem;
  const std::size_t kinds = problem.kinds.size(), positions = at(problem.positions);
  weights_.assign(2, std::vector<double>(positions));
  add_share(problem.held_bytes, weights_[0]);
  for (const std::vector<double>& done : problem.done_s) add_share(done, weights_[1]);
  if (levels_s_.empty()) return;
  most_.assign(levels_s_.size() * weights_.size() * kinds * positions, 0);
  for (int kind = 0; kind < static_cast<int>(kinds); ++kind)
    for (int from = 0; from < problem.last(); ++from) add_row(rows, kind, from);
  for (std::size_t level = 0; level < levels_s_.size(); ++level)
    for (std::size_t w = 0; w < weights_.size(); ++w)
      for (std::size_t p = positions; p-- > 0;)
        for (std::size_t kind = 0; kind < kinds; ++kind) {
          double& most = most_[index(level, w, p, kind)];
          if (level > 0) most = std::max(most, most_[index(level - 1, w, p, kind)]);
          if (p + 1 < positions) most = std::max(most, most_[index(level, w, p + 1, kind)]);
        }
}

void Capacities::add_row(const StageRows& rows, int kind, int from) {
  std::vector<StageEnd> scratch;
  std::span<const StageEnd> row = rows.row(kind, from, scratch);
  // Without levels the longest stage takes the most.
  if (levels_s_.front() == kInfinity && problem_->after.empty() && !row.empty()) row = row.last(1);
  for (const StageEnd& end : row) {
    const double busy = rows.least_busy_s(kind, from, end);
    const std::ptrdiff_t level = std::upper_bound(levels_s_.begin(), levels_s_.end(), busy) - levels_s_.begin();
    if (level == std::ssize(levels_s_)) continue;
    for (std::size_t w = 0; w < weights_.size(); ++w) {
      double& most = most_[index(static_cast<std::size_t>(level), w, at(from), at(kind))];
      most = std::max(most, weights_[w][at(end.to)] - weights_[w][at(from)]);
    }
  }
}

std::size_t Capacities::index(std::size_t level, std::size_t weight, std::size_t position, std::size_t kind) const {
  return ((level * weights_.size() + weight) * weights_[0].size() + position) * problem_->kinds.size() + kind;
}

double Capacities::slack_at(std::size_t level, const DeviceSets& sets, const Label& label) const {
  double least = kInfinity;
  for (std::size_t w = 0; w < weights_.size(); ++w) {
    double slack = weights_[w][at(label.position)] - weights_[w].back();
    if (!label.ended) slack += most_[index(level, w, at(label.position), label.kind)];
    for (std::size_t kind = 0; kind < problem_->kinds.size(); ++kind) {
      const int free = problem_->kinds[kind].count() - sets.count(label.used, static_cast<int>(kind));
      if (free > 0) slack += free * most_[index(level, w, at(label.position), kind)];
    }
    if (weights_[w].back() > 0) least = std::min(least, slack / weights_[w].back());
  }
  return least;
}

double Capacities::slack(const DeviceSets& sets, const Label& label) const {
  return levels_s_.empty() ? 0 : slack_at(levels_s_.size() - 1, sets, label);
}

double Capacities::bound(const DeviceSets& sets, const Label& label) const {
  constexpr double kRounding = 1e-9;
  std::size_t low = 0, high = levels_s_.size();  // those below `low` are too low, `high` is not
  while (low < high) {
    const std::size_t middle = high == levels_s_.size() ? high - 1 : (low + high) / 2;
    if (slack_at(middle, sets, label) < -kRounding) low = middle + 1;
    else high = middle;
  }
  return low == 0 ? 0 : levels_s_[low - 1];
}

std::vector<double> levels_between(const Problem& problem, double low_s, double high_s) {
  constexpr double kMostEntries = 2e6, kMostLevels = 24;
  const double entries = 2 * static_cast<double>(problem.kinds.size()) * problem.positions;
  const int count = static_cast<int>(std::clamp(kMostEntries / entries, 1.0, kMostLevels));
  std::vector<double> levels;
  for (int i = 1; i <= count; ++i) levels.push_back(i == count ? high_s : low_s + (high_s - low_s) * i / count);
  return levels;
}

}  // namespace cleave
