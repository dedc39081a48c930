#include "engine/mcmc/snip.h"

#include <cmath>

#include <fmt/format.h>

#include "engine/mcmc/likelihoods.h"
#include "engine/mcmc/module_state.h"
#include "ops/core/catalog.h"

namespace cleave {

namespace {

const LikelihoodDef& likelihood_of(const Graph& graph) {
  const LikelihoodDef* likelihood = find(likelihood_catalog(), graph.loss.name);
  if (likelihood == nullptr || !likelihood->runs())
    throw UserError(
        fmt::format("the sensitivity of weights needs a loss that can be trained with, not '{}'", graph.loss.name));
  return *likelihood;
}

std::vector<float> scores_of(ModuleState& state, NodeId layer, std::size_t array, const std::vector<float>& values) {
  std::vector<float> scores(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] == 0) continue;
    const Move move{static_cast<std::int32_t>(array), static_cast<std::int64_t>(i), 0};
    scores[i] = static_cast<float>(std::abs(state.propose(layer, {&move, 1}) - state.loss()));
    state.reject();
  }
  return scores;
}

}  // namespace

WeightScores snip_scores(const Graph& graph, Weights weights, const BlockBatch& batch, const PruneOptions& options) {
  const LikelihoodDef& likelihood = likelihood_of(graph);
  WeightScores scores(graph.nodes.size());
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) scores[n].resize(graph.nodes[n].weights.size());
  BlockBatch input = batch;
  for (std::size_t m = 0; m < graph.modules.size(); ++m) {
    const auto module = static_cast<ModuleId>(m);
    if (graph.module(module).head == NodeId::none)
      throw UserError(
          fmt::format("module '{}' has no head: its weights have no loss to be judged by", graph.module(module).name));
    ModuleState state(graph, module, likelihood);
    state.set_batch(input, weights);
    for (std::size_t n = 0; n < graph.nodes.size(); ++n)
      for (std::size_t a = 0; a < graph.nodes[n].weights.size(); ++a)
        if (graph.nodes[n].module == module && is_prunable(graph.nodes[n], graph.nodes[n].weights[a], options))
          scores[n][a] = scores_of(state, static_cast<NodeId>(n), a, std::vector<float>(weights[n].arrays[a]));
    BlockBatch output;
    state.copy_body(output);
    input = std::move(output);
  }
  return scores;
}

}  // namespace cleave
