#include "partitioner/roles.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

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

// Gives the roles of one cut to devices of the kinds in `take`, at most `most` times.
class Assignment {
 public:
  Assignment(std::span<const DeviceKind> kinds, std::span<const int> take, int roles, double most)
      : take_(take), roles_(static_cast<std::size_t>(roles)), most_(most) {
    for (const DeviceKind& kind : kinds) free_.push_back(kind.count());
  }

  std::vector<std::vector<int>> run() {
    extend();
    return std::move(found_);
  }

 private:
  void extend() {
    if (chosen_.size() == roles_) found_.push_back(chosen_);
    if (chosen_.size() == roles_) return;
    for (const int k : take_) {
      if (static_cast<double>(found_.size()) >= most_) return;
      if (free_[at(k)] == 0) continue;
      --free_[at(k)];
      chosen_.push_back(k);
      extend();
      chosen_.pop_back();
      ++free_[at(k)];
    }
  }

  std::span<const int> take_;
  std::size_t roles_;
  double most_;
  std::vector<int> free_, chosen_;
  std::vector<std::vector<int>> found_;
};

// Returns [m] in how many ways devices of the first m kinds of `order` can take the roles: of the n roles that are
// open, a kind takes any j that it has devices for, in C(n, j) ways.
std::vector<double> ways_by_kinds(std::span<const DeviceKind> kinds, std::span<const int> order, int roles) {
  std::vector<double> ways(at(roles) + 1), all{roles == 0 ? 1.0 : 0.0};  // [n]: with n roles taken
  ways[0] = 1;
  for (const int k : order) {
    std::vector<double> more(ways.size());
    for (int taken = 0; taken <= roles; ++taken) {
      double choices = 1;
      for (int j = 0; j <= std::min(kinds[at(k)].count(), roles - taken); ++j) {
        more[at(taken + j)] += ways[at(taken)] * choices;
        choices *= static_cast<double>(roles - taken - j) / (j + 1);
      }
    }
    ways = std::move(more);
    all.push_back(ways.back());
  }
  return all;
}

// What is given out: by cut, the number of roles and a way that must be among them.
struct Wanted {
  std::vector<int> roles;
  std::vector<std::vector<int>> stated;
};

// `order` is all kinds, those to keep longest first. Cuts with few ways go first, so that what they leave of the limit
// is for the others.
RolePlans assign(std::span<const DeviceKind> kinds, const std::vector<int>& order, const Wanted& wanted,
                 const TimingOf& timing_of, int limit) {
  std::map<int, std::vector<double>> ways;  // by roles
  std::vector<int> cuts(wanted.roles.size());
  std::iota(cuts.begin(), cuts.end(), 0);
  for (const int roles : wanted.roles)
    if (!ways.contains(roles)) ways[roles] = ways_by_kinds(kinds, order, roles);
  const auto ways_of = [&](int cut) -> const std::vector<double>& { return ways[wanted.roles[at(cut)]]; };
  std::stable_sort(cuts.begin(), cuts.end(), [&](int a, int b) { return ways_of(a).back() < ways_of(b).back(); });
  RolePlans result;
  double left = limit;
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    const int cut = cuts[i];
    const std::vector<double>& known = ways_of(cut);
    if (known.back() == 0) continue;  // more roles than devices
    const double fair = std::max(1.0, std::floor(left / static_cast<double>(cuts.size() - i)));
    const double quota = wanted.roles[at(cut)] == 1 ? known.back() : fair;  // a device alone is never left out
    std::size_t take = order.size();  // as many kinds as the quota allows, but enough for all roles
    while (take > 0 && known[take] > quota && known[take - 1] > 0) --take;
    std::vector<std::vector<int>> found =
        Assignment(kinds, std::span(order).first(take), wanted.roles[at(cut)], quota).run();
    const std::vector<int>& stated = wanted.stated[at(cut)];
    if (!stated.empty() && std::find(found.begin(), found.end(), stated) == found.end()) found.push_back(stated);
    for (const std::vector<int>& kind_of_role : found) {
      const Timing timing = timing_of(cut, kind_of_role);
      if (timing.period_s < kInfinity) result.plans.push_back(priced(kinds, cut, kind_of_role, timing));
    }
    left -= static_cast<double>(found.size());
    result.left_out += std::max(0.0, known.back() - static_cast<double>(found.size()));
  }
  std::stable_sort(result.plans.begin(), result.plans.end(),
                   [](const RolePlan& a, const RolePlan& b) { return a.cut < b.cut; });
  return result;
}

// Those that nothing goes without first, then by how long their batteries last.
std::vector<int> by_battery(std::span<const DeviceKind> kinds, const std::vector<std::vector<int>>& pinned) {
  std::vector<int> order(kinds.size());
  std::iota(order.begin(), order.end(), 0);
  const auto life_s = [&](int k) {
    if (!pinned.empty() && pinned[at(k)].back() > 0) return kInfinity;
    return kinds[at(k)].compute_w > 0 ? kinds[at(k)].battery_j / kinds[at(k)].compute_w : kInfinity;
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
  Wanted wanted;
  for (const RoleCut& cut : cuts) {
    wanted.roles.push_back(static_cast<int>(cut.compute_s.size()));
    wanted.stated.push_back(cut.stated);
  }
  const TimingOf timing_of = [&](int cut, const std::vector<int>& kind_of_role) {
    Timing timing{{}, std::max(period_s, cuts[at(cut)].link_s)};
    for (std::size_t role = 0; role < kind_of_role.size(); ++role) {
      timing.compute_s.push_back(cuts[at(cut)].compute_s[role][at(kind_of_role[role])]);
      timing.period_s = std::max(timing.period_s, timing.compute_s.back());
    }
    return timing;
  };
  return assign(kinds, by_battery(kinds, {}), wanted, timing_of, limit);
}

RolePlans assign_roles(const Problem& problem, std::span<const std::vector<int>> cuts, double period_s, int limit) {
  assert(problem.shares.empty());
  Wanted wanted;
  for (const std::vector<int>& cut : cuts) wanted.roles.push_back(static_cast<int>(cut.size()) + 1);
  wanted.stated.resize(cuts.size());
  const TimingOf timing_of = [&](int cut, const std::vector<int>& kind_of_role) {
    const Stages stages = stages_of(cuts[at(cut)], kind_of_role, problem.last());
    Timing timing{{}, evaluate(problem, stages, period_s).period_s};
    for (const Stage& stage : stages) timing.compute_s.push_back(compute_s(problem, stage));
    return timing;
  };
  return assign(problem.kinds, by_battery(problem.kinds, problem.pinned), wanted, timing_of, limit);
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
