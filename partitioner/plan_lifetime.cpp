// How long the swarm lasts with the table's cuts: one plan, plans that rotate, taking turns.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "partitioner/gacoin.h"
#include "partitioner/plan_text.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

double stage_s(const Setting& setting, const Numbers& numbers, const PlanStage& stage, int device) {
  const std::size_t row = at(setting.costs.row_of[at(device)]);
  const auto measured = numbers.measured_s[row].find({stage.from, stage.to});
  if (measured != numbers.measured_s[row].end()) return measured->second;
  return numbers.done_s[row][at(stage.to)] - numbers.done_s[row][at(stage.from)];
}

// Nobody is pinned and nobody holds the data: roles can only rotate among devices that may take any of them.
struct Rotating {
  Swarm swarm;
  PlanRequest request;
  Setting setting;
  Numbers numbers;
  std::vector<DeviceKind> kinds;
  std::vector<double> whole_s;  // [kind]

  explicit Rotating(const Setting& all)
      : swarm(all.swarm), request(all.request), setting{all.graph, swarm, all.costs, request} {
    swarm.source = -1;
    request.pins.clear();
    numbers = numbers_of(setting);
    kinds = problem_behind(setting, numbers, 0, std::vector<bool>(swarm.devices.size())).problem.kinds;
    PlanStage whole;
    whole.to = static_cast<int>(numbers.positions.all.size()) - 1;
    const double held = numbers.held_bytes.back() + numbers.in_bytes.front() + numbers.out_bytes.back();
    for (const DeviceKind& kind : kinds)
      whole_s.push_back(held <= kind.memory_bytes ? stage_s(setting, numbers, whole, kind.devices.front()) : kInfinity);
  }
  Rotating(const Rotating&) = delete;
  Rotating& operator=(const Rotating&) = delete;
};

int kind_of(const std::vector<DeviceKind>& kinds, int device) {
  const auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const DeviceKind& k) {
    return std::find(k.devices.begin(), k.devices.end(), device) != k.devices.end();
  });
  return static_cast<int>(kind - kinds.begin());
}

RoleCut role_cut(const Rotating& all, const Plan& plan) {
  const Setting& setting = all.setting;
  RoleCut cut;
  cut.name = plan.split ? fmt::format("{}:{}", plan.cut, plan.split->ways) : plan.cut;
  SplitFigures figures;
  if (plan.split) figures = split_figures(setting, all.numbers, *plan.split);
  for (const PlanStage& stage : plan.stages) {
    std::vector<double>& seconds = cut.compute_s.emplace_back();
    cut.stated.push_back(kind_of(all.kinds, stage.device));
    for (const DeviceKind& kind : all.kinds) {
      const int device = kind.devices.front();
      const bool fits = stage.memory_bytes <= memory_limit(setting, device);
      const double own = stage.share < 0 ? stage_s(setting, all.numbers, stage, device)
                                         : figures.seconds[at(stage.share)][at(setting.costs.row_of[at(device)])].value;
      seconds.push_back(fits ? own : kInfinity);
    }
  }
  cut.link_s = std::max(0.0, link_seconds(plan).value);
  return cut;
}

std::string relay_line(const Rotating& all) {
  const std::vector<DeviceKind>& kinds = all.kinds;
  if (kinds.size() != 1 || kinds[0].count() < 2 || all.whole_s[0] == kInfinity || all.request.period_s > 0) return "";
  std::vector<std::string> parts;
  for (int n = 2; n <= std::min(kinds[0].count(), 4); ++n)
    parts.push_back(
        fmt::format("{} cards N = {}", n,
                    short_number(frames_relayed(n, 1, kinds[0].compute_w, kinds[0].standby_w, all.whole_s[0]))));
  return fmt::format("relay instead of sharing: {}\n", fmt::join(parts, ", "));
}

Lifetime lifetime_with(const Rotating& all, const PlanTable& table) {
  std::vector<RoleCut> cuts;
  for (const Plan& plan : table.rows)
    if (plan.stages.size() > 1 && plan.is_feasible()) cuts.push_back(role_cut(all, plan));
  return lifetime_of(all.kinds, all.whole_s, cuts, all.request.period_s);
}

}  // namespace

Lifetime table_lifetime(const Setting& setting, const PlanTable& table) {
  return lifetime_with(Rotating(setting), table);
}

std::string lifetime_text(const Setting& setting, const PlanTable& table) {
  if (!setting.request.model->separable)
    return fmt::format("rotation and taking turns are not counted under the cost model {}\n",
                       setting.request.model->name);
  const Rotating all(setting);
  const bool bound_roles = !setting.request.pins.empty() || setting.swarm.source >= 0;
  return relay_line(all) + (bound_roles ? "if any device could take any part (pins and data.at left aside):\n" : "") +
         to_text(lifetime_with(all, table));
}

}  // namespace cleave
