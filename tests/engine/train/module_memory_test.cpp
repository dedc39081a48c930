#include "engine/train/module_memory.h"

#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "engine/mcmc/module_state.h"
#include "ops/core/catalog.h"

namespace cleave {
namespace {

const LikelihoodDef& cross_entropy() { return *find(likelihood_catalog(), "cross_entropy"); }

Model shipped(const std::string& name) {
  return load_model(std::string(CLEAVE_SOURCE_DIR) + "/graphs/models/" + name + ".yaml", CommonOptions{});
}

TEST(ModuleMemory, IsWhatTheStateTakes) {
  for (const char* name : {"fashion-hybrid", "cifar10-cascade"}) {
    const Model model = shipped(name);
    Weights weights = initial_weights(model.graph, 1);
    for (std::size_t m = 0; m < model.graph.modules.size(); ++m) {
      const auto id = static_cast<ModuleId>(m);
      ModuleState state(model.graph, id, cross_entropy());
      BlockBatch batch;
      resize_batch(batch, model.graph.node(model.graph.module(id).input).type.shape, 19, lanes_for(model.graph));
      batch.labels.assign(static_cast<std::size_t>(batch.blocks() * batch.lanes), 0);
      state.set_batch(batch, weights);
      EXPECT_EQ(state.bytes_held(), state.bytes_for(19, batch.lanes)) << name << " " << model.graph.modules[m].name;
    }
  }
}

TEST(ModuleMemory, IsAtMostWeightsAndThreeTimesTheActivations) {
  for (const char* name : {"fashion-hybrid", "fashion-mlp", "fashion-binary", "cifar10-cascade", "cifar10-module1"}) {
    const Model model = shipped(name);
    for (std::size_t m = 0; m < model.graph.modules.size(); ++m) {
      const ModuleMemory memory = module_memory(model.graph, static_cast<ModuleId>(m), 512, 3);
      EXPECT_LE(memory.training_bytes, memory.bound_bytes()) << name << " " << memory.name;
      EXPECT_GT(memory.training_bytes, memory.weights_bytes + memory.activation_bytes);
    }
  }
}

}  // namespace
}  // namespace cleave
