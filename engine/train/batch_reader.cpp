#include "engine/train/batch_reader.h"

#include <utility>

namespace cleave {

BatchReader::BatchReader(const Graph& graph, BatchSource source, const TrainOptions& options, const BatchPlace& from)
    : graph_(graph),
      source_(std::move(source)),
      epochs_(options.epochs),
      lanes_(options.lanes),
      place_(from),
      images_(options.batch, graph.node(graph.modules.front().input).type.shape),
      labels_(static_cast<std::size_t>(options.batch)) {}

bool BatchReader::next(TrainBatch& to) {
  for (; place_.epoch < epochs_; ++place_.epoch, place_.batch = 0) {
    const std::int64_t images = source_(place_.epoch, place_.batch, images_.view(), labels_);
    if (images == 0 && place_.batch == 0) return false;
    if (images == 0) continue;
    const std::span<const std::int32_t> labels = std::span(labels_).first(static_cast<std::size_t>(images));
    for (std::size_t m = 0; m < graph_.modules.size(); ++m) check_labels(graph_, static_cast<ModuleId>(m), labels);
    fill_batch(to.data, {images, &images_.shape, images_.data.data()}, labels, lanes_);
    to.number = place_.number;
    to.epoch = place_.epoch;
    to.batch = place_.batch;
    to.marker = to.test = false;
    place_ = place_after(to);
    return true;
  }
  return false;
}

BatchPlace place_after(const TrainBatch& batch) { return {batch.number + 1, batch.epoch, batch.batch + 1}; }

}  // namespace cleave
