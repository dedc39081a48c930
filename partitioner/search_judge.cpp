#include <algorithm>
#include <cmath>

#include "partitioner/search_core.h"

namespace cleave {

namespace {

constexpr double kRounding = 1e-12;
constexpr double kLimitRounding = 1e-9;  // the final word on limits is evaluate()'s

}  // namespace

double Search::left(const ToGo& to_go, const Label& label) const {
  const std::size_t row = to_go.index(label.stages, label.kind, label.position);
  return label.ended ? to_go.rest[row] : to_go.start[row];
}

// Of a whole plan; the one an open label is about to begin is counted already.
double Search::least_stages(const Label& label) const {
  return label.stages + left(stages_, label) - (label.ended ? 0 : 1);
}

double Search::bound_of(const Label& label) const {
  const double rest = left(cost_, label);
  double bound = prices_.longest ? std::max(label.cost, rest) : label.cost + rest;
  if (extras_.any()) bound = std::max(bound, label.charged + left(extras_.to_go, label) - extras_.refund);
  return bound;
}

double Search::rounding() const {
  return best_.stages.empty() ? 0 : kRounding * (std::abs(best_.value) + extras_.refund);
}

// The plan is as good as the best one found: it must need fewer stages, or as many and less time.
bool Search::is_worse_tie(const Label& label) const {
  if (what_ == Minimise::period) return true;
  const double stages = least_stages(label);
  const int best = static_cast<int>(best_.stages.size());
  if (stages != best || what_ == Minimise::latency) return stages >= best;
  return label.latency_s + left(latency_, label) >= best_.score.latency_s * (1 - kRounding);
}

bool Search::is_hopeless(const Label& label, double bound) const {
  if (bound == kInfinity || bound > best_.value + rounding() || bound >= ceiling_) return true;
  if (least_stages(label) > goal_.max_stages) return true;
  if (goal_.latency_limit_s < kInfinity &&
      label.latency_s + left(latency_, label) > goal_.latency_limit_s * (1 + kLimitRounding))
    return true;
  return bound >= best_.value - rounding() && is_worse_tie(label);
}

}  // namespace cleave
