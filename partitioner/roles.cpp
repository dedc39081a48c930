#include "partitioner/roles.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <numeric>
#include <optional>

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// The seconds of each role, and the period.
struct Timing {
  std::vector<double> compute_s;
  double period_s = kInfinity;  // infinity = not possible
};
// Of cut `cut` with these kinds in its roles.
using TimingOf = std::function<Timing(int cut, const std::vector<int>& kind_of_role)>;

RolePlan priced(std::span<const DeviceKind> kinds, int cut, const std::vector<int>& kind_of_role,
                const Timing& timing) {
  RolePlan plan{cut, kind_of_role, timing.period_s, std::vector<double>(kinds.size()), kInfinity, kInfinity};
  std::vector<int> waiting;
  for (const DeviceKind& kind : kinds) waiting.push_back(kind.count());
  const auto charge = [&](int k, int devices, double joules) {
    plan.joules[at(k)] += devices * joules;
    if (devices > 0 && joules > 0) plan.frames = std::min(plan.frames, kinds[at(k)].battery_j / joules);
  };
  for (std::size_t role = 0; role < kind_of_role.size(); ++role) {
    const int k = kind_of_role[role];
    const double compute = timing.compute_s[role];
    --waiting[at(k)];
    charge(k, 1, kinds[at(k)].compute_w * compute + kinds[at(k)].idle_w * (timing.period_s - compute));
  }
  plan.awake_frames = plan.frames;
  for (std::size_t k = 0; k < kinds.size(); ++k)
    charge(static_cast<int>(k), waiting[k], kinds[k].standby_w * timing.period_s);
  return plan;
}

// Gives the roles of every cut to devices of the kinds that `take` part; nothing when there are more than `limit` ways.
class Assignment {
 public:
  Assignment(std::span<const DeviceKind> kinds, const std::vector<int>& take, const TimingOf& timing_of, int limit)
      : kinds_(kinds), take_(take), timing_of_(timing_of), limit_(limit) {
    for (const DeviceKind& kind : kinds) free_.push_back(kind.count());
  }

  std::optional<std::vector<RolePlan>> run(const std::vector<int>& roles_of_cut) {
    for (std::size_t cut = 0; cut < roles_of_cut.size(); ++cut)
      if (!extend(static_cast<int>(cut), roles_of_cut[cut])) return std::nullopt;
    return std::move(plans_);
  }

 private:
  bool extend(int cut, int roles) {
    if (static_cast<int>(chosen_.size()) == roles) {
      if (++tried_ > limit_) return false;
      const Timing timing = timing_of_(cut, chosen_);
      if (timing.period_s < kInfinity) plans_.push_back(priced(kinds_, cut, chosen_, timing));
      return true;
    }
    for (const int k : take_) {
      if (free_[at(k)] == 0) continue;
      --free_[at(k)];
      chosen_.push_back(k);
      const bool within = extend(cut, roles);
      chosen_.pop_back();
      ++free_[at(k)];
      if (!within) return false;
    }
    return true;
  }

  std::span<const DeviceKind> kinds_;
  const std::vector<int>& take_;
  const TimingOf& timing_of_;
  int limit_;
  int tried_ = 0;
  std::vector<int> free_, chosen_;
  std::vector<RolePlan> plans_;
};

// `take` is all kinds, those to keep longest first.
RolePlans assign(std::span<const DeviceKind> kinds, std::vector<int> take, const std::vector<int>& roles_of_cut,
                 const TimingOf& timing_of, int limit) {
  RolePlans result;
  limit = std::max(limit, static_cast<int>(roles_of_cut.size()));  // one kind makes one plan of a cut
  while (!take.empty()) {
    std::optional<std::vector<RolePlan>> plans = Assignment(kinds, take, timing_of, limit).run(roles_of_cut);
    if (plans) {
      result.plans = std::move(*plans);
      break;
    }
    result.left_out.push_back(take.back());
    take.pop_back();
  }
  std::sort(result.left_out.begin(), result.left_out.end());
  return result;
}

// Those that nothing goes without first, then by how long their batteries last.
std::vector<int> by_battery(std::span<const DeviceKind> kinds, const std::vector<std::vector<int>>& pinned) {
  std::vector<int> order(kinds.size());
  std::iota(order.begin(), order.end(), 0);
  const auto life_s = [&](int k) {
    if (!pinned.empty() && pinned[at(k)].back() > 0) return kInfinity;
    return kinds[at(k)].battery_j / kinds[at(k)].compute_w;
  };
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return life_s(a) > life_s(b); });
  return order;
}

Stages stages_of(const std::vector<int>& cut, const std::vector<int>& kind_of_role, int last) {
  Stages stages;
  int from = 0;
  for (std::size_t role = 0; role < kind_of_role.size(); ++role) {
    const int to = role < cut.size() ? cut[role] : last;
    stages.push_back({kind_of_role[role], from, to});
    from = to;
  }
  return stages;
}

}  // namespace

RolePlans assign_roles(std::span<const DeviceKind> kinds, std::span<const RoleCut> cuts, double period_s, int limit) {
  std::vector<int> roles;
  for (const RoleCut& cut : cuts) roles.push_back(static_cast<int>(cut.compute_s.size()));
  const TimingOf timing_of = [&](int cut, const std::vector<int>& kind_of_role) {
    Timing timing{{}, std::max(period_s, cuts[at(cut)].link_s)};
    for (std::size_t role = 0; role < kind_of_role.size(); ++role) {
      timing.compute_s.push_back(cuts[at(cut)].compute_s[role][at(kind_of_role[role])]);
      timing.period_s = std::max(timing.period_s, timing.compute_s.back());
    }
    return timing;
  };
  return assign(kinds, by_battery(kinds, {}), roles, timing_of, limit);
}

RolePlans assign_roles(const Problem& problem, std::span<const std::vector<int>> cuts, double period_s, int limit) {
  assert(problem.shares.empty());
  std::vector<int> roles;
  for (const std::vector<int>& cut : cuts) roles.push_back(static_cast<int>(cut.size()) + 1);
  const TimingOf timing_of = [&](int cut, const std::vector<int>& kind_of_role) {
    const Stages stages = stages_of(cuts[at(cut)], kind_of_role, problem.last());
    Timing timing{{}, evaluate(problem, stages, period_s).period_s};
    for (const Stage& stage : stages) timing.compute_s.push_back(compute_s(problem, stage));
    return timing;
  };
  return assign(problem.kinds, by_battery(problem.kinds, problem.pinned), roles, timing_of, limit);
}

int best_static(const RolePlans& plans, int devices) {
  int best = -1;
  for (std::size_t p = 0; p < plans.plans.size(); ++p) {
    const RolePlan& plan = plans.plans[p];
    if (plan.devices() < devices) continue;
    const RolePlan* known = best < 0 ? nullptr : &plans.plans[at(best)];
    const double margin = 1e-12 * plan.frames;
    const bool better = known == nullptr || plan.frames > known->frames + margin;
    const bool tie = known != nullptr && plan.frames >= known->frames - margin && plan.devices() < known->devices();
    if (better || tie) best = static_cast<int>(p);
  }
  return best;
}

}  // namespace cleave
