// What the simulator runs: made from a plan, checked, and what it comes to at full load.
#include <algorithm>
#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "partitioner/simulate.h"

namespace cleave {

namespace {

std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }

double receive_s(const SimPlan& plan, int stage) {
  double seconds = plan.stages[at(stage)].entry_s;
  for (const SimStage& from : plan.stages)
    if (from.to == stage) seconds += from.send_s - from.lead_s;
  return seconds;
}

// Parts that come one after the other have their latencies at the same time: a receiver waits for the longest, which
// stays part of its sender's transfer; that of the others is their lead.
void keep_longest_latency(SimPlan& plan) {
  for (std::size_t to = 0; to < plan.stages.size(); ++to) {
    SimStage* longest = nullptr;
    for (SimStage& from : plan.stages)
      if (from.to == static_cast<int>(to) && (longest == nullptr || from.lead_s > longest->lead_s)) longest = &from;
    if (longest != nullptr) longest->lead_s = 0;
  }
}

// The source has one way out: the copies of the input that go to several shares come one after the other.
void queue_at_source(SimPlan& plan, const Plan& made, int source) {
  double latency = 0, seconds = 0;
  for (const PlanCut& cut : made.cuts) {
    if (cut.from >= 0) continue;
    latency = std::max(latency, cut.latency_s);
    seconds += cut.seconds.value - cut.latency_s;
  }
  for (const PlanCut& cut : made.cuts)
    if (cut.from < 0) plan.stages[at(cut.to)].entry_s = latency + seconds;
  for (std::size_t i = 0; i < made.stages.size(); ++i)
    if (made.stages[i].share >= 0 && made.stages[i].device == source) plan.stages[i].feed_s = latency + seconds;
}

}  // namespace

Jitter::Jitter(double variation, std::uint64_t seed, int stage, SimActivity activity)
    : sigma_(std::sqrt(std::log1p(variation * variation))),
      mean_(-sigma_ * sigma_ / 2),
      rng_(seed, kSimulateStream, static_cast<std::uint64_t>(stage) * 3 + static_cast<std::uint64_t>(activity)) {}

double Jitter::next() {
  if (sigma_ <= 0) return 1;
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2 * std::log(rng_.uniform()));  // Box and Muller 1958
  const double angle = 2 * std::numbers::pi * rng_.uniform();
  spare_ = std::exp(mean_ + sigma_ * radius * std::sin(angle));
  has_spare_ = true;
  return std::exp(mean_ + sigma_ * radius * std::cos(angle));
}

double busy_s(const SimPlan& plan, int stage) {
  const SimStage& data = plan.stages[at(stage)];
  const double in_s = receive_s(plan, stage);
  const double send_s = data.to < 0 ? 0 : data.send_s + data.feed_s;
  if (plan.model == SimModel::summed) return data.compute_s + in_s + send_s;
  if (plan.model == SimModel::gacoin) return std::max(data.compute_s + send_s, in_s);
  return std::max(data.compute_s, data.half_duplex ? in_s + send_s : std::max(in_s, send_s));
}

double full_load_period_s(const SimPlan& plan) {
  double period_s = 0;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) period_s = std::max(period_s, busy_s(plan, static_cast<int>(i)));
  return period_s;
}

int turns_ahead(const SimPlan& plan, int stage, double interval_s) {
  const SimStage& data = plan.stages[at(stage)];
  if (plan.model != SimModel::overlapped || !data.half_duplex || data.to < 0) return 0;
  const auto sends_here = [stage](const SimStage& from) { return from.to == stage; };
  if (data.entry_s <= 0 && std::none_of(plan.stages.begin(), plan.stages.end(), sends_here)) return 0;
  const double in_s = receive_s(plan, stage);
  const double period_s = std::max(full_load_period_s(plan), interval_s);
  return in_s + data.compute_s + data.send_s > period_s * (1 + 1e-12) ? 1 : 0;
}

SimModel sim_model(const CostModelDef& model) {
  const std::string name = model.name;
  if (name == "overlapped") return SimModel::overlapped;
  if (name == "summed") return SimModel::summed;
  if (name == "gacoin") return SimModel::gacoin;
  throw UserError(fmt::format("the simulator has no rules for the cost model {}", name));
}

SimPlan sim_plan(const Plan& plan, const Swarm& swarm, const CostModelDef& model, std::int64_t queue) {
  SimPlan made;
  made.model = sim_model(model);
  made.transfer_costs = model.transfer_costs;
  for (const PlanStage& stage : plan.stages) {
    const Device& device = swarm.devices[at(stage.device)];
    made.stages.push_back({.device = device.name,
                           .compute_s = stage.compute_s.value,
                           .queue = queue,
                           .idle_w = device.idle_w.value,
                           .compute_w = device.compute_w.value,
                           .battery_j = device.battery_j});
  }
  for (const PlanCut& cut : plan.cuts) {
    SimStage& to = made.stages[at(cut.to)];
    const int sender = cut.from < 0 ? swarm.source : plan.stages[at(cut.from)].device;
    const int receiver = plan.stages[at(cut.to)].device;
    const bool half_duplex = sender >= 0 && sender != receiver && swarm.links[at(sender)][at(receiver)].half_duplex;
    to.half_duplex = to.half_duplex || half_duplex;
    if (cut.from < 0) continue;
    SimStage& from = made.stages[at(cut.from)];
    from.to = cut.to;
    from.send_s += cut.seconds.value;
    from.half_duplex = from.half_duplex || half_duplex;
    from.lead_s += cut.latency_s;
  }
  queue_at_source(made, plan, swarm.source);
  keep_longest_latency(made);
  return made;
}

const char* check_simulation(const SimPlan& plan, const SimOptions& options) {
  const int stages = static_cast<int>(plan.stages.size());
  const auto is_time = [](double value) { return value >= 0 && value < kInfinity; };
  const auto is_power = is_time;
  if (stages == 0) return "there is no stage";
  for (int i = 0; i < stages; ++i) {
    const SimStage& stage = plan.stages[at(i)];
    if (i + 1 < stages ? stage.to <= i || stage.to >= stages : stage.to != -1)
      return "a stage does not send to a later one, or the last one sends";
    if (!is_time(stage.lead_s) || stage.lead_s > stage.send_s) return "a lead is not part of its transfer";
    if (!is_time(stage.compute_s) || !is_time(stage.entry_s) || !is_time(stage.send_s)) return "a time is not one";
    if (!is_power(stage.idle_w) || !is_power(stage.compute_w) || !(stage.battery_j > 0)) return "a power is not one";
    if (stage.queue < 1) return "a queue holds nothing";
    const bool receives =
        std::any_of(plan.stages.begin(), plan.stages.end(), [i](const SimStage& s) { return s.to == i; });
    if (stage.entry_s > 0 && receives) return "a stage has two sources";
    if (!is_time(stage.feed_s)) return "a time is not one";
    if (stage.feed_s > 0 && (receives || stage.entry_s > 0 || stage.to < 0)) return "a stage feeds others from afar";
  }
  if (options.frames < 1 || options.frames > kMaxSimFrames) return "so many frames cannot be simulated";
  if (!is_time(options.interval_s) || !is_time(options.jitter)) return "interval or jitter is not one";
  if (options.fail_stage >= stages || !is_time(options.fail_s)) return "what fails is not there";
  return "";
}

}  // namespace cleave
