// ModuleGradient: the slope of a module's loss by its weights, over some blocks of a batch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/mcmc/block_batch.h"
#include "engine/mcmc/likelihoods.h"
#include "graphs/graph.h"

namespace cleave {

// Computes a node's whole output for a block, from nothing.
void compute_node(const Node& node, std::span<const TensorType> types, std::span<const ConstBlockView> inputs,
                  const LayerWeights* weights, const BlockView& output);

// An array of weights that is trained, and where its slopes begin among all of them.
struct TrainedArray {
  NodeId node = NodeId::none;
  std::size_t array = 0;
  std::int64_t first = 0, size = 0;
};

// Not thread safe; computes on the cores of the calling thread's arena. Results do not depend on their number: a block
// is computed by one thread, and the blocks' slopes are added in their order. Rounding to f16 counts as slope 1.
class ModuleGradient {
 public:
  // The graph must outlive it and be free of epilogues; every op with weights behind it, and the likelihood, has a
  // gradient (see check_gradients).
  ModuleGradient(const Graph& graph, ModuleId module, const LikelihoodDef& likelihood);

  // Computes the slopes of the mean loss over the images of these blocks and returns that mean.
  double compute(const BlockBatch& batch, std::span<const std::int64_t> blocks, const Weights& weights);
  // All slopes, array after array.
  std::span<const float> slopes() const { return slopes_; }
  // In graph order, and in the order of a layer's arrays; without statistics.
  const std::vector<TrainedArray>& arrays() const { return arrays_; }

 private:
  // One node of the module; the first stands for the module's input.
  struct Step {
    NodeId id = NodeId::none;
    std::int64_t channels = 0, pixels = 1;
    std::vector<std::size_t> inputs;  // steps
    std::vector<TensorType> types;    // of the inputs
    bool rounds = false;
    bool trains = false;                    // it, or what it reads, has weights
    std::vector<std::int64_t> first_slope;  // by array; -1 for statistics
  };
  // What is held of a block: values and slopes of each step's output, and the slopes of the weights.
  struct Workspace {
    std::vector<std::vector<float>> values, slopes;
    std::vector<float> weight_slopes;
    double loss = 0;
  };

  void add_step(NodeId id, bool is_input);
  std::size_t step_of(NodeId id) const;
  void reserve(Workspace& space, std::int64_t lanes) const;
  void run_block(const BlockBatch& batch, std::int64_t block, const Weights& weights, Workspace& space) const;
  void go_forward(const ConstBlockView& input, const Weights& weights, Workspace& space) const;
  void go_back(const ConstBlockView& input, const Weights& weights, Workspace& space) const;
  void take_loss(const BlockBatch& batch, std::int64_t block, Workspace& space) const;

  const Graph& graph_;
  const LikelihoodDef& likelihood_;
  std::vector<Step> steps_;
  std::vector<TrainedArray> arrays_;
  std::size_t head_ = 0;
  std::int64_t weights_ = 0;
  std::vector<Workspace> spaces_;
  std::vector<float> slopes_;
};

}  // namespace cleave
