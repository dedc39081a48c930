#include "engine/runtime/assignment.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cleave {

namespace {

using Json = nlohmann::json;

Json json_of(const std::vector<NodeId>& nodes) {
  Json list = Json::array();
  for (const NodeId node : nodes) list.push_back(static_cast<std::int32_t>(node));
  return list;
}

std::vector<NodeId> nodes_of(const Json& list) {
  std::vector<NodeId> nodes;
  for (const Json& node : list) nodes.push_back(NodeId{node.get<std::int32_t>()});
  return nodes;
}

Json json_of(const Plan& plan) {
  Json json{{"stages", Json::array()}, {"cuts", Json::array()}};
  if (plan.split)
    json["split"] = {
        {"kind", plan.split->kind}, {"ways", plan.split->ways}, {"to", static_cast<std::int32_t>(plan.split->to)}};
  for (const PlanStage& stage : plan.stages)
    json["stages"].push_back({{"device", stage.device}, {"share", stage.share}, {"nodes", json_of(stage.nodes)}});
  for (const PlanCut& cut : plan.cuts)
    json["cuts"].push_back(
        {{"from", cut.from}, {"to", cut.to}, {"tensors", json_of(cut.tensors)}, {"bytes", cut.bytes}});
  return json;
}

Plan plan_from(const Json& json) {
  Plan plan;
  if (json.contains("split")) {
    const Json& split = json.at("split");
    plan.split = SplitSpec{split.at("kind"), split.at("ways"), NodeId{split.at("to").get<std::int32_t>()}};
  }
  for (const Json& stage : json.at("stages")) {
    PlanStage to;
    to.device = stage.at("device");
    to.share = stage.at("share");
    to.nodes = nodes_of(stage.at("nodes"));
    plan.stages.push_back(to);
  }
  for (const Json& cut : json.at("cuts")) {
    PlanCut to;
    to.from = cut.at("from");
    to.to = cut.at("to");
    to.tensors = nodes_of(cut.at("tensors"));
    to.bytes = cut.at("bytes");
    plan.cuts.push_back(to);
  }
  return plan;
}

Assignment assignment_from(const Json& json) {
  Assignment a;
  a.run = json.at("run");
  a.run_key = json.at("run_key");
  a.mode = json.at("mode");
  a.plan = plan_from(json.at("plan"));
  a.devices = json.at("devices").get<std::vector<std::string>>();
  a.stage = json.at("stage");
  a.incarnation = json.at("incarnation");
  a.addresses = json.at("addresses").get<std::map<std::string, std::string>>();
  a.wanted = json.at("wanted").get<std::vector<std::string>>();
  a.batch = json.at("batch");
  a.in_flight = json.at("in_flight");
  a.window_frames = json.at("window_frames");
  a.keep_frames = json.at("keep_frames");
  a.threads = json.at("threads");
  a.weights_hash = json.at("weights_hash");
  a.first = json.at("first");
  a.dead_s = json.at("dead_s");
  a.pace_s = json.at("pace_s");
  a.pace_step_s = json.at("pace_step_s");
  for (const auto& [device, pace] : json.at("link_paces").items())
    a.link_paces[device] = {pace.at("bandwidth_bps"), pace.at("latency_s")};
  a.training = json.at("training");
  a.states = json.at("states");
  return a;
}

// What a worker relies on and JSON cannot say.
bool is_sound(const Assignment& a) {
  constexpr std::int64_t kMost = std::int64_t{1} << 20;
  const auto stages = static_cast<int>(a.plan.stages.size());
  const auto in_range = [](std::int64_t value) { return value >= 1 && value <= kMost; };
  if (a.stage < 0 || a.stage >= stages) return false;
  for (const PlanStage& stage : a.plan.stages)
    if (stage.device < 0 || static_cast<std::size_t>(stage.device) >= a.devices.size()) return false;
  if (!in_range(a.batch) || !in_range(a.in_flight) || !in_range(a.keep_frames) || !in_range(a.window_frames) ||
      !in_range(a.threads))
    return false;
  if (!(a.dead_s > 0) || !(a.pace_s >= 0) || a.states < 0) return false;
  for (const PlanCut& cut : a.plan.cuts)
    if (cut.from < -1 || cut.from >= stages || cut.to < 0 || cut.to >= stages) return false;
  return true;
}

}  // namespace

std::string to_json(const Assignment& a) {
  Json paces = Json::object();
  for (const auto& [device, pace] : a.link_paces)
    paces[device] = {{"bandwidth_bps", pace.bandwidth_bps}, {"latency_s", pace.latency_s}};
  const Json json{{"run", a.run},
                  {"run_key", a.run_key},
                  {"mode", a.mode},
                  {"plan", json_of(a.plan)},
                  {"devices", a.devices},
                  {"stage", a.stage},
                  {"incarnation", a.incarnation},
                  {"addresses", a.addresses},
                  {"wanted", a.wanted},
                  {"batch", a.batch},
                  {"in_flight", a.in_flight},
                  {"window_frames", a.window_frames},
                  {"keep_frames", a.keep_frames},
                  {"threads", a.threads},
                  {"weights_hash", a.weights_hash},
                  {"first", a.first},
                  {"dead_s", a.dead_s},
                  {"pace_s", a.pace_s},
                  {"pace_step_s", a.pace_step_s},
                  {"link_paces", paces},
                  {"training", a.training},
                  {"states", a.states}};
  return json.dump();
}

Assignment parse_assignment(std::string_view json) {
  try {
    Assignment assignment = assignment_from(Json::parse(json));
    if (is_sound(assignment)) return assignment;
  } catch (const Json::exception&) {}
  throw RunError("the coordinator's assignment cannot be read; are both ends the same version of cleave?");
}

}  // namespace cleave
