// A plan's positions -> the nodes of its stages.
#include <map>
#include <string>

#include "ops/core/catalog.h"
#include "partitioner/make_problem.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

NodeId id_of(std::size_t index) { return static_cast<NodeId>(static_cast<std::int32_t>(index)); }

SplitGraph split_of(const Graph& graph, const SplitSpec& spec) {
  return find(split_catalog(), spec.kind)->split(graph, spec.to, spec.ways);
}

// The plan's graph, and for each of its nodes where it came from.
struct PlanGraph {
  SplitGraph split;                 // without a split: the graph itself, no shares
  std::vector<std::size_t> source;  // [node]: index in the graph before the split; 0 for nodes of shares and the join
};

PlanGraph plan_graph(const Graph& graph, const Plan& plan) {
  PlanGraph made;
  if (plan.split) made.split = split_of(graph, *plan.split);
  else {
    made.split.graph = graph;
    made.split.share_of.assign(graph.nodes.size(), -1);
  }
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) index[graph.nodes[i].name] = i;
  for (std::size_t i = 0; i < made.split.graph.nodes.size(); ++i) {
    const auto node = index.find(made.split.graph.nodes[i].name);
    const bool new_node = made.split.share_of[i] >= 0 || id_of(i) == made.split.join || node == index.end();
    made.source.push_back(new_node ? 0 : node->second);
  }
  return made;
}

std::vector<NodeId> nodes_of(const PlanGraph& graph, const Positions& positions, const PlanStage& stage, bool joins) {
  std::vector<NodeId> nodes;
  for (std::size_t i = 1; i < graph.split.graph.nodes.size(); ++i) {
    const int share = graph.split.share_of[i];
    bool mine = share >= 0 && share == stage.share;
    if (id_of(i) == graph.split.join) mine = joins;
    else if (share < 0 && stage.share < 0 && graph.source[i] > 0)
      mine = is_done(positions.all[at(stage.to)], graph.source[i]) &&
             !is_done(positions.all[at(stage.from)], graph.source[i]);
    if (mine) nodes.push_back(id_of(i));
  }
  return nodes;
}

// What crosses a position, in the plan's graph.
std::vector<NodeId> crossing(const PlanGraph& graph, const Plan& plan, const Position& position) {
  std::vector<NodeId> tensors;
  for (const NodeId node : position.crossing) {
    const bool joined = plan.split && node == plan.split->to;
    for (std::size_t i = 0; i < graph.source.size(); ++i)
      if (joined ? id_of(i) == graph.split.join : graph.source[i] == index_of(node) && graph.split.share_of[i] < 0)
        if (id_of(i) != graph.split.join || joined) tensors.push_back(id_of(i));
  }
  return tensors;
}

}  // namespace

Graph graph_of_plan(const Graph& graph, const Plan& plan) {
  return plan.split ? split_of(graph, *plan.split).graph : graph;
}

void name_nodes(const Setting& setting, Plan& plan) {
  const Positions positions = numbers_of(setting).positions;
  const PlanGraph graph = plan_graph(setting.graph, plan);
  const std::size_t first = plan.split ? static_cast<std::size_t>(plan.split->ways) : 0;  // stage that is no share
  for (std::size_t i = 0; i < plan.stages.size(); ++i)
    plan.stages[i].nodes = nodes_of(graph, positions, plan.stages[i], i == first);
  for (PlanCut& cut : plan.cuts) {
    const PlanStage* from = cut.from < 0 ? nullptr : &plan.stages[at(cut.from)];
    if (from == nullptr) cut.tensors = {NodeId{0}};
    else if (from->share >= 0) cut.tensors = {graph.split.outputs[at(from->share)]};
    else cut.tensors = crossing(graph, plan, positions.all[at(plan.stages[at(cut.to)].from)]);
  }
}

}  // namespace cleave
