// ModuleTrainer: one module of a cascade at work on one batch after the other; the same whether its neighbours are
// threads of this process or other machines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/train/train.h"

namespace cleave {

// Where a run stands in its data: the batch that is read next.
struct BatchPlace {
  std::int64_t number = 0;            // over all epochs
  std::int64_t epoch = 0, batch = 0;  // `batch` may be just behind the last of its epoch

  bool operator==(const BatchPlace&) const = default;
};

// A batch on its way down the cascade.
struct TrainBatch {
  std::int64_t number = 0;  // 0, 1, 2 … over all epochs: its seq on a wire
  std::int64_t epoch = 0, batch = 0;
  bool marker = false;  // a checkpoint is due behind it
  bool test = false;    // to be scored, not learnt
  BlockBatch data;
};

// A draw: the module's weights as they were behind a step.
struct Draw {
  std::int64_t step = 0;
  std::vector<LayerWeights> weights;  // of the module's nodes that have any, in graph order

  bool operator==(const Draw&) const = default;
};

// What has to be saved of a module so that it goes on as if nothing had happened, behind a batch.
struct ModuleCheckpoint {
  std::string module;                 // its name
  std::int64_t next = 0;              // number of the batch it wants next
  std::vector<LayerWeights> weights;  // of the module's nodes that have any, in graph order
  ChainCounts counts;
  std::int64_t batches = 0, accepted_since_refresh = 0;
  double loss = 0;                   // reduced, on its last batch
  std::vector<double> scales = {};   // of the proposals that adapt, see scales_of
  std::vector<Draw> draws = {};      // kept so far, the newest, ascending
  std::vector<float> momentum = {};  // of sgd: of all trained weights in order, else empty

  bool operator==(const ModuleCheckpoint&) const = default;
};
// As bytes, with a magic number, a version and an xxh64 of all; deterministic. `parse` throws RunError for what is
// damaged, another version or another module's.
std::vector<std::byte> to_bytes(const ModuleCheckpoint& checkpoint);
ModuleCheckpoint parse_module_checkpoint(std::span<const std::byte> bytes, const Graph& graph, ModuleId module);
// The module's nodes that have weights, in graph order.
std::vector<NodeId> layers_of(const Graph& graph, ModuleId module);
// Puts its weights in place of the module's. Throws RunError when they are another model's.
void restore_weights(const ModuleCheckpoint& checkpoint, const Graph& graph, ModuleId module, Weights& weights);

// How many heads' answers were right on a test batch.
struct TestScore {
  std::int64_t images = 0, correct = 0;
  double cross_entropy = 0;  // summed, nats
};

// Not thread safe; computes on the cores of the calling thread's arena.
class ModuleTrainer {
 public:
  // Reads and changes the weights of this module's nodes only. Throws as `train`.
  ModuleTrainer(const Graph& graph, ModuleId module, const TrainOptions& options, Weights& weights);
  ~ModuleTrainer();
  ModuleTrainer(ModuleTrainer&& other) noexcept;

  // Does up to options.steps steps on the batch; fewer when `newer` (asked after each step, may be empty) says that
  // newer input has arrived. The batch must stay until the next call. Throws UserError when a label is not a class.
  BatchProgress learn(const TrainBatch& batch, const std::function<bool()>& newer = {},
                      const std::function<void(const TraceRow&)>& trace = {});
  // Computes body and head on the batch without learning; changes nothing of the chain. Throws as `learn`.
  TestScore score(const TrainBatch& batch);
  // The body's output on the batch of the last call, with the labels, for the next module: values of the dtype that the
  // module sends, zeros behind the last image. So the next module gets the same wherever it runs.
  void copy_body(BlockBatch& to) const;

  ModuleReport report() const;
  // The number behind the highest one learnt, or restored.
  std::int64_t next() const;
  ModuleCheckpoint save(std::int64_t next) const;
  // Throws RunError for another model's.
  void restore(const ModuleCheckpoint& checkpoint);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A batch as bytes on the wire: used lanes only, block by block, then the labels (4 bytes each); length = images ×
// (bytes of a sample at `dtype` + 4). f32 and f16 as they are, i8 the nearest of -128 … 127, bits +1 (set) or -1,
// packed, a block's bits filled up to its images × the bytes of a sample. `to` has packed_bytes of room.
std::int64_t packed_bytes(const Shape& shape, DType dtype, std::int64_t images);
void pack_batch(const BlockBatch& batch, DType dtype, std::span<std::byte> to);
// Back again, to what round_batch makes of it. `lanes` must be the sender's. Throws RunError when the length is not
// that of a whole number of images, at least one.
void unpack_batch(std::span<const std::byte> from, const Shape& shape, DType dtype, std::int64_t lanes, BlockBatch& to);
// Rounds the values as packing and unpacking would, and sets those behind the last image to zero.
void round_batch(BlockBatch& batch, DType dtype);

}  // namespace cleave
