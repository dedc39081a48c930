// Shards for people and for programs.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/runtime/shard.h"
#include "graphs/graph_text.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

std::string hash_text(const Sharding& sharding) {
  std::string text;
  for (const std::uint8_t byte : sharding.plan_hash) text += fmt::format("{:02x}", byte);
  return text;
}

std::string end_text(const Sharding& sharding, int stage) {
  if (stage == kOutside) return "the coordinator";
  return fmt::format("stage {} on {}", stage, sharding.shards[static_cast<std::size_t>(stage)].device);
}

// "  in   input  f32 3x32x32  12 288 B a sample  from the coordinator  edge 91bc…"
std::string edge_text(const Sharding& sharding, const ShardEdge& edge, bool in) {
  return fmt::format("  {}  {}  {}{}  {} B a sample  {} {}  edge {:016x}\n", in ? "in " : "out",
                     sharding.graph.node(edge.node).name, to_text(edge.type), edge.labels ? " + label" : "",
                     with_blanks(edge.item_bytes), in ? "from" : "to", end_text(sharding, in ? edge.from : edge.to),
                     edge.id);
}

std::string nodes_text(const Sharding& sharding, const Shard& shard) {
  if (shard.nodes.empty()) return "no nodes";
  const auto name = [&](NodeId id) { return sharding.graph.node(id).name; };
  if (shard.nodes.size() == 1) return fmt::format("1 node, {}", name(shard.nodes.front()));
  return fmt::format("{} nodes, {} .. {}", shard.nodes.size(), name(shard.nodes.front()), name(shard.nodes.back()));
}

std::int64_t held_bytes(const Graph& graph) {
  std::int64_t bytes = 0;
  for (const Node& node : graph.nodes) bytes += weight_bytes(node);
  return bytes;
}

Json json_of(const Sharding& sharding, const ShardEdge& edge) {
  Json json = {{"node", sharding.graph.node(edge.node).name},
               {"dtype", to_text(edge.type.dtype)},
               {"shape", edge.type.shape},
               {"labels", edge.labels},
               {"item_bytes", edge.item_bytes},
               {"id", fmt::format("{:016x}", edge.id)}};
  json["from"] = edge.from == kOutside ? Json() : Json(edge.from);
  json["to"] = edge.to == kOutside ? Json() : Json(edge.to);
  return json;
}

Json json_of(const Sharding& sharding, const std::vector<ShardEdge>& edges) {
  Json json = Json::array();
  for (const ShardEdge& edge : edges) json.push_back(json_of(sharding, edge));
  return json;
}

}  // namespace

std::string to_text(const Sharding& sharding) {
  std::string text =
      fmt::format("{}: {} stage{}, batches of {}, plan {}\n", sharding.graph.name, sharding.shards.size(),
                  sharding.shards.size() == 1 ? "" : "s", sharding.batch, hash_text(sharding));
  for (const Shard& shard : sharding.shards) {
    const std::int64_t weights = weight_count(shard.part.graph);
    text += fmt::format("stage {} on {}: {}; {} weights, {}\n", shard.stage, shard.device, nodes_text(sharding, shard),
                        with_blanks(weights), bytes_in_short(held_bytes(shard.part.graph)));
    for (const ShardEdge& edge : shard.in) text += edge_text(sharding, edge, true);
    for (const ShardEdge& edge : shard.out) text += edge_text(sharding, edge, false);
  }
  return text;
}

std::string shards_to_json(const Sharding& sharding) {
  Json shards = Json::array();
  for (const Shard& shard : sharding.shards) {
    Json nodes = Json::array();
    for (const NodeId node : shard.nodes) nodes.push_back(sharding.graph.node(node).name);
    shards.push_back({{"stage", shard.stage},
                      {"device", shard.device},
                      {"nodes", nodes},
                      {"weights", weight_count(shard.part.graph)},
                      {"weight_bytes", held_bytes(shard.part.graph)},
                      {"in", json_of(sharding, shard.in)},
                      {"out", json_of(sharding, shard.out)}});
  }
  const Json json = {{"name", sharding.graph.name},
                     {"plan_hash", hash_text(sharding)},
                     {"batch", sharding.batch},
                     {"shards", shards},
                     {"feeds", json_of(sharding, sharding.feeds)},
                     {"answers", json_of(sharding, sharding.answers)}};
  return json.dump(2) + "\n";
}

}  // namespace cleave
