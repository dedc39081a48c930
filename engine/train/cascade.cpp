#include "engine/train/cascade.h"

#include <algorithm>
#include <utility>

#include <tbb/task_arena.h>

#include "engine/runtime/denormals.h"

namespace cleave {

namespace {

// The loop of one module.
struct ModuleLoop {
  ModuleTrainer& trainer;
  const TrainOptions& options;
  BatchBuffer& in;
  const ModulePorts& ports;
  bool stops_early;
  std::int64_t next_out;  // number

  bool handle(const TrainBatch& batch) {
    if (batch.test) {
      const TestScore score = trainer.score(batch);
      if (ports.scored) ports.scored(batch.number, score);
    } else {
      std::function<bool()> newer;
      if (stops_early || ports.after_step)
        newer = [this] {
          if (ports.after_step) ports.after_step();
          return stops_early && in.has_newer();
        };
      BatchProgress progress = trainer.learn(batch, newer, ports.trace);
      progress.buffer = in.counts();
      progress.sent = std::max(batch.number, next_out);
      if (ports.progress) ports.progress(progress);
    }
    if (batch.marker && ports.checkpoint) ports.checkpoint(trainer.save(trainer.next()));
    return send(batch);
  }

  bool send(const TrainBatch& batch) {
    if (!ports.send) return true;
    TrainBatch out{.number = std::max(batch.number, next_out),
                   .epoch = batch.epoch,
                   .batch = batch.batch,
                   .marker = batch.marker,
                   .test = batch.test,
                   .data = {}};
    next_out = out.number + 1;
    trainer.copy_body(out.data);
    return ports.send(std::move(out));
  }

  bool run() {
    // Held until the next is learnt: what copy_body copies may be the input itself.
    std::shared_ptr<const TrainBatch> batch;
    while (std::shared_ptr<const TrainBatch> taken = in.take(-1)) {
      batch = std::move(taken);
      if (!handle(*batch)) return false;
    }
    if (!in.is_at_end()) return false;
    if (ports.checkpoint) ports.checkpoint(trainer.save(trainer.next()));
    return true;
  }
};

}  // namespace

bool run_module(ModuleTrainer& trainer, ModuleId module, const TrainOptions& options, BatchBuffer& in,
                const ModulePorts& ports, int threads) {
  const bool stops_early = options.mode == TrainMode::async && options.stop_early && index_of(module) > 0;
  const FlushDenormals flush;  // the arena's workers inherit it
  tbb::task_arena arena(threads);
  arena.initialize();
  return arena.execute([&] { return ModuleLoop{trainer, options, in, ports, stops_early, trainer.next()}.run(); });
}

BufferOptions buffer_before(ModuleId module, const TrainOptions& options) {
  if (index_of(module) == 0) return {BufferPolicy::fifo, 1, false};
  if (options.mode == TrainMode::lockstep) return {BufferPolicy::fifo, options.buffer.capacity, false};
  return options.buffer;
}

}  // namespace cleave
