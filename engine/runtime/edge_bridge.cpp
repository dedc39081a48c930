#include "engine/runtime/edge_bridge.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/runtime/worker.h"

namespace cleave {

namespace {

std::string device_of(const Assignment& assignment, int stage) {
  return stage == kOutside ? kCoordinator : assignment.device_of(stage);
}

}  // namespace

std::string edge_name(const Assignment& assignment, const Sharding& sharding, const ShardEdge& edge) {
  return fmt::format("{} -> {} {}", device_of(assignment, edge.from), device_of(assignment, edge.to),
                     sharding.graph.node(edge.node).name);
}

BridgeOptions edge_bridge(const Assignment& assignment, const Sharding& sharding, const ShardEdge& edge,
                          const EdgeEnd& end, bool is_sender) {
  BridgeOptions bridge;
  bridge.name = edge_name(assignment, sharding, edge);
  bridge.is_sender = is_sender;
  SessionOptions& session = bridge.session;
  session.edge = mix_ids(edge.id, assignment.run_key);
  session.plan_hash = sharding.plan_hash;
  session.device = end.device;
  session.peer = device_of(assignment, is_sender ? edge.to : edge.from);
  session.boot_id = end.boot_id;
  session.incarnation = end.incarnation;
  session.item_bytes = edge.item_bytes;
  session.most_items = assignment.batch;
  session.window_frames = assignment.window_frames;
  session.window_bytes = assignment.window_frames * (assignment.batch * edge.item_bytes + kMessageHeaderBytes);
  session.keep_frames = assignment.keep_frames;
  session.dead_s = assignment.dead_s;
  session.suspect_s = assignment.dead_s / 2;
  if (is_sender && edge.to != kOutside) {
    const auto pace = assignment.link_paces.find(session.peer);
    if (pace != assignment.link_paces.end()) bridge.pace = pace->second;
  }
  return bridge;
}

}  // namespace cleave
