#include "partitioner/search_labels.h"

#include <utility>

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

bool is_same_state(const Label& a, const Label& b) {
  return a.used == b.used && a.kind == b.kind && a.position == b.position && a.ended == b.ended;
}

}  // namespace

LabelTable::LabelTable(const Problem& problem, Dominance dominance)
    : sets(problem),
      dominance_(std::move(dominance)),
      positions_(problem.positions),
      buckets_(1024, -1),
      asked_(2 * problem.kinds.size() * at(problem.positions)) {}

std::size_t LabelTable::bucket_of(const Label& label) const {
  std::uint64_t hash = label.used[0] * 0x9e3779b97f4a7c15ULL ^ label.used[1] * 0xc2b2ae3d27d4eb4fULL;
  hash ^= (static_cast<std::uint64_t>(label.position) << 9 | static_cast<std::uint64_t>(label.kind) << 1 |
           static_cast<std::uint64_t>(label.ended)) *
          0xff51afd7ed558ccdULL;
  hash ^= hash >> 32;
  hash *= 0xc4ceb9fe1a85ec53ULL;
  return (hash >> 20) & (buckets_.size() - 1);
}

void LabelTable::grow() {
  buckets_.assign(2 * buckets_.size(), -1);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    std::int32_t& head = buckets_[bucket_of(labels[i])];
    labels[i].next = head;
    head = static_cast<std::int32_t>(i);
  }
}

int LabelTable::add(const Label& label) {
  if (labels.size() >= buckets_.size()) grow();
  std::int32_t& head = buckets_[bucket_of(label)];
  for (std::int32_t i = head; i >= 0; i = labels[at(i)].next)
    if (!labels[at(i)].beaten && is_same_state(labels[at(i)], label) && dominance_.beats(labels[at(i)], label))
      return -1;
  for (std::int32_t i = head; i >= 0; i = labels[at(i)].next)
    if (!labels[at(i)].beaten && is_same_state(labels[at(i)], label) && dominance_.beats(label, labels[at(i)]))
      labels[at(i)].beaten = true;
  labels.push_back(label);
  labels.back().next = head;
  head = static_cast<std::int32_t>(labels.size()) - 1;
  return head;
}

bool LabelTable::is_beaten(int index) {
  constexpr std::size_t kMostAsked = 24;  // of one state; more would cost more than they save
  const Label& label = labels[at(index)];
  const std::size_t state =
      ((label.ended ? 1U : 0U) * asked_.size() / 2) + label.kind * at(positions_) + at(label.position);
  std::vector<std::int32_t>& asked = asked_[state];
  for (const std::int32_t other : asked)
    if (labels[at(other)].stages < label.stages && sets.is_within(labels[at(other)].used, label.used) &&
        dominance_.beats(labels[at(other)], label))
      return true;
  if (asked.size() < kMostAsked) asked.push_back(index);
  return false;
}

}  // namespace cleave
