#include <algorithm>

#include "partitioner/search_labels.h"

namespace cleave {

namespace {

// Costs are equal up to rounding when they differ by no more than this share.
constexpr double kRounding = 1e-12;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

}  // namespace

Dominance::Dominance(const Problem& problem, Minimise what, const Goal& goal, double period_limit_s)
    : problem_(problem),
      what_(what),
      min_stages_(goal.min_stages),
      latency_counts_(goal.latency_limit_s < kInfinity && what != Minimise::latency),
      load_counts_(is_coupled(problem) && (what == Minimise::period || period_limit_s < kInfinity)),
      period_limit_s_(period_limit_s) {
  for (std::size_t kind = 0; kind < problem.kinds.size(); ++kind) {
    std::vector<LinkCost>& out = links_.emplace_back();
    for (std::size_t to = 0; to < problem.kinds.size(); ++to) {
      const LinkCost& link = problem.links[kind][to];
      if (to == kind && problem.kinds[kind].count() == 1) continue;
      if (link.seconds_per_byte < kInfinity && std::find(out.begin(), out.end(), link) == out.end())
        out.push_back(link);
    }
  }
}

// Where latency has no limit, it decides between equal costs.
bool Dominance::is_cheaper(const Label& a, const Label& b) const {
  const double cost = a.cost - b.cost, latency = a.latency_s - b.latency_s;
  const double rounding = kRounding * b.cost, latency_rounding = kRounding * b.latency_s;
  if (what_ == Minimise::period) return cost <= 0 && (!latency_counts_ || latency <= 0);
  if (latency_counts_) return cost <= rounding && latency <= latency_rounding;
  return cost < -rounding || (cost <= rounding && latency <= latency_rounding);
}

// The device of the last stage has as much time left for sending, wherever it goes to.
bool Dominance::is_freer(const Label& a, const Label& b) const {
  if (!a.ended) return a.receive_s <= b.receive_s && a.half_duplex <= b.half_duplex;
  for (const LinkCost& link : links_[a.kind]) {
    const double send = link.seconds(problem_.sent_bytes[at(a.position)]);
    const auto busy = [&](const Label& label) {
      return problem_.model->busy_s(label.compute_s, label.receive_s, send, label.half_duplex || link.half_duplex);
    };
    const double of_a = busy(a), of_b = busy(b);
    if (of_b > period_limit_s_) continue;
    if (of_a > period_limit_s_) return false;
    if (what_ == Minimise::period && of_a > std::max(of_b, b.cost)) return false;
  }
  return true;
}

bool Dominance::beats(const Label& a, const Label& b) const {
  if (a.stages != b.stages && a.stages < min_stages_) return false;
  return is_cheaper(a, b) && (!load_counts_ || is_freer(a, b));
}

}  // namespace cleave
