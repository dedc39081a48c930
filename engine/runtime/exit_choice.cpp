// Choosing thresholds. For a price μ (accuracy that a unit of saved compute is worth) the thresholds that maximise
// accuracy + μ · saved are looked for by one threshold after the other: with the others fixed, a sample that comes to
// head h is worth something if it leaves there and something if it goes on (its fate behind h is known). Sorted by how
// sure head h is, the best threshold is the prefix with the largest sum of differences, found in one pass and exact.
// The sum never falls, so passes over the heads are repeated until it no longer grows. Prices from nothing to so much
// that all leave at once give the points on the upper edge of the curve of accuracy against compute saved.
#include "engine/runtime/exit_choice.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "graphs/exit_rule.h"

namespace cleave {

namespace {

constexpr int kPrices = 120;
constexpr double kLowestPrice = 1e-4, kHighestPrice = 1e2;
constexpr int kMostPasses = 20;

struct Search {
  explicit Search(const ExitSamples& of);

  std::size_t exit_of(std::size_t sample, std::size_t from) const;
  double worth(std::size_t sample, std::size_t head) const {
    return samples.right[sample * samples.heads() + head] + price * (1 - samples.cost[head]);
  }
  double sureness(std::size_t sample, std::size_t head) const {
    return samples.sureness[sample * samples.heads() + head];
  }
  bool improve(std::size_t head);

  const ExitSamples& samples;
  std::vector<std::vector<std::size_t>> order;  // by head: samples, the surest first
  std::vector<double> thresholds;
  double price = 0;
};

Search::Search(const ExitSamples& of) : samples(of), thresholds(of.heads() - 1, kNeverLeaves) {
  for (std::size_t h = 0; h < thresholds.size(); ++h) {
    order.emplace_back(samples.count());
    std::iota(order[h].begin(), order[h].end(), std::size_t{0});
    std::stable_sort(order[h].begin(), order[h].end(),
                     [&](std::size_t a, std::size_t b) { return sureness(a, h) > sureness(b, h); });
  }
}

// The head at which a sample leaves that has come to head `from`.
std::size_t Search::exit_of(std::size_t sample, std::size_t from) const {
  std::size_t head = from;
  while (head < thresholds.size() && sureness(sample, head) < thresholds[head]) ++head;
  return head;
}

// Sets the best threshold of a head, the others fixed; true when that changed anything.
bool Search::improve(std::size_t head) {
  double sum = 0, best = 0, chosen = kNeverLeaves;
  const std::vector<std::size_t>& by_sureness = order[head];
  for (std::size_t i = 0; i < by_sureness.size(); ++i) {
    const std::size_t sample = by_sureness[i];
    if (exit_of(sample, 0) >= head) sum += worth(sample, head) - worth(sample, exit_of(sample, head + 1));
    const bool is_last = i + 1 == by_sureness.size();
    const double here = sureness(sample, head), next = is_last ? here : sureness(by_sureness[i + 1], head);
    if ((!is_last && here == next) || sum <= best + 1e-9) continue;
    best = sum;
    chosen = (here + next) / 2;
  }
  const bool changed = chosen != thresholds[head];
  thresholds[head] = chosen;
  return changed;
}

}  // namespace

ExitPoint at_thresholds(const ExitSamples& samples, const std::vector<double>& thresholds) {
  Search search(samples);
  search.thresholds = thresholds;
  ExitPoint point{thresholds, 0, 0, std::vector<std::int64_t>(samples.heads(), 0)};
  for (std::size_t i = 0; i < samples.count(); ++i) {
    const std::size_t head = search.exit_of(i, 0);
    ++point.left[head];
    point.accuracy += samples.right[i * samples.heads() + head];
    point.saved += 1 - samples.cost[head];
  }
  const auto count = static_cast<double>(std::max<std::size_t>(1, samples.count()));
  point.accuracy /= count;
  point.saved /= count;
  return point;
}

std::vector<ExitPoint> best_exits(const ExitSamples& samples) {
  Search search(samples);
  std::vector<ExitPoint> points = {at_thresholds(samples, search.thresholds)};
  for (int i = 0; i < kPrices; ++i) {
    search.price = kLowestPrice * std::pow(kHighestPrice / kLowestPrice, i / (kPrices - 1.0));
    for (int pass = 0; pass < kMostPasses; ++pass) {
      bool changed = false;
      for (std::size_t head = search.thresholds.size(); head-- > 0;) changed = search.improve(head) || changed;
      if (!changed) break;
    }
    points.push_back(at_thresholds(samples, search.thresholds));
  }
  std::stable_sort(points.begin(), points.end(), [](const ExitPoint& a, const ExitPoint& b) {
    return a.saved != b.saved ? a.saved < b.saved : a.accuracy > b.accuracy;
  });
  std::vector<ExitPoint> kept;  // from the end: each more accurate than all that save more
  for (auto point = points.rbegin(); point != points.rend(); ++point)
    if (kept.empty() || point->accuracy > kept.back().accuracy) kept.push_back(*point);
  std::reverse(kept.begin(), kept.end());
  return kept;
}

ExitPoint choose_exits(const ExitSamples& samples, const std::vector<ExitPoint>& points, double loss) {
  ExitPoint chosen = at_thresholds(samples, std::vector<double>(samples.heads() - 1, kNeverLeaves));
  const double least = chosen.accuracy - loss - 1e-12;
  for (const ExitPoint& point : points)
    if (point.accuracy >= least && point.saved > chosen.saved) chosen = point;
  return chosen;
}

}  // namespace cleave
