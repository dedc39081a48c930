#include "partitioner/problem.h"

#include <algorithm>
#include <cassert>

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

double difference(const std::vector<double>& done, const Stage& stage) {
  return done[at(stage.to)] - done[at(stage.from)];
}

// All that happens to a device while a frame is with it.
struct Busy {
  double compute_s = 0, receive_s = 0, send_s = 0;
  bool half_duplex = false;
};

// The device stays awake for the whole period: it computes at one power and waits at the other.
double joules_of_period(double compute_seconds, double period_s, double idle_w, double compute_w) {
  return compute_w * compute_seconds + idle_w * (period_s - compute_seconds);
}

// What a plan is made of, stage by stage, shares first.
std::vector<Busy> busy_of(const Problem& problem, const Stages& stages) {
  std::vector<Busy> all;
  const int first = stages.front().kind;
  for (const Share& share : problem.shares)
    all.push_back({share.compute_s, share.receive_s, share.send_s[at(first)], is_half_duplex(share, first)});
  for (std::size_t i = 0; i < stages.size(); ++i) {
    Busy busy;
    busy.compute_s = compute_s(problem, stages[i]);
    busy.half_duplex = i == 0 && is_entry_half_duplex(problem, first);
    if (i == 0) busy.receive_s = problem.entry_s[at(stages[i].kind)];
    for (const std::size_t other : {i - 1, i + 1}) {
      if (other >= stages.size()) continue;
      const Stage& before = stages[std::min(i, other)];
      const Stage& behind = stages[std::max(i, other)];
      (other < i ? busy.receive_s : busy.send_s) = transfer_s(problem, before.kind, behind.kind, behind.from);
      busy.half_duplex = busy.half_duplex || problem.links[at(before.kind)][at(behind.kind)].half_duplex;
    }
    all.push_back(busy);
  }
  return all;
}

double latency_of(const Problem& problem, const std::vector<Busy>& all) {
  double shares = 0, latency = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i < problem.shares.size()) shares = std::max(shares, all[i].receive_s + all[i].compute_s);
    else latency += all[i].receive_s + all[i].compute_s;
  }
  return shares + latency;
}

double joules_of(const Problem& problem, const Stages& stages, const std::vector<Busy>& all) {
  double joules = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool share = i < problem.shares.size();
    const DeviceKind* kind = share ? nullptr : &problem.kinds[at(stages[i - problem.shares.size()].kind)];
    joules += all[i].compute_s * (share ? problem.shares[i].compute_w : kind->compute_w);
    if (problem.model->transfer_costs) joules += all[i].send_s * (share ? problem.shares[i].idle_w : kind->idle_w);
  }
  return joules;
}

double frames_of(const Problem& problem, const Stages& stages, const std::vector<Busy>& all, double period_s) {
  double frames = kInfinity;
  std::vector<int> free;
  for (const DeviceKind& kind : problem.kinds) free.push_back(kind.count());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool is_share = i < problem.shares.size();
    const int kind = is_share ? -1 : stages[i - problem.shares.size()].kind;
    if (!is_share) --free[at(kind)];
    const double battery = is_share ? problem.shares[i].battery_j : problem.kinds[at(kind)].battery_j;
    const double idle = is_share ? problem.shares[i].idle_w : problem.kinds[at(kind)].idle_w;
    const double compute = is_share ? problem.shares[i].compute_w : problem.kinds[at(kind)].compute_w;
    if (battery < kInfinity)
      frames = std::min(frames, battery / joules_of_period(all[i].compute_s, period_s, idle, compute));
  }
  for (std::size_t k = 0; k < free.size(); ++k)
    if (free[k] > 0 && problem.kinds[k].battery_j < kInfinity && problem.kinds[k].standby_w > 0)
      frames = std::min(frames, problem.kinds[k].battery_j / (problem.kinds[k].standby_w * period_s));
  return frames;
}

}  // namespace

bool is_after(const Problem& problem, int from, int to) {
  if (problem.after.empty()) return from < to;
  return (problem.after[at(from)][at(to) / 64] >> (at(to) % 64) & 1U) != 0;
}

double compute_s(const Problem& problem, const Stage& stage) {
  const auto& measured = problem.measured_s[at(stage.kind)];
  if (!measured.empty()) {
    const auto row = measured.find({stage.from, stage.to});
    if (row != measured.end()) return row->second;
  }
  return difference(problem.done_s[at(stage.kind)], stage);
}

double memory_bytes(const Problem& problem, const Stage& stage) {
  return difference(problem.held_bytes, stage) + problem.in_bytes[at(stage.from)] + problem.out_bytes[at(stage.to)];
}

bool is_allowed(const Problem& problem, const Stage& stage) {
  if (memory_bytes(problem, stage) > problem.kinds[at(stage.kind)].memory_bytes) return false;
  for (std::size_t kind = 0; kind < problem.pinned.size(); ++kind) {
    const std::vector<int>& done = problem.pinned[kind];
    const int inside = done[at(stage.to)] - done[at(stage.from)];
    const int wanted = kind == at(stage.kind) ? done.back() : 0;
    if (inside != wanted) return false;
  }
  return true;
}

double transfer_s(const Problem& problem, int from_kind, int to_kind, int at_position) {
  return problem.links[at(from_kind)][at(to_kind)].seconds(problem.sent_bytes[at(at_position)]);
}

bool is_coupled(const Problem& problem) {
  const auto any = [](const std::vector<bool>& flags) {
    return std::find(flags.begin(), flags.end(), true) != flags.end();
  };
  if (!problem.model->separable || any(problem.entry_half_duplex)) return true;
  for (const std::vector<LinkCost>& row : problem.links)
    for (const LinkCost& link : row)
      if (link.half_duplex) return true;
  return std::any_of(problem.shares.begin(), problem.shares.end(),
                     [&](const Share& share) { return any(share.half_duplex); });
}

const char* check_problem(const Problem& problem) {
  const std::size_t kinds = problem.kinds.size();
  const std::size_t positions = at(problem.positions);
  const auto all = [&](const auto& rows) {
    return std::all_of(rows.begin(), rows.end(), [&](const auto& row) { return row.size() == positions; });
  };
  if (problem.positions < 2) return "there is nothing to place";
  if (problem.model == nullptr) return "there is no cost model";
  if (problem.done_s.size() != kinds || !all(problem.done_s)) return "done_s is not [kind][position]";
  if (problem.measured_s.size() != kinds) return "measured_s is not [kind]";
  for (const std::vector<double>* bytes :
       {&problem.held_bytes, &problem.in_bytes, &problem.out_bytes, &problem.sent_bytes})
    if (bytes->size() != positions) return "a row of bytes is not [position]";
  if (!problem.pinned.empty() && (problem.pinned.size() != kinds || !all(problem.pinned)))
    return "pinned is not [kind][position]";
  if (problem.links.size() != kinds) return "links is not [kind][kind]";
  for (const std::vector<LinkCost>& row : problem.links)
    if (row.size() != kinds) return "links is not [kind][kind]";
  if (problem.entry_s.size() != kinds) return "entry_s is not [kind]";
  if (!problem.entry_half_duplex.empty() && problem.entry_half_duplex.size() != kinds)
    return "entry_half_duplex is not [kind]";
  for (const Share& share : problem.shares) {
    if (share.send_s.size() != kinds) return "send_s of a share is not [kind]";
    if (!share.half_duplex.empty() && share.half_duplex.size() != kinds) return "half_duplex of a share is not [kind]";
  }
  return "";
}

Score evaluate(const Problem& problem, const Stages& stages, double period_s) {
  Score score;
  std::vector<int> used(problem.kinds.size());
  if (stages.empty() || stages.front().from != 0 || stages.back().to != problem.last()) return score;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const Stage& stage = stages[i];
    const bool joined = i == 0 || stages[i - 1].to == stage.from;
    const bool free = ++used[at(stage.kind)] <= problem.kinds[at(stage.kind)].count();
    if (!joined || !free || !is_after(problem, stage.from, stage.to) || !is_allowed(problem, stage)) return score;
  }
  const std::vector<Busy> all = busy_of(problem, stages);
  double longest = 0, shortest = kInfinity, period = period_s;
  for (const Busy& busy : all) {
    const double busy_s = problem.model->busy_s(busy.compute_s, busy.receive_s, busy.send_s, busy.half_duplex);
    period = std::max({period, busy_s, busy.receive_s, busy.send_s});
    longest = std::max(longest, busy.compute_s);
    shortest = std::min(shortest, busy.compute_s);
  }
  if (period == kInfinity) return score;
  score.period_s = period;
  score.latency_s = latency_of(problem, all);
  score.joules = joules_of(problem, stages, all);
  score.frames = frames_of(problem, stages, all, period);
  score.balance = longest > 0 ? shortest / longest : 1;
  score.devices = static_cast<int>(all.size());
  return score;
}

}  // namespace cleave
