// From a plan to what each device runs.
//
// The plan says which nodes a stage computes and which tensors travel between two stages; here each such tensor becomes
// an edge, and each stage the part of the graph it needs, with a node to be filled for every edge that comes in and one
// to be sent for every edge that goes out. The coordinator is one end of two more sorts: it feeds the network's input
// to every stage that nobody stands before, and takes the outputs wanted from whoever computes them.
//
// The hash of the plan is over names and sizes in text, never over memory, so that it is the same on every machine.
#include "engine/runtime/shard.h"

#include <algorithm>
#include <cassert>

#include <fmt/format.h>

#include "engine/net/sha256.h"
#include "graphs/graph_text.h"
#include "graphs/passes.h"
#include "graphs/weights_file.h"
#include "ops/core/catalog.h"
#include "partitioner/training_plan.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }
NodeId id_of(std::size_t index) { return NodeId{static_cast<std::int32_t>(index)}; }

// The graph as the plan has it; without a split itself, no shares.
SplitGraph split_of(const Graph& graph, const Plan& plan) {
  if (plan.split) return find(split_catalog(), plan.split->kind)->split(graph, plan.split->to, plan.split->ways);
  SplitGraph whole{graph, std::vector<int>(graph.nodes.size(), -1), NodeId::none, {}, {}, {}};
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) whole.origin.push_back(id_of(i));
  return whole;
}

Weights weights_of(const Graph& graph, const Plan& plan, const SplitGraph& split, const Weights& weights) {
  if (!plan.split || weights.empty()) return weights;
  return find(split_catalog(), plan.split->kind)->weights(graph, split, weights);
}

// Stages that no other one sends to.
bool is_fed(const Plan& plan, std::size_t stage) {
  return std::none_of(plan.cuts.begin(), plan.cuts.end(),
                      [&](const PlanCut& cut) { return cut.from >= 0 && at(cut.to) == stage; });
}

// The node of the split graph that gives all of what `node` gave before the split.
NodeId whole_node(const Graph& graph, const SplitGraph& split, NodeId node) {
  for (std::size_t i = 0; i < split.origin.size(); ++i)
    if (split.origin[i] == node && split.share_of[i] < 0) return id_of(i);
  throw UserError(
      fmt::format("the output of '{}' cannot be had: the plan's shares compute it in parts; ask for one "
                  "behind '{}', or plan without a split",
                  graph.node(node).name, split.graph.node(split.join).name));
}

class Edges {
 public:
  Edges(const Graph& graph, const Plan& plan, const SplitGraph& split, bool labels)
      : graph_(graph), plan_(plan), split_(split), labels_(labels) {}

  ShardEdge edge(int from, int to, NodeId node) const {
    const Node& source = split_.graph.node(node);
    ShardEdge made{from, to, node, source.type, labels_, 0, 0};
    if (made.type.dtype == DType::i8)
      throw UserError(
          fmt::format("'{}' cannot be sent as i8: it needs a calibrated scale; f16 and bit can be sent", source.name));
    made.item_bytes = byte_count(made.type.dtype, element_count(made.type.shape)) + (labels_ ? kLabelBytes : 0);
    return made;
  }

  std::vector<ShardEdge> feeds() const {
    std::vector<ShardEdge> edges;
    for (std::size_t stage = 0; stage < plan_.stages.size(); ++stage)
      if (is_fed(plan_, stage)) edges.push_back(edge(kOutside, static_cast<int>(stage), NodeId{0}));
    return edges;
  }

  std::vector<ShardEdge> between() const {
    std::vector<ShardEdge> edges;
    for (const PlanCut& cut : plan_.cuts)
      for (const NodeId node : cut.tensors)
        if (cut.from >= 0) edges.push_back(edge(cut.from, cut.to, node));
    return edges;
  }

  std::vector<ShardEdge> answers(const std::vector<NodeId>& wanted) const {
    std::vector<ShardEdge> edges;
    for (const NodeId as_built : wanted) {
      if (as_built == NodeId{0}) continue;
      const NodeId node = whole_node(graph_, split_, as_built);
      const bool twice =
          std::any_of(edges.begin(), edges.end(), [&](const ShardEdge& other) { return other.node == node; });
      if (!twice) edges.push_back(edge(stage_of(node), kOutside, node));
    }
    return edges;
  }

 private:
  int stage_of(NodeId node) const {
    for (std::size_t stage = 0; stage < plan_.stages.size(); ++stage) {
      const std::vector<NodeId>& nodes = plan_.stages[stage].nodes;
      if (std::binary_search(nodes.begin(), nodes.end(), node)) return static_cast<int>(stage);
    }
    assert(false);
    return kOutside;
  }

  const Graph& graph_;
  const Plan& plan_;
  const SplitGraph& split_;
  bool labels_;
};

// Stages of training hold whole modules, and hand on the body of the last one.
void check_modules(const Graph& graph, const Plan& plan, const std::vector<std::string>& devices) {
  std::vector<int> stage_of(graph.modules.size(), kOutside);
  for (std::size_t stage = 0; stage < plan.stages.size(); ++stage)
    for (const NodeId node : plan.stages[stage].nodes) {
      int& known = stage_of[index_of(graph.node(node).module)];
      if (known == kOutside) known = static_cast<int>(stage);
      if (known == static_cast<int>(stage)) continue;
      throw UserError(fmt::format("module '{}' is placed on '{}' and '{}': training needs each module on one device",
                                  graph.module(graph.node(node).module).name,
                                  devices[at(plan.stages[at(known)].device)], devices[at(plan.stages[stage].device)]));
    }
}

std::string edge_text(const Graph& graph, const ShardEdge& edge) {
  return fmt::format("edge {} {} {} {} {}\n", edge.from, edge.to, graph.node(edge.node).name, to_text(edge.type),
                     edge.item_bytes);
}

std::array<std::uint8_t, 32> hash_of(const std::string& text) { return sha256(std::as_bytes(std::span(text))); }

void set_ids(const Sharding& sharding, std::vector<ShardEdge>& edges) {
  const std::string plan(sharding.plan_hash.begin(), sharding.plan_hash.end());
  for (ShardEdge& edge : edges) {
    const auto hash = hash_of(plan + fmt::format("{} {} {}", edge.from, edge.to, sharding.graph.node(edge.node).name));
    for (std::size_t i = 0; i < sizeof edge.id; ++i) edge.id |= std::uint64_t{hash[i]} << (8 * i);
  }
}

// Hashes all that is known by now, and names the edges by it.
void seal(const Plan& plan, const std::vector<std::string>& devices, Sharding& sharding,
          std::vector<ShardEdge>& between) {
  std::string text = graph_to_json(sharding.graph) + fmt::format("batch {}\n", sharding.batch);
  for (const PlanStage& stage : plan.stages) {
    text += fmt::format("stage {}:", devices[at(stage.device)]);
    for (const NodeId node : stage.nodes) text += " " + sharding.graph.node(node).name;
    text += "\n";
  }
  for (const std::vector<ShardEdge>* edges : {&sharding.feeds, &between, &sharding.answers})
    for (const ShardEdge& edge : *edges) text += edge_text(sharding.graph, edge);
  sharding.plan_hash = hash_of(text);
  for (std::vector<ShardEdge>* edges : {&sharding.feeds, &between, &sharding.answers}) set_ids(sharding, *edges);
}

Shard shard_of(const Graph& graph, const Weights& weights, const PlanStage& stage, std::vector<ShardEdge> in,
               std::vector<ShardEdge> out) {
  Shard shard;
  shard.nodes = stage.nodes;
  std::sort(in.begin(), in.end(), [](const ShardEdge& a, const ShardEdge& b) { return a.node < b.node; });
  std::vector<NodeId> came;
  for (const ShardEdge& edge : in) came.push_back(edge.node);
  shard.part = sub_graph(graph, weights, stage.nodes, came);
  assert(shard.part.inputs == came);
  std::vector<NodeId> now(graph.nodes.size(), NodeId::none);
  for (std::size_t i = 0; i < came.size(); ++i) now[index_of(came[i])] = id_of(i);
  for (std::size_t i = 0; i < stage.nodes.size(); ++i) now[index_of(stage.nodes[i])] = id_of(came.size() + i);
  for (const ShardEdge& edge : in) shard.inputs.push_back(now[index_of(edge.node)]);
  for (const ShardEdge& edge : out) shard.outputs.push_back(now[index_of(edge.node)]);
  assert(std::count(shard.outputs.begin(), shard.outputs.end(), NodeId::none) == 0);
  shard.in = std::move(in);
  shard.out = std::move(out);
  return shard;
}

std::string title_of(const Shard& shard) { return fmt::format("the weights of stage {}", shard.stage); }

}  // namespace

Sharding make_shards(const Graph& graph, const Weights& weights, const Plan& plan,
                     const std::vector<std::string>& devices, const std::vector<NodeId>& wanted, bool training,
                     std::int64_t batch) {
  if (training) check_modules(graph, plan, devices);
  const SplitGraph split = split_of(graph, plan);
  const Weights shared = weights_of(graph, plan, split, weights);
  const Edges edges(graph, plan, split, training);
  Sharding sharding;
  sharding.graph = split.graph;
  sharding.batch = batch;
  sharding.feeds = edges.feeds();
  if (!training) sharding.answers = edges.answers(wanted);
  std::vector<ShardEdge> between = edges.between();
  seal(plan, devices, sharding, between);
  for (std::size_t stage = 0; stage < plan.stages.size(); ++stage) {
    std::vector<ShardEdge> in, out;
    for (const std::vector<ShardEdge>* some : {&sharding.feeds, &between, &sharding.answers})
      for (const ShardEdge& edge : *some) {
        if (edge.to == static_cast<int>(stage)) in.push_back(edge);
        if (edge.from == static_cast<int>(stage)) out.push_back(edge);
      }
    Shard shard = shard_of(sharding.graph, shared, plan.stages[stage], std::move(in), std::move(out));
    shard.stage = static_cast<int>(stage);
    shard.device = devices[at(plan.stages[stage].device)];
    sharding.shards.push_back(std::move(shard));
  }
  return sharding;
}

Plan plan_of_modules(const Graph& graph, const std::vector<int>& device_of) {
  assert(device_of.size() == graph.modules.size());
  Plan plan;
  for (std::size_t m = 0; m < graph.modules.size(); ++m) {
    if (m == 0 || device_of[m] != device_of[m - 1]) {
      const int stage = static_cast<int>(plan.stages.size());
      if (m > 0) plan.cuts.push_back({stage - 1, stage, {graph.modules[m - 1].body}, 0, {}, 0});
      plan.stages.emplace_back().device = device_of[m];
    }
    for (std::size_t i = 1; i < graph.nodes.size(); ++i)
      if (graph.nodes[i].module == ModuleId{static_cast<std::int32_t>(m)}) plan.stages.back().nodes.push_back(id_of(i));
  }
  for (PlanStage& stage : plan.stages) std::sort(stage.nodes.begin(), stage.nodes.end());
  return plan;
}

void fuse_shard(Shard& shard) {
  Graph& graph = shard.part.graph;
  assert(shard.part.weights.size() == graph.nodes.size());
  const std::size_t own = graph.modules.size();
  // What a module gives is kept, and found again, whatever the passes do.
  for (std::vector<NodeId>* ids : {&shard.inputs, &shard.outputs})
    for (const NodeId id : *ids) graph.modules.push_back({"", NodeId{0}, id, NodeId::none, DType::f32});
  run_passes(graph, shard.part.weights);
  std::size_t next = own;
  for (std::vector<NodeId>* ids : {&shard.inputs, &shard.outputs})
    for (NodeId& id : *ids) id = graph.modules[next++].body;
  graph.modules.resize(own);
}

std::vector<std::byte> shard_weights_bytes(const Shard& shard) {
  const Bytes file = weights_to_bytes(shard.part.graph, shard.part.weights, {}, title_of(shard));
  const std::span<const std::byte> bytes = std::as_bytes(std::span(file));
  return {bytes.begin(), bytes.end()};
}

void set_shard_weights(std::span<const std::byte> bytes, Shard& shard) {
  const ByteSpan file{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  shard.part.weights = parse_weights(file, title_of(shard), shard.part.graph);
}

}  // namespace cleave
