#include "partitioner/make_plan.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ops/core/catalog.h"
#include "partitioner/infeasible.h"

namespace cleave {

namespace {

constexpr const char* kPinnedElsewhere = "a pinned layer would run elsewhere";

std::size_t at(int index) { return static_cast<std::size_t>(index); }

PlanStage share_stage(const Setting& setting, const SplitFigures& figures, std::size_t i, int device) {
  PlanStage stage;
  stage.device = device;
  stage.share = static_cast<int>(i);
  stage.to = figures.at;
  stage.compute_s = figures.seconds[i][at(setting.costs.row_of[at(stage.device)])];
  stage.work = figures.work[i];
  stage.memory_bytes = figures.memory_bytes[i];
  return stage;
}

PlanStage stage_of(const Setting& setting, const Numbers& numbers, const Subproblem& sub, const Stage& stage,
                   int device) {
  PlanStage named;
  named.device = device;
  named.from = sub.positions[at(stage.from)];
  named.to = sub.positions[at(stage.to)];
  const std::size_t row = at(setting.costs.row_of[at(device)]);
  const bool measured = sub.problem.measured_s[at(stage.kind)].count({stage.from, stage.to}) > 0;
  const std::vector<int>& estimates = numbers.estimates[row];
  named.compute_s = {compute_s(sub.problem, stage), !measured && estimates[at(named.to)] > estimates[at(named.from)]};
  named.work = static_cast<std::int64_t>(numbers.work[at(named.to)] - numbers.work[at(named.from)]);
  named.memory_bytes = static_cast<std::int64_t>(memory_bytes(sub.problem, stage));
  return named;
}

void add_cuts(const Setting& setting, const Numbers& numbers, const Subproblem& sub, const PlanParts& found,
              Plan& plan) {
  const Swarm& swarm = setting.swarm;
  const int shares = static_cast<int>(found.shares.size());
  const auto add = [&](int from, int to, double bytes) {
    const int a = from < 0 ? swarm.source : plan.stages[at(from)].device;
    const int b = plan.stages[at(to)].device;
    if (a < 0 || a == b) return;
    const Link& link = swarm.links[at(a)][at(b)];
    plan.cuts.push_back({from,
                         to,
                         {},
                         static_cast<std::int64_t>(bytes),
                         {link_s(swarm, a, b, bytes), link.bandwidth_bps.estimate || link.latency_s.estimate},
                         link.latency_s.value});
  };
  for (int i = 0; i < std::max(shares, 1); ++i) add(-1, i, numbers.sent_bytes[0]);
  for (int i = 0; i < shares; ++i) add(i, shares, static_cast<double>(found.figures->sent_bytes[at(i)]));
  for (int i = shares + 1; i < static_cast<int>(plan.stages.size()); ++i)
    add(i - 1, i, sub.problem.sent_bytes[at(found.stages[at(i - shares)].from)]);
}

void add_accuracy(const Setting& setting, const PlanParts& found, Plan& plan) {
  const bool exact = found.figures == nullptr || find(split_catalog(), found.figures->spec.kind)->exact;
  plan.accuracy_kept = exact;
  if (!exact) {
    const auto own = setting.request.accuracy.find({found.figures->spec.to, found.figures->spec.ways});
    if (own != setting.request.accuracy.end()) plan.accuracy = own->second;
    return;
  }
  // The function is that of the network in one piece, whose accuracy every cut in one way states; all must agree.
  bool agree = true;
  for (const auto& [cut, accuracy] : setting.request.accuracy)
    if (cut.second == 1) {
      agree = agree && (!plan.accuracy || *plan.accuracy == accuracy);
      plan.accuracy = accuracy;
    }
  if (!agree) plan.accuracy.reset();
}

// Of a split head: memory, and pins: whoever is pinned to the head is in it, whoever is pinned behind it is not.
std::string share_misfit(const Setting& setting, const Numbers& numbers, const PlanParts& found) {
  if (found.figures == nullptr) return "";
  for (std::size_t i = 0; i < found.shares.size(); ++i)
    if (const std::int64_t limit = memory_limit(setting, found.shares[i]); found.figures->memory_bytes[i] > limit)
      return memory_misfit(setting, found.shares[i], static_cast<double>(found.figures->memory_bytes[i]),
                           static_cast<double>(limit));
  for (const auto& [device, done] : numbers.pinned) {
    const bool chosen = std::find(found.shares.begin(), found.shares.end(), device) != found.shares.end();
    const bool in_head = done[at(found.figures->at)] > 0, behind = done[at(found.figures->at)] < done.back();
    if ((in_head && !chosen) || (behind && chosen)) return kPinnedElsewhere;
  }
  return "";
}

std::string misfit_of(const Setting& setting, const Numbers& numbers, const Subproblem& sub, const PlanParts& found) {
  if (std::string misfit = share_misfit(setting, numbers, found); !misfit.empty()) return misfit;
  for (std::size_t i = 0; i < found.stages.size(); ++i) {
    const Stage& stage = found.stages[i];
    const DeviceKind& kind = sub.problem.kinds[at(stage.kind)];
    const int device = found.devices.empty() ? kind.devices.front() : found.devices[i];
    const double needed = memory_bytes(sub.problem, stage);
    if (needed > kind.memory_bytes) return memory_misfit(setting, device, needed, kind.memory_bytes);
    if (!is_allowed(sub.problem, stage)) return kPinnedElsewhere;
  }
  if (found.score.period_s == kInfinity) return "there is no path between its devices";
  if (found.score.latency_s > setting.request.latency_limit_s)
    return fmt::format("latency {:.4g} ms is over the limit of {:.4g} ms", 1e3 * found.score.latency_s,
                       1e3 * setting.request.latency_limit_s);
  return "";
}

}  // namespace

Plan plan_of(const Setting& setting, const Numbers& numbers, const Subproblem& sub, const PlanParts& found) {
  Plan plan;
  plan.score = found.score;
  plan.value = setting.request.objective->value(found.score);
  if (found.figures != nullptr) {
    plan.split = found.figures->spec;
    for (std::size_t i = 0; i < found.shares.size(); ++i)
      plan.stages.push_back(share_stage(setting, *found.figures, i, found.shares[i]));
  }
  std::vector<std::size_t> used(sub.problem.kinds.size());
  for (std::size_t i = 0; i < found.stages.size(); ++i) {
    const Stage& stage = found.stages[i];
    const int free =
        found.devices.empty() ? sub.problem.kinds[at(stage.kind)].devices[used[at(stage.kind)]++] : found.devices[i];
    plan.stages.push_back(stage_of(setting, numbers, sub, stage, free));
  }
  plan.cut = cut_name(numbers, plan);
  double most = 0;
  for (PlanStage& stage : plan.stages) {
    const Device& device = setting.swarm.devices[at(stage.device)];
    stage.joules = device.compute_w.value * stage.compute_s.value;
    stage.memory_limit_bytes = memory_limit(setting, stage.device);
    most = std::max(most, stage.joules + device.idle_w.value * (plan.score.period_s - stage.compute_s.value));
  }
  plan.frames_per_joule = most > 0 ? 1 / most : 0;
  plan.misfit = misfit_of(setting, numbers, sub, found);
  for (const PlanStage& stage : plan.stages)
    if (plan.misfit.empty() && setting.request.refuse_estimates && stage.compute_s.estimate)
      plan.misfit = fmt::format("its stage on '{}' was not measured, and placement.costs.else is refuse",
                                setting.swarm.devices[at(stage.device)].name);
  add_cuts(setting, numbers, sub, found, plan);
  add_accuracy(setting, found, plan);
  return plan;
}

std::string cut_name(const Numbers& numbers, const Plan& plan) {
  std::vector<std::string> names;
  for (std::size_t i = 1; i < plan.stages.size(); ++i)
    if (plan.stages[i].share < 0) names.push_back(numbers.positions.all[at(plan.stages[i].from)].name);
  return names.empty() ? "-" : fmt::format("{}", fmt::join(names, " + "));
}

void name_positions(const Setting& setting, Numbers& numbers) {
  std::map<std::string, std::string> renamed;
  for (const auto& [node, name] : setting.request.names) renamed[setting.graph.node(node).name] = name;
  for (Position& position : numbers.positions.all)
    if (const auto name = renamed.find(position.name); name != renamed.end()) position.name = name->second;
}

}  // namespace cleave
