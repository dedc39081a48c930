// Labels: for each combination of devices, the device that runs next, and the position it starts at, the least time at
// which a frame can be there, all transfers so far included. Where a device's time depends on what it receives and
// sends, who sent to it is part of the label's place. O(C·K·P) labels, each extended to O(P·K) others; times K each if
// coupled (C combinations of devices of K kinds, P positions).
#include "partitioner/fastest.h"

#include <algorithm>

namespace cleave {

namespace {

constexpr double kMostLabels = 4e6;

std::size_t at(std::ptrdiff_t index) { return static_cast<std::size_t>(index); }

struct Label {
  double latency_s = kInfinity;
  std::int32_t before = -1;  // the label of the stage before; -1 = none
};

struct Place {
  int state = 0, sender = 0, kind = 0, start = 0;  // sender: kind + 1; 0 = none, or of no concern
};

class Labels {
 public:
  Labels(const Problem& problem, const StageLimits& limits, const Goal& goal)
      : problem_(problem), limits_(limits), goal_(goal), coupled_(is_coupled(problem)) {
    for (const DeviceKind& kind : problem.kinds) {
      stride_.push_back(states_);
      states_ *= kind.count() + 1;
    }
    senders_ = coupled_ ? kinds() + 1 : 1;
    labels_.resize(at(states_) * at(senders_) * at(kinds()) * at(problem.positions));
    best_.resize(at(kMaxDevices + 2));
    set_times();
  }

  Found run(const Deadline& deadline) {
    for (int k = 0; k < kinds(); ++k)
      if (may_enter(k)) labels_[at(index({stride_[at(k)], 0, k, 0}))] = {problem_.entry_s[at(k)], -1};
    for (Place place; place.state < states_; ++place.state) {
      if (place.state % 64 == 63 && deadline.is_over()) return {{}, true};
      for (place.sender = 0; place.sender < senders_; ++place.sender)
        for (place.kind = 0; place.kind < kinds(); ++place.kind)
          for (place.start = 0; place.start < problem_.last(); ++place.start) extend(place);
    }
    double shares_s = 0;
    for (const Share& share : problem_.shares) shares_s = std::max(shares_s, share.receive_s + share.compute_s);
    for (int stages = goal_.min_stages; stages <= std::min(goal_.max_stages, kMaxDevices); ++stages)
      if (is_latency_within(best_[at(stages)].latency_s + shares_s, goal_.latency_limit_s) &&
          best_[at(stages)].latency_s < kInfinity)
        return {trace(best_[at(stages)].before), false};
    return {};
  }

 private:
  int kinds() const { return static_cast<int>(problem_.kinds.size()); }
  int used(int state, int kind) const { return state / stride_[at(kind)] % (problem_.kinds[at(kind)].count() + 1); }

  std::ptrdiff_t index(const Place& p) const {
    return ((static_cast<std::ptrdiff_t>(p.state) * senders_ + p.sender) * kinds() + p.kind) * problem_.positions +
           p.start;
  }
  Place place_of(std::ptrdiff_t index) const {
    Place p;
    p.start = static_cast<int>(index % problem_.positions);
    index /= problem_.positions;
    p.kind = static_cast<int>(index % kinds());
    index /= kinds();
    p.sender = static_cast<int>(index % senders_);
    p.state = static_cast<int>(index / senders_);
    return p;
  }

  double& time_of(const Stage& stage) {
    return times_[(at(stage.kind) * at(problem_.positions) + at(stage.from)) * at(problem_.positions) + at(stage.to)];
  }
  void set_times() {
    times_.assign(at(kinds()) * at(problem_.positions) * at(problem_.positions), kInfinity);
    for (Stage s; s.kind < kinds(); ++s.kind)
      for (s.from = 0; s.from < problem_.last(); ++s.from)
        for (s.to = s.from + 1; s.to <= problem_.last(); ++s.to)
          if (is_within(problem_, s, limits_.least_of(at(s.kind)), limits_.compute_s[at(s.kind)]))
            time_of(s) = compute_s(problem_, s);
  }

  bool is_busy_within(double compute, double receive, double send, bool half_duplex) const {
    return !coupled_ || problem_.model->busy_s(compute, receive, send, half_duplex) <= limits_.busy_s;
  }
  bool may_enter(int kind) const {
    if (!is_entry_within(problem_, kind, limits_.transfer_s)) return false;
    return std::all_of(problem_.shares.begin(), problem_.shares.end(), [&](const Share& share) {
      return is_busy_within(share.compute_s, share.receive_s, share.send_s[at(kind)], is_half_duplex(share, kind));
    });
  }

  // Runs a stage from there, of every length, and sends what it made to every other device.
  void extend(const Place& place) {
    const std::ptrdiff_t here = index(place);
    const double start_s = labels_[at(here)].latency_s;
    if (start_s == kInfinity) return;
    const bool first = place.start == 0;
    const int sender = place.sender - 1;
    const double receive = first      ? problem_.entry_s[at(place.kind)]
                           : coupled_ ? transfer_s(problem_, sender, place.kind, place.start)
                                      : 0;
    const bool half = first ? is_entry_half_duplex(problem_, place.kind)
                            : coupled_ && problem_.links[at(sender)][at(place.kind)].half_duplex;
    for (int end = place.start + 1; end <= problem_.last(); ++end) {
      const double compute = time_of({place.kind, place.start, end});
      if (compute == kInfinity) continue;
      if (end < problem_.last()) {
        send(place, end, start_s + compute, compute, receive, half);
        continue;
      }
      Label& best = best_[at(stages_of(place.state))];
      if (start_s + compute < best.latency_s && is_busy_within(compute, receive, 0, half) && is_used_up(place.state))
        best = {start_s + compute, static_cast<std::int32_t>(here)};
    }
  }

  void send(const Place& place, int end, double done_s, double compute, double receive, bool half) {
    for (int to = 0; to < kinds(); ++to) {
      if (used(place.state, to) == problem_.kinds[at(to)].count()) continue;
      if (!is_link_within(problem_, place.kind, to, end, limits_.transfer_s)) continue;
      const double seconds = transfer_s(problem_, place.kind, to, end);
      if (!is_busy_within(compute, receive, seconds, half || problem_.links[at(place.kind)][at(to)].half_duplex))
        continue;
      const Place next{place.state + stride_[at(to)], coupled_ ? place.kind + 1 : 0, to, end};
      Label& label = labels_[at(index(next))];
      if (done_s + seconds < label.latency_s) label = {done_s + seconds, static_cast<std::int32_t>(index(place))};
    }
  }

  int stages_of(int state) const {
    int stages = 0;
    for (int k = 0; k < kinds(); ++k) stages += used(state, k);
    return stages;
  }
  bool is_used_up(int state) const {
    for (int k = 0; k < kinds() && !limits_.least_used.empty(); ++k)
      if (used(state, k) < limits_.least_used[at(k)]) return false;
    return true;
  }

  Stages trace(std::int32_t label) const {
    Stages plan;
    for (int end = problem_.last(); label >= 0; label = labels_[at(label)].before) {
      const Place place = place_of(label);
      plan.insert(plan.begin(), {place.kind, place.start, end});
      end = place.start;
    }
    return plan;
  }

  const Problem& problem_;
  const StageLimits& limits_;
  const Goal& goal_;
  const bool coupled_;
  int states_ = 1, senders_ = 1;
  std::vector<int> stride_;
  std::vector<double> times_;  // [kind][start][end]; infinity where the stage is not within the limits
  std::vector<Label> labels_;
  std::vector<Label> best_;  // [stages]: `before` is the last stage's label
};

}  // namespace

double fastest_steps(const Problem& problem, const Goal& goal) {
  const double kinds = static_cast<double>(problem.kinds.size()), positions = problem.positions;
  double states = 1;
  for (const DeviceKind& kind : problem.kinds) states *= kind.count() + 1;
  const double labels = states * kinds * positions * (is_coupled(problem) ? kinds + 1 : 1);
  if (labels > kMostLabels || kinds * positions * positions > kMostLabels || goal.max_stages < 1) return kInfinity;
  return labels * positions * kinds / 4;  // starts before ends, kinds not used up
}

Found fastest(const Problem& problem, const StageLimits& limits, const Goal& goal, const Deadline& deadline) {
  return Labels(problem, limits, goal).run(deadline);
}

}  // namespace cleave
