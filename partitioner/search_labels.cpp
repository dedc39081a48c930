#include "partitioner/search_labels.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <utility>

namespace cleave {

namespace {

// Costs are equal up to rounding when they differ by no more than this share.
constexpr double kRounding = 1e-12;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

bool is_same_state(const Label& a, const Label& b) {
  return a.used == b.used && a.kind == b.kind && a.position == b.position && a.ended == b.ended;
}

}  // namespace

DeviceSets::DeviceSets(const Problem& problem) {
  std::array<int, 2> taken{};
  for (const DeviceKind& kind : problem.kinds) {
    const int bits = std::bit_width(static_cast<unsigned>(kind.count()));
    const std::size_t word = taken[0] + bits + 1 <= 64 ? 0 : 1;
    assert(taken[word] + bits + 1 <= 64);  // kMaxDevices fit: a kind of n devices takes at most 2 n bits
    fields_.push_back({word, taken[word], bits, kind.count()});
    taken[word] += bits + 1;
    spare_[word] |= std::uint64_t{1} << (taken[word] - 1);
  }
}

int DeviceSets::count(const DeviceSet& set, int kind) const {
  const Field& field = fields_[at(kind)];
  return static_cast<int>(set[field.word] >> field.shift & ((std::uint64_t{1} << field.bits) - 1));
}

bool DeviceSets::has_free(const DeviceSet& set, int kind) const { return count(set, kind) < fields_[at(kind)].most; }

void DeviceSets::add(DeviceSet& set, int kind) const {
  set[fields_[at(kind)].word] += std::uint64_t{1} << fields_[at(kind)].shift;
}

bool DeviceSets::is_within(const DeviceSet& small, const DeviceSet& large) const {
  // A field that is smaller borrows its spare bit.
  return (((large[0] | spare_[0]) - small[0]) & spare_[0]) == spare_[0] &&
         (((large[1] | spare_[1]) - small[1]) & spare_[1]) == spare_[1];
}

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
