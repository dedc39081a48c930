#include <algorithm>
#include <utility>

#include "partitioner/search_core.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// A partial plan, and how it ranks among others that end at the same position: less is better.
struct Ranked {
  Child child;
  double rank = 0;
};

// Adds to the best `width`, one for the same devices.
void insert(std::vector<Ranked>& kept, const Ranked& added, std::size_t width) {
  const auto before = [](const Ranked& a, const Ranked& b) {
    return a.rank != b.rank ? a.rank < b.rank : a.child.label.stages < b.child.label.stages;
  };
  if (kept.size() == width && !before(added, kept.back())) return;
  const Label& label = added.child.label;
  const auto same = std::find_if(kept.begin(), kept.end(), [&](const Ranked& other) {
    return other.child.label.used == label.used && other.child.label.kind == label.kind;
  });
  if (same != kept.end()) {
    if (!before(added, *same)) return;
    kept.erase(same);
  }
  if (kept.size() == width) kept.pop_back();
  kept.insert(std::upper_bound(kept.begin(), kept.end(), added, before), added);
}

}  // namespace

// Where any plan is welcome, those that leave most to the other devices are likely to find an end.
double Search::rank(const Child& child) const {
  if (by_slack_) return -capacities_.slack(table_.sets, child.label);
  return extras_.any() ? child.label.charged + left(extras_.to_go, child.label) : child.bound;
}

// From position to position, goes on with the `width` best partial plans that end there.
void Search::beam(std::size_t width) {
  constexpr std::size_t kAlways = 10000;  // so many stages are quicker than anyone's limit
  std::vector<std::vector<Ranked>> ended(at(problem_.positions));
  std::vector<Child> children;
  std::vector<Ranked> begun;
  for (int position = 0; position < problem_.last(); ++position) {
    if (table_.labels.size() > kAlways && deadline_.over()) break;
    if (position == 0) starts(children);
    for (const Ranked& one : ended[at(position)]) {
      table_.labels.push_back(one.child.label);
      add_hops(one.child.label, static_cast<std::int32_t>(table_.labels.size()) - 1, children);
    }
    begun.clear();
    for (const Child& child : children) insert(begun, {child, rank(child)}, width);
    children.clear();
    for (const Ranked& one : begun) {
      double above = 0;
      table_.labels.push_back(one.child.label);
      add_stages(static_cast<std::int32_t>(table_.labels.size()) - 1, -kInfinity, kInfinity, children, &above);
    }
    for (const Child& child : children) insert(ended[at(child.label.position)], {child, rank(child)}, width);
    children.clear();
  }
  table_.labels.clear();
}

// What is left of the time goes into beams, each twice as wide as the one before.
Solution Search::widen() {
  constexpr std::size_t kFirst = 32, kLast = 1024;
  table_.labels.clear();
  for (std::size_t width = kFirst; width <= kLast && !deadline_.over() && best_.bound < best_.value; width *= 2) {
    if (what_ == Minimise::period && best_.value < kInfinity) {
      set_levels();
      ceiling_ = best_.value;
      by_slack_ = true;
    }
    beam(width);
  }
  best_.optimal = best_.bound >= best_.value - rounding();
  best_.bound = std::min(best_.bound, best_.value);
  return best_;
}

}  // namespace cleave
