// What gradients can be taken of, and what is wrong where they cannot.
#include <fmt/format.h>

#include "engine/train/sgd.h"
#include "ops/core/catalog.h"

namespace cleave {

namespace {

[[noreturn]] void refuse(const Node& node, const std::string& what) {
  const std::string place =
      node.pos.line > 0 ? fmt::format("{}:{}:{}: ", node.pos.file, node.pos.line, node.pos.col) : std::string();
  throw UserError(fmt::format("{}layer '{}': training.algorithm is sgd, and {}", place, node.name, what));
}

}  // namespace

std::string no_gradient_of(const LikelihoodDef& loss) {
  std::string names;
  for (const LikelihoodDef& row : likelihood_catalog())
    if (row.gradient != nullptr) names += (names.empty() ? "" : ", ") + std::string(row.name);
  return fmt::format(
      "the loss '{}' has no gradient, and training.algorithm is sgd: take one of {}, or train by "
      "metropolis_hastings",
      loss.name, names);
}

void check_gradients(const Graph& graph, ModuleId module, const TrainOptions& options) {
  const LikelihoodDef* loss = find(likelihood_catalog(), graph.loss.name);
  if (loss->gradient == nullptr) throw UserError(no_gradient_of(*loss));
  const SgdOptions& sgd = options.sgd;
  if (!(sgd.learning_rate > 0) || !(sgd.momentum >= 0 && sgd.momentum < 1) || sgd.batch % options.lanes != 0)
    throw UserError(
        "training.sgd needs a learning rate above 0, a momentum from 0 to below 1 and a batch of whole blocks");
  bool any = false;
  for (const Node& node : graph.nodes) {
    if (node.module != module || node.op == nullptr) continue;
    if (!node.weights.empty() && node.weight_type.grid != WeightType::Grid::real)
      refuse(node, fmt::format("weights '{}' have no gradient: make them real, or train by metropolis_hastings",
                               to_text(node.weight_type)));
    if (node.op->backward == nullptr)
      refuse(node, fmt::format("the op '{}' has no gradient: take another, such as {}, or train by metropolis_hastings",
                               node.op->name, "relu or tanh"));
    any = any || !node.weights.empty();
  }
  if (!any) throw UserError(fmt::format("module '{}' has no weights to train", graph.module(module).name));
}

}  // namespace cleave
