#include <algorithm>
#include <cmath>

#include "partitioner/search_core.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

}  // namespace

bool Search::is_over() const { return table_.labels.size() >= most_labels_ || deadline_.over(); }

// `least`: the bound of what the children go on from, which holds for them, too.
void Search::push_all(std::vector<Child>& children, double least) {
  for (const Child& child : children) {
    const std::int32_t index = table_.add(child.label);
    if (index < 0) continue;
    open_.push_back({std::max(child.bound, least), index, child.label.position});
    std::push_heap(open_.begin(), open_.end());
  }
  children.clear();
}

void Search::expand(const OpenLabel& next, std::vector<Child>& children) {
  Label& label = table_.labels[at(next.label)];
  if (label.beaten || is_hopeless(label, next.bound)) return;
  if (!label.expanded && table_.is_beaten(next.label)) return;
  if (label.ended) return add_hops(label, next.label, children);
  // A few at a time: as far as an eighth of what the best plan leaves open.
  const double width = best_.value < kInfinity ? (best_.value - root_) / 8 : std::abs(next.bound) / 8;
  const double least = label.expanded ? next.bound : -kInfinity;
  double above = kInfinity;
  label.expanded = true;
  add_stages(next.label, least, next.bound + width, children, &above);
  if (above == kInfinity) return;
  open_.push_back({above, next.label, next.position});
  std::push_heap(open_.begin(), open_.end());
}

// True when no open label leads to a better plan, nor (unless there are too many) to one that is as good but simpler.
bool Search::is_last(const OpenLabel& next) {
  constexpr int kMostTies = 50000;
  if (next.bound > best_.value + rounding()) return true;
  return next.bound >= best_.value - rounding() && ++ties_ > kMostTies;
}

void Search::search_all() {
  constexpr int kOften = 2000;  // how many labels apart new levels are worth their time
  std::vector<Child> children;
  starts(children);
  push_all(children, root_);
  best_.optimal = true;
  best_.bound = root_;
  for (int count = 1; !open_.empty(); ++count) {
    const OpenLabel next = open_.front();
    if (is_last(next)) return;
    if (count % 64 == 1 && is_over()) {
      best_.optimal = next.bound >= best_.value - rounding();
      best_.bound = std::max(best_.bound, next.bound);
      return;
    }
    if (prices_.longest && count % kOften == 0 && best_.value < level_s_) set_levels();
    std::pop_heap(open_.begin(), open_.end());
    open_.pop_back();
    expand(next, children);
    push_all(children, next.bound);
  }
}

}  // namespace cleave
