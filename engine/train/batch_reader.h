// BatchReader: goes through the batches of all epochs, from any place on.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/train/module_trainer.h"

namespace cleave {

// Not thread safe.
class BatchReader {
 public:
  // Graph and source must outlive it.
  BatchReader(const Graph& graph, BatchSource source, const TrainOptions& options, const BatchPlace& from = {});

  // Reads the next batch in the training layout; false when all epochs are over (or have no images at all). Throws
  // UserError when a label is not a class of every head.
  bool next(TrainBatch& to);
  // Of the batch that is read next.
  const BatchPlace& place() const { return place_; }

 private:
  const Graph& graph_;
  BatchSource source_;
  std::int64_t epochs_, lanes_;
  BatchPlace place_;
  Tensor images_;
  std::vector<std::int32_t> labels_;
};

// The place behind a batch.
BatchPlace place_after(const TrainBatch& batch);

}  // namespace cleave
