// Partitioning: every candidate is costed, and one search goes over cuts and splits. The network in one piece, each cut
// in two and each split with one stage behind it are rows of the table, whether they win or not. The best of all plans
// comes from the objective's exact solver, once for the whole network and once for what stands behind each split head
// and each way to give its shares to devices; a head's devices are a small multiset of kinds, so these are few.
#include <algorithm>
#include <chrono>
#include <functional>

#include <fmt/format.h>

#include "ops/core/catalog.h"
#include "partitioner/infeasible.h"
#include "partitioner/make_plan.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// Stage counts of which the best plan is a row, and up to what size that is looked for.
constexpr int kMaxListedStages = 8;
constexpr int kMaxListedPositions = 512;
constexpr double kListedSeconds = 0.5;

class Partitioner {
 public:
  Partitioner(const Setting& setting)
      : setting_(setting),
        request_(setting.request),
        objective_(*setting.request.objective),
        deadline_(Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                     std::chrono::duration<double>(setting.request.time_limit_s))),
        numbers_(numbers_of(setting)),
        whole_(problem_behind(setting, numbers_, 0, std::vector<bool>(setting.swarm.devices.size()))) {
    name_positions(setting, numbers_);
  }

  PlanTable run() {
    add_single();
    for (const SplitSpec& spec : request_.splits)
      if (spec.ways > 1) splits_.push_back(split_figures(setting_, numbers_, spec));
    const int last = static_cast<int>(numbers_.positions.all.size()) - 1;
    for (const auto& [node, p] : numbers_.prefixes) {
      if (p == 0 || p == last) continue;
      const auto local = std::find(whole_.positions.begin(), whole_.positions.end(), p);
      if (local != whole_.positions.end()) add_cut(static_cast<int>(local - whole_.positions.begin()));
      for (const SplitFigures& figures : splits_)
        if (figures.at == p) add_split(figures);
    }
    solve_whole();
    for (const SplitFigures& figures : splits_) solve_split(figures);
    list_stage_counts();
    choose();
    return std::move(table_);
  }

 private:
  Goal goal(int min_stages, int max_stages, double time_limit_s) const {
    const double left = std::chrono::duration<double>(deadline_ - Clock::now()).count();
    return {request_.latency_limit_s,
            request_.period_s,
            min_stages,
            max_stages,
            std::clamp(left, 0.0, time_limit_s),
            request_.stop};
  }

  bool keeps_latency(const Score& score) const { return score.latency_s <= request_.latency_limit_s; }

  // Better for the table: possible, within the latency, by the objective; on a tie the one with fewer devices.
  bool is_preferred(const Score& a, const Score& b) const {
    const bool possible_a = a.period_s < kInfinity, possible_b = b.period_s < kInfinity;
    if (possible_a != possible_b) return possible_a;
    if (keeps_latency(a) != keeps_latency(b)) return keeps_latency(a);
    const double x = objective_.value(a), y = objective_.value(b);
    if (is_better(objective_, x, y)) return true;
    if (is_better(objective_, y, x)) return false;
    if (a.devices != b.devices) return a.devices < b.devices;
    return a.latency_s < b.latency_s;
  }

  void add_single() {
    PlanParts best;
    for (int kind = 0; kind < static_cast<int>(whole_.problem.kinds.size()); ++kind)
      consider(whole_.problem, {{kind, 0, whole_.problem.last()}}, best);
    add_row(whole_, best);
  }

  // `p` is a position of the problem.
  void add_cut(int p) {
    const int kinds = static_cast<int>(whole_.problem.kinds.size());
    PlanParts best;
    for (int head = 0; head < kinds; ++head)
      for (int tail = 0; tail < kinds; ++tail)
        if (head != tail || whole_.problem.kinds[at(head)].count() > 1)
          consider(whole_.problem, {{head, 0, p}, {tail, p, whole_.problem.last()}}, best);
    if (!best.stages.empty()) add_row(whole_, best);
  }

  void consider(const Problem& problem, Stages stages, PlanParts& best) const {
    const Score score = evaluate(problem, stages, request_.period_s);
    if (!best.stages.empty() && !is_preferred(score, best.score)) return;
    best.stages = std::move(stages);
    best.score = score;
  }

  // True when nothing tells the shares apart, so that only who computes them matters, not which.
  static bool are_alike(const SplitFigures& figures) {
    const auto equal = [](const auto& row) {
      return std::adjacent_find(row.begin(), row.end(), std::not_equal_to<>()) == row.end();
    };
    return equal(figures.work) && equal(figures.sent_bytes) && equal(figures.memory_bytes) && equal(figures.seconds);
  }

  // Calls `use` with every way to give the shares to devices, one for each that differs.
  void for_each_head(const SplitFigures& figures, const std::function<void(const std::vector<int>&)>& use) {
    std::vector<int> used(whole_.problem.kinds.size()), kinds, devices;
    const bool alike = are_alike(figures);
    const std::function<void()> next = [&] {
      if (kinds.size() == static_cast<std::size_t>(figures.spec.ways)) {
        if (Clock::now() > deadline_) heads_left_out_ = true;
        else if (may_be_head(figures, devices)) use(devices);
        return;
      }
      for (int kind = alike && !kinds.empty() ? kinds.back() : 0; kind < static_cast<int>(used.size()); ++kind) {
        const DeviceKind& of = whole_.problem.kinds[at(kind)];
        if (used[at(kind)] == of.count()) continue;
        kinds.push_back(kind);
        devices.push_back(of.devices[at(used[at(kind)]++)]);
        next();
        --used[at(kind)];
        kinds.pop_back();
        devices.pop_back();
      }
    };
    next();
  }

  // Memory, and pins: whoever is pinned to the head is in it, whoever is pinned behind it is not.
  bool may_be_head(const SplitFigures& figures, const std::vector<int>& devices) const {
    for (std::size_t i = 0; i < devices.size(); ++i)
      if (figures.memory_bytes[i] > memory_limit(setting_, devices[i])) return false;
    for (const auto& [device, done] : numbers_.pinned) {
      const bool chosen = std::find(devices.begin(), devices.end(), device) != devices.end();
      const bool in_head = done[at(figures.at)] > 0, behind = done[at(figures.at)] < done.back();
      if ((in_head && !chosen) || (behind && chosen)) return false;
    }
    return true;
  }

  void add_split(const SplitFigures& figures) {
    PlanParts best;
    best.figures = &figures;
    for_each_head(figures, [&](const std::vector<int>& devices) {
      const Subproblem sub = problem_behind_split(setting_, numbers_, figures, devices);
      for (int kind = 0; kind < static_cast<int>(sub.problem.kinds.size()); ++kind) {
        const Stages stages{{kind, 0, sub.problem.last()}};
        const Score score = evaluate(sub.problem, stages, request_.period_s);
        if (best.stages.empty() || is_preferred(score, best.score)) best = {&figures, devices, stages, score, {}};
      }
    });
    if (best.stages.empty()) return;
    add_row(problem_behind_split(setting_, numbers_, figures, best.shares), best);
  }

  void solve_whole() {
    const Solution solution = objective_.solve(whole_.problem, goal(1, kMaxDevices, request_.time_limit_s));
    note_bound(solution);
    if (!solution.stages.empty()) add_if_new(whole_, {nullptr, {}, solution.stages, solution.score, {}});
  }

  // The tail behind a split head, cut again.
  void solve_split(const SplitFigures& figures) {
    for_each_head(figures, [&](const std::vector<int>& devices) {
      const Subproblem sub = problem_behind_split(setting_, numbers_, figures, devices);
      if (sub.problem.kinds.empty() || is_hopeless(sub.problem)) return;
      const Solution solution = objective_.solve(sub.problem, goal(1, kMaxDevices, request_.time_limit_s));
      note_bound(solution);
      const Plan* best = best_row();
      if (solution.stages.empty() || (best != nullptr && !is_preferred(solution.score, best->score))) return;
      add_if_new(sub, {&figures, devices, solution.stages, solution.score, {}});
    });
  }

  // True when the shares alone are worse than the best row.
  bool is_hopeless(const Problem& problem) const {
    const Plan* best = best_row();
    if (best == nullptr) return false;
    double longest = 0, joules = 0;
    for (const Share& share : problem.shares) {
      longest = std::max(longest, share.compute_s);
      joules += share.compute_s * share.compute_w;
    }
    const std::string_view name = objective_.name;
    if (name == "throughput") return longest > best->score.period_s;
    if (name == "latency") return longest > best->score.latency_s;
    return name == "energy" && joules > best->score.joules;
  }

  void note_bound(const Solution& solution) {
    const bool nothing = solution.stages.empty() && solution.optimal;
    if (nothing) return;
    all_proven_ = all_proven_ && solution.optimal;
    const double bound = solution.bound;
    if (!has_bound_ || (objective_.higher_is_better ? bound > bound_ : bound < bound_)) bound_ = bound;
    has_bound_ = true;
  }

  void list_stage_counts() {
    if (numbers_.positions.all.size() > kMaxListedPositions) return;
    const int most =
        std::min<int>({static_cast<int>(setting_.swarm.devices.size()), kMaxListedStages, whole_.problem.last()});
    for (int n = 3; n <= most; ++n) {
      const Solution solution = objective_.solve(whole_.problem, goal(n, n, kListedSeconds));
      if (!solution.stages.empty()) add_if_new(whole_, {nullptr, {}, solution.stages, solution.score, {}});
    }
  }

  void add_if_new(const Subproblem& sub, const PlanParts& found) {
    Plan plan = plan_of(setting_, numbers_, sub, found);
    const auto same = [&](const Plan& row) {
      return row.cut == plan.cut && row.split == plan.split && row.stages.size() == plan.stages.size() &&
             std::equal(row.stages.begin(), row.stages.end(), plan.stages.begin(),
                        [](const PlanStage& a, const PlanStage& b) {
                          return a.device == b.device && a.from == b.from && a.to == b.to;
                        });
    };
    if (std::none_of(table_.rows.begin(), table_.rows.end(), same)) table_.rows.push_back(std::move(plan));
  }

  void add_row(const Subproblem& sub, const PlanParts& found) {
    table_.rows.push_back(plan_of(setting_, numbers_, sub, found));
  }

  const Plan* best_row() const {
    const Plan* best = nullptr;
    for (const Plan& row : table_.rows)
      if (row.is_feasible() && (best == nullptr || is_preferred(row.score, best->score))) best = &row;
    return best;
  }

  void choose() {
    std::stable_sort(table_.rows.begin(), table_.rows.end(), [](const Plan& a, const Plan& b) {
      const auto rank = [](const Plan& p) {
        const bool listed = p.stages.size() - (p.split ? at(static_cast<int>(p.split->ways)) - 1 : 0) <= 2;
        return listed ? 0 : static_cast<int>(p.stages.size());
      };
      return rank(a) < rank(b);
    });
    table_.candidates = static_cast<int>(table_.rows.size());
    table_.feasible = static_cast<int>(
        std::count_if(table_.rows.begin(), table_.rows.end(), [](const Plan& row) { return row.is_feasible(); }));
    table_.every_cut = numbers_.every_cut;
    const Plan* best = best_row();
    if (best == nullptr) {
      double shortest_s = kInfinity;
      for (const Plan& row : table_.rows) shortest_s = std::min(shortest_s, row.score.latency_s);
      table_.reason = why_nothing_fits(setting_, numbers_, whole_.problem, shortest_s);
      return;
    }
    table_.chosen = static_cast<int>(best - table_.rows.data());
    Plan& chosen = table_.rows[at(table_.chosen)];
    const bool reached = has_bound_ && !is_better(objective_, bound_, chosen.value);
    const bool complete = numbers_.every_cut && !heads_left_out_;
    chosen.optimal = complete && ((all_proven_ && !request_.refuse_estimates) || reached);
    chosen.bound = chosen.optimal ? chosen.value : complete && has_bound_ ? bound_ : no_bound(objective_);
    if (!numbers_.every_cut && request_.splits.empty()) chosen.bound = loose_bound(setting_);
  }

  const Setting& setting_;
  const PlanRequest& request_;
  const ObjectiveDef& objective_;
  Clock::time_point deadline_;
  Numbers numbers_;
  Subproblem whole_;
  std::vector<SplitFigures> splits_;
  PlanTable table_;
  bool all_proven_ = true, has_bound_ = false, heads_left_out_ = false;
  double bound_ = 0;
};

}  // namespace

PlanTable partition(const Graph& graph, const Swarm& swarm, const CostTable& costs, const PlanRequest& request) {
  const Setting setting{graph, swarm, costs, request};
  return Partitioner(setting).run();
}

}  // namespace cleave
