#include "engine/runtime/draw_ensemble.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "engine/runtime/evaluate.h"
#include "graphs/passes.h"

namespace cleave {

namespace {

// Adds the nodes of another draw, but for its input, behind those that are there; returns where each stands now.
std::vector<NodeId> append(DrawEnsemble& to, Graph&& draw, Weights&& weights, std::size_t number) {
  std::vector<NodeId> place(draw.nodes.size(), NodeId{0});
  for (std::size_t i = 1; i < draw.nodes.size(); ++i) {
    Node& node = draw.nodes[i];
    assert(node.op != nullptr);
    for (NodeId& input : node.inputs) input = place[index_of(input)];
    if (node.epilogue.add != NodeId::none) node.epilogue.add = place[index_of(node.epilogue.add)];
    node.name = fmt::format("draw {}: {}", number + 1, node.name);
    place[i] = NodeId{static_cast<std::int32_t>(to.graph.nodes.size())};
    to.graph.nodes.push_back(std::move(node));
    to.weights.push_back(std::move(weights[i]));
  }
  return place;
}

}  // namespace

DrawEnsemble ensemble_of(const Graph& graph, std::vector<Weights> draws) {
  assert(!draws.empty());
  DrawEnsemble all{graph, std::move(draws.front()), {}};
  run_passes(all.graph, all.weights);
  for (const NodeId head : answering_nodes(all.graph)) all.heads.push_back({head});
  for (std::size_t d = 1; d < draws.size(); ++d) {
    Graph one = graph;
    Weights weights = std::move(draws[d]);
    run_passes(one, weights);
    const std::vector<NodeId> heads = answering_nodes(one);
    const std::vector<NodeId> place = append(all, std::move(one), std::move(weights), d);
    for (std::size_t h = 0; h < heads.size(); ++h) all.heads[h].push_back(place[index_of(heads[h])]);
  }
  return all;
}

std::vector<float> mean_log_probabilities(const std::vector<std::vector<float>>& logits) {
  const std::size_t classes = logits.front().size();
  std::vector<double> sum(classes, 0);  // of probabilities, each at least 1e-300: the log of a float's range and more
  for (const std::vector<float>& draw : logits) {
    const double normalizer = answer_of(draw).log_normalizer;
    for (std::size_t k = 0; k < classes; ++k)
      sum[k] += std::max(1e-300, std::exp(static_cast<double>(draw[k]) - normalizer));
  }
  std::vector<float> mean(classes);
  for (std::size_t k = 0; k < classes; ++k)
    mean[k] = static_cast<float>(std::log(sum[k] / static_cast<double>(logits.size())));
  return mean;
}

}  // namespace cleave
