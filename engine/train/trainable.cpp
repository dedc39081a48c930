// What can be trained, and what is wrong where it cannot.
#include <string_view>

#include <fmt/format.h>

#include "engine/mcmc/likelihoods.h"
#include "engine/train/sgd.h"
#include "engine/train/train.h"
#include "ops/core/catalog.h"

namespace cleave {

namespace {

void check_settings(const Graph& graph, const TrainOptions& options) {
  const LikelihoodDef* likelihood = find(likelihood_catalog(), graph.loss.name);
  if (likelihood == nullptr || !likelihood->runs())
    throw UserError(fmt::format("network.loss: '{}' cannot be trained with", graph.loss.name));
  if (options.reduce != "sum" && options.reduce != "mean")
    throw UserError(fmt::format("reduce must be sum or mean, not '{}'", options.reduce));
  if (options.batch < 1 || options.epochs < 0 || options.steps < 0 || options.threads < 1 || options.trace_every < 1)
    throw UserError("training needs batch, threads and trace_every of at least 1, epochs and steps of at least 0");
  check_lambda({.lambda = options.lambda,
                .start_temperature = options.start_temperature,
                .end_temperature = options.end_temperature},
               1);
  if (!(options.lambda >= 0)) throw UserError("lambda must not be negative");
}

void check_head(const Graph& graph, const Module& module) {
  if (module.head == NodeId::none)
    throw UserError(fmt::format("module '{}' has no head: it cannot be trained without one", module.name));
  const OpDef* last = graph.node(module.head).op;
  if (graph.loss.name == "cross_entropy" && last != nullptr && std::string_view(last->name) == "softmax")
    throw UserError(
        fmt::format("module '{}': the head ends in a softmax, and cross_entropy takes one of its own: "
                    "leave it out",
                    module.name));
}

}  // namespace

double default_lambda(const std::string& reduce, std::int64_t batch) {
  return reduce == "mean" ? kLambdaPerImage * static_cast<double>(batch) : kLambdaPerImage;
}

void check_trainable(const Graph& graph, const Weights& weights, const TrainOptions& options) {
  check_settings(graph, options);
  if (graph.modules.empty()) throw UserError("the model has no modules to train");
  for (const Module& module : graph.modules) check_head(graph, module);
  for (std::size_t m = 0; m < graph.modules.size(); ++m)
    check_module_trainable(graph, static_cast<ModuleId>(m), weights, options);
}

void check_module_trainable(const Graph& graph, ModuleId module, const Weights& weights, const TrainOptions& options) {
  check_settings(graph, options);
  check_head(graph, graph.module(module));
  if (options.algorithm == "sgd") return check_gradients(graph, module, options);
  const std::vector<LayerPlan> plans = plan_module(graph, module);
  check_warm_up(plans, graph, options.warm_up);
  check_start(plans, graph, weights);
}

void check_labels(const Graph& graph, ModuleId module, std::span<const std::int32_t> labels) {
  const std::int64_t classes = element_count(graph.node(graph.module(module).head).type.shape);
  for (const std::int32_t label : labels)
    if (label < 0 || label >= classes)
      throw UserError(fmt::format("an image has the label {}, the head of module '{}' has {} classes, from 0", label,
                                  graph.module(module).name, classes));
}

}  // namespace cleave
