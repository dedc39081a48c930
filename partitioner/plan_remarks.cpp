// What a reader of the table should not miss.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "partitioner/plan_text.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

constexpr double kBalanced = 0.9;  // at least so balanced counts as balanced

const Plan* argmax(const PlanTable& table, double (*value)(const Plan&)) {
  const Plan* best = nullptr;
  for (const Plan& row : table.rows)
    if (row.is_feasible() && row.stages.size() > 1 && (best == nullptr || value(row) > value(*best))) best = &row;
  return best;
}

void remark_performance(const PlanTable& table, std::vector<std::string>& remarks) {
  const Plan* by_p = argmax(table, [](const Plan& p) { return p.accuracy ? *p.accuracy / p.score.joules : -1; });
  const Plan* by_balance = argmax(table, [](const Plan& p) { return p.score.balance; });
  if (by_p == nullptr || !by_p->accuracy || by_p == by_balance) return;
  if (by_p->score.balance >= kBalanced) return;
  const auto name = [](const Plan& p) { return p.split ? fmt::format("{} in {} ways", p.cut, p.split->ways) : p.cut; };
  remarks.push_back(
      fmt::format("the largest P ({}, balance {:.2f}) is not the most balanced cut ({}, balance {:.2f}): P "
                  "counts joules, not how soon a battery is empty",
                  name(*by_p), by_p->score.balance, name(*by_balance), by_balance->score.balance));
}

void remark_single(const Setting& setting, const PlanTable& table, std::vector<std::string>& remarks) {
  const Plan& single = table.rows.front();
  if (table.chosen < 0 || !single.is_feasible() || table.plan().stages.size() < 2) return;
  const Plan& plan = table.plan();
  if (single.score.period_s < plan.score.period_s)
    remarks.push_back(fmt::format("'{}' alone would give more frames a second ({} against {})",
                                  setting.swarm.devices[at(single.stages[0].device)].name,
                                  short_number(1 / single.score.period_s), short_number(1 / plan.score.period_s)));
  if (single.score.latency_s < plan.score.latency_s)
    remarks.push_back(fmt::format("'{}' alone would answer a single frame sooner ({:.4g} ms against {:.4g} ms)",
                                  setting.swarm.devices[at(single.stages[0].device)].name, 1e3 * single.score.latency_s,
                                  1e3 * plan.score.latency_s));
}

// A stated placement may not be the best row.
void remark_better(const Setting& setting, const PlanTable& table, std::vector<std::string>& remarks) {
  if (table.chosen < 0) return;
  const Plan* best = &table.plan();
  for (const Plan& row : table.rows)
    if (row.is_feasible() && is_better(*setting.request.objective, row.value, best->value)) best = &row;
  if (best == &table.plan()) return;
  remarks.push_back(fmt::format("stated in placement.map; by {} the best would be {} on {}: {} {} against {}",
                                setting.request.objective->name, best->cut, cards_text(setting.swarm, *best),
                                short_number(best->value), setting.request.objective->unit,
                                short_number(table.plan().value)));
}

void remark_function(const PlanTable& table, std::vector<std::string>& remarks) {
  if (table.chosen < 0 || table.plan().accuracy_kept) return;
  const Plan& plan = table.plan();
  const Plan& whole = table.rows.front();
  const std::string known = plan.accuracy ? fmt::format("accuracy {:.4f}", *plan.accuracy) : "accuracy unknown";
  remarks.push_back(fmt::format("the plan's branches are another network, which needs weights of its own: {}{}", known,
                                whole.accuracy ? fmt::format(" instead of {:.4f}", *whole.accuracy) : ""));
}

// What multiply-adds say beside what clocks say (gacoin.md, "What follows for a planner", 3).
void remark_work(const PlanTable& table, std::vector<std::string>& remarks) {
  std::vector<std::string> names, work, seconds;
  for (const Plan& row : table.rows) {
    if (row.split || row.stages.size() != 2 || row.stages[0].compute_s.estimate || row.stages[1].compute_s.estimate)
      continue;
    const HeadShare share = head_share(table, row);
    names.push_back(row.cut);
    work.push_back(fmt::format("{:.0f}", 100 * share.work));
    seconds.push_back(fmt::format("{:.0f}", 100 * share.seconds));
  }
  if (names.empty() || names.size() > 6) return;
  remarks.push_back(fmt::format("heads up to {}: {} % of the multiply-adds, {} % of the measured time",
                                fmt::join(names, " / "), fmt::join(work, " / "), fmt::join(seconds, " / ")));
}

void remark_misfits(const PlanTable& table, std::vector<std::string>& remarks) {
  for (const Plan& row : table.rows)
    if (!row.is_feasible() && remarks.size() < 8)
      remarks.push_back(
          fmt::format("x {}{}: {}", row.cut, row.split ? fmt::format(":{}", row.split->ways) : "", row.misfit));
}

}  // namespace

std::vector<std::string> plan_remarks(const Setting& setting, const PlanTable& table) {
  std::vector<std::string> remarks;
  remark_misfits(table, remarks);
  if (setting.request.one_joule)
    remarks.emplace_back("no battery is stated: frames are those of one joule on every card");
  if (table.chosen >= 0 && setting.request.period_s > 0 &&
      table.plan().score.period_s > setting.request.period_s * (1 + 1e-9))
    remarks.push_back(
        fmt::format("the rate of {} frames/s is not reached", short_number(1 / setting.request.period_s)));
  remark_better(setting, table, remarks);
  remark_function(table, remarks);
  remark_performance(table, remarks);
  remark_single(setting, table, remarks);
  remark_work(table, remarks);
  if (!table.every_cut)
    remarks.push_back(
        fmt::format("the graph has more than {} ways to be cut in two: only cuts along the file's order were "
                    "looked at; placement.cuts.after narrows them",
                    kMaxPositions));
  const SumError error = largest_sum_error(setting.costs);
  if (error.row >= 0 && error.share >= 0.01)
    remarks.push_back(
        fmt::format("where sums of single layers stand in for a stage that was not measured as one, they may be "
                    "{:.0f} % off",
                    100 * error.share));
  return remarks;
}

}  // namespace cleave
