// One row explained: every term of every figure, with its source.
#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "graphs/graph_text.h"
#include "ops/core/catalog.h"
#include "partitioner/plan_text.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// The ways to name a row; the first of them is enough where it is the only one of that name.
std::vector<std::string> names_of_row(const Plan& plan) {
  if (!plan.split) return {plan.cut, plan.cut + ":1"};
  return {row_name(plan), fmt::format("{}:{}:{}", plan.cut, plan.split->kind, plan.split->ways)};
}

std::string ms(double seconds) { return fmt::format("{:.4g} ms", 1e3 * seconds); }

std::string mult_adds(std::int64_t work) {
  return fmt::format("{}multiply-adds",
                     work < 1000 ? fmt::format("{} ", work) : in_short(static_cast<double>(work)) + " ");
}

std::string device_line(const Device& device) {
  return fmt::format("{}: {} real, {} binary, computing {}, idle {}\n", device.name,
                     marked(device.real_flops, fmt::format("{:.3g} GFLOP/s", device.real_flops.value / 1e9)),
                     marked(device.binary_ops, fmt::format("{:.3g} Gop/s", device.binary_ops.value / 1e9)),
                     marked(device.compute_w, fmt::format("{:.3g} W", device.compute_w.value)),
                     marked(device.idle_w, fmt::format("{:.3g} W", device.idle_w.value)));
}

// A layer of a stage: its name, work and time. The join of a split head has none of its own.
struct LayerTime {
  std::string name;
  std::int64_t work = 0;
  Figure seconds;
};

std::vector<LayerTime> layers_of(const Setting& setting, const Graph& graph, const PlanStage& stage) {
  const std::vector<Figure>& seconds = setting.costs.seconds[at(setting.costs.row_of[at(stage.device)])];
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < setting.graph.nodes.size(); ++i) index[setting.graph.nodes[i].name] = i;
  std::vector<LayerTime> layers;
  for (const NodeId id : stage.nodes) {
    const Node& node = graph.node(id);
    const auto original = index.find(node.name);
    const bool joins = original == index.end() || node.op != setting.graph.nodes[original->second].op;
    if (!joins) layers.push_back({node.name, node.cost.mult_adds + node.cost.binary_ops, seconds[original->second]});
  }
  return layers;
}

// The layers that take most of a stage, where it is a sum.
std::string layer_lines(std::vector<LayerTime> layers) {
  std::stable_sort(layers.begin(), layers.end(),
                   [](const LayerTime& a, const LayerTime& b) { return a.seconds.value > b.seconds.value; });
  constexpr std::size_t kShown = 5;
  std::string text;
  double rest = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LayerTime& layer = layers[i];
    if (i >= kShown) rest += layer.seconds.value;
    else
      text += fmt::format("    {} {} ({}, {})\n", marked(layer.seconds, ms(layer.seconds.value)), layer.name,
                          mult_adds(layer.work), layer.seconds.estimate ? "estimated" : "measured");
  }
  if (layers.size() > kShown) text += fmt::format("    {} the other {} layers\n", ms(rest), layers.size() - kShown);
  return text;
}

std::string stage_lines(const Setting& setting, const Graph& graph, const Plan& plan, const PlanStage& stage) {
  const Device& device = setting.swarm.devices[at(stage.device)];
  const std::string text = fmt::format("  {} computes {}, {}", device.name,
                                       marked(stage.compute_s, ms(stage.compute_s.value)), mult_adds(stage.work));
  if (stage.share >= 0)
    return text + fmt::format(": share {} of {} ({})\n", stage.share + 1, plan.split->ways,
                              stage.compute_s.estimate ? "estimated from the head's time by its multiply-adds and bytes"
                                                       : "measured");
  const std::vector<LayerTime> layers = layers_of(setting, graph, stage);
  double sum = 0;
  for (const LayerTime& layer : layers) sum += layer.seconds.value;
  if (std::abs(sum - stage.compute_s.value) > 1e-9 * sum)
    return text + fmt::format(": measured as one (the sum of its layers would be {})\n", ms(sum));
  return text + fmt::format(": the sum of {} layers\n", layers.size()) + layer_lines(layers);
}

std::string cut_line(const Setting& setting, const Plan& plan, const PlanCut& cut) {
  const Swarm& swarm = setting.swarm;
  const int a = cut.from < 0 ? swarm.source : plan.stages[at(cut.from)].device;
  const int b = plan.stages[at(cut.to)].device;
  const Link& link = swarm.links[at(a)][at(b)];
  return fmt::format("  {} sends {} {}: {} latency + {} × 8 / {} = {}\n", swarm.devices[at(a)].name,
                     swarm.devices[at(b)].name, fmt::format("{} bytes", with_blanks(cut.bytes)),
                     marked(link.latency_s, ms(link.latency_s.value)), with_blanks(cut.bytes),
                     marked(link.bandwidth_bps, fmt::format("{:.4g} Mbit/s", link.bandwidth_bps.value / 1e6)),
                     marked(cut.seconds, ms(cut.seconds.value)));
}

std::string score_lines(const Setting& setting, const Plan& plan) {
  const Score& score = plan.score;
  const bool waits = setting.request.period_s > 0 && score.period_s <= setting.request.period_s;
  std::string text = fmt::format("period   {}: {} ({}: {})\n", ms(score.period_s),
                                 waits ? "the fixed rate" : "the longest a device or a link is busy with a frame",
                                 setting.request.model->name, setting.request.model->doc);
  text += fmt::format("latency  {}: what one frame meets on its way\n", ms(score.latency_s));
  text += fmt::format("joules   {:.4g}: computing power × computing time, all cards{}\n", score.joules,
                      setting.request.model->transfer_costs ? ", and idle power × sending time" : "");
  if (plan.accuracy)
    text += fmt::format("P        {:.4f} = accuracy {:.4f} / {:.4g} J\n", *plan.accuracy / score.joules, *plan.accuracy,
                        score.joules);
  else
    text += plan.accuracy_kept ? "P        unknown: state placement.accuracy\n"
                               : "P        unknown: a split into branches is another network; train it and state its "
                                 "accuracy in placement.accuracy\n";
  double most = 0;
  const PlanStage* worst = &plan.stages.front();
  for (const PlanStage& stage : plan.stages) {
    const double joules =
        stage.joules + setting.swarm.devices[at(stage.device)].idle_w.value * (score.period_s - stage.compute_s.value);
    if (joules > most) most = joules, worst = &stage;
  }
  const Device& device = setting.swarm.devices[at(worst->device)];
  text += fmt::format("N        {:.4f} = 1 / ({:.4g} W × {} + {:.4g} W × {}) on {}, whose battery a frame costs most\n",
                      plan.frames_per_joule, device.compute_w.value, ms(worst->compute_s.value), device.idle_w.value,
                      ms(score.period_s - worst->compute_s.value), device.name);
  return text;
}

}  // namespace

std::string row_name(const Plan& plan) {
  return plan.split ? fmt::format("{}:{}", plan.cut, plan.split->ways) : plan.cut;
}

const Plan& find_row(const PlanTable& table, const std::string& name) {
  std::vector<std::string> known;
  for (const Plan& row : table.rows) {
    const std::vector<std::string> names = names_of_row(row);
    if (std::find(names.begin(), names.end(), name) != names.end()) return row;
    known.push_back(names.back().ends_with(":1") ? names.front() : names.back());
    if (row.split) known.push_back(names.front());
  }
  const std::string near = closest_name(name, known);
  throw UserError(near.empty() ? fmt::format("no row '{}'; the rows: {}", name, some_of(known))
                               : fmt::format("no row '{}'; did you mean '{}'?", name, near));
}

std::string plan_why(const Setting& setting, const PlanTable& table, const std::string& row) {
  Plan plan = find_row(table, row);
  name_nodes(setting, plan);
  std::string text =
      fmt::format("{}: {} on {}\n\n", setting.graph.name, row_name(plan), cards_text(setting.swarm, plan));
  if (!plan.is_feasible()) text += fmt::format("It may not be chosen: {}\n\n", plan.misfit);
  const Graph graph = graph_of_plan(setting.graph, plan);
  for (const PlanStage& stage : plan.stages) text += stage_lines(setting, graph, plan, stage);
  for (const PlanCut& cut : plan.cuts) text += cut_line(setting, plan, cut);
  if (plan.split) text += fmt::format("  the parts arrive one after the other: {}\n", ms(link_seconds(plan).value));
  if (plan.score.period_s < kInfinity) text += "\n" + wrapped(score_lines(setting, plan), 100);
  text += "\nfigures of the cards (~ = estimate):\n";
  std::vector<int> told;
  for (const PlanStage& stage : plan.stages)
    if (std::find(told.begin(), told.end(), stage.device) == told.end()) {
      told.push_back(stage.device);
      text += "  " + device_line(setting.swarm.devices[at(stage.device)]);
    }
  return text;
}

}  // namespace cleave
