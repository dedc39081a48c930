// ModuleState: a module on one batch, kept so that a proposal costs only what it reaches (mcmc.md, "Evaluate only what
// the change reaches").
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/mcmc/block_batch.h"
#include "engine/mcmc/likelihoods.h"
#include "graphs/graph.h"

namespace cleave {

// One weight and the value a proposal gives it.
struct Move {
  std::int32_t array = 0;
  std::int64_t index = 0;  // flat, row-major
  float value = 0;
};

// The outputs of one node for the whole batch, block by block; and the new values of the channels that the running
// proposal changes, written beside them.
struct NodeState {
  NodeId id = NodeId::none;
  std::int64_t channels = 0;
  std::int64_t pixels = 1;
  std::vector<std::size_t> inputs;  // indices of the node states it reads
  std::vector<TensorType> input_types;
  bool rounds = false;              // its values are those of its one input as halves; both have one node's id
  std::size_t store = 0;            // the node whose memory holds its values: itself, unless its op is a view
  bool changes = false;             // a weight of the module reaches it
  std::vector<float> memory;        // of both
  std::vector<const float*> given;  // the module's input: blocks somebody else owns
  std::vector<float*> values;       // by block
  std::vector<float*> slices;       // by block
  ChangedChannels reached;          // by the running proposal, before looking at the values
  std::vector<char> touched;        // by block: whether values did change
};

// Not thread safe; computes on the cores of the calling thread's arena. Results do not depend on their number: a block
// is computed by one thread, and the sums of the blocks are added in their order.
class ModuleState {
 public:
  // The graph must outlive the state and be free of epilogues; `likelihood` must run; the module has a head. Throws
  // UserError when the head has more than kMaxClasses outputs or gives an image.
  ModuleState(const Graph& graph, ModuleId module, const LikelihoodDef& likelihood);

  // Computes everything on `batch` with `weights` (of the whole graph; only this module's are read and changed). Both
  // must outlive their use here. Drops a running proposal.
  void set_batch(const BlockBatch& batch, Weights& weights);
  // Computes everything anew, as set_batch does.
  void refresh();

  // The sum of the losses over the batch's images, before and after the running proposal.
  double loss() const { return loss_; }
  double proposed_loss() const { return proposed_loss_; }

  // Gives weights of `layer` new values and returns the loss then. Moves are ascending by (array, index) and distinct.
  // Must be followed by accept or reject.
  double propose(NodeId layer, std::span<const Move> moves);
  // Keeps the proposal.
  void accept();
  // Restores the changed weights, to the bit.
  void reject();

  // What set_batch takes for a batch of so many images, beside the batch itself and the weights; and what it has taken.
  std::int64_t bytes_for(std::int64_t images, std::int64_t lanes) const;
  std::int64_t bytes_held() const;

  // Copies the output of the body, with the labels, for the next module.
  void copy_body(BlockBatch& to) const;
  // The accepted output of a node of this module in a block; [channels][pixels][lanes].
  ConstBlockView output(NodeId node, std::int64_t block) const;

 private:
  void lay_out();
  void evaluate_block(std::int64_t block);
  void prefetch(std::int64_t block) const;
  void update_node(std::size_t node, std::int64_t block, bool fresh);
  void recompute_node(std::size_t node, std::int64_t block, bool fresh);
  void round_node(std::size_t node, std::int64_t block, bool fresh);
  void update_loss(std::int64_t block);
  bool compute_touched(std::size_t node, std::int64_t block) const;
  ConstBlockView old_block(std::size_t node, std::int64_t block) const;
  float* new_values(std::size_t node, std::int64_t block) const;
  void add_rounding();
  std::size_t state_of(NodeId id) const;
  std::size_t layer_state_of(NodeId id) const;
  LossArgs loss_args(std::int64_t block, std::span<const float*> rows, const ChangedChannels& changed) const;
  double total(std::span<const double> sums) const;

  const Graph& graph_;
  const LikelihoodDef& likelihood_;
  std::vector<NodeState> nodes_;  // [0] is the module's input; topological order
  std::size_t head_ = 0, body_ = 0;
  std::int64_t cache_rows_ = 0;

  const BlockBatch* batch_ = nullptr;
  Weights* weights_ = nullptr;
  std::vector<float> cache_memory_;
  std::vector<float*> caches_, new_caches_;  // by block
  std::vector<double> sums_, new_sums_;      // by block
  std::vector<char> whole_;                  // by block: the new cache may take the place of the old one
  double loss_ = 0, proposed_loss_ = 0;

  std::size_t moved_ = 0;  // the node whose weights move; 0 = no proposal
  std::vector<WeightMove> moves_;
};

}  // namespace cleave
