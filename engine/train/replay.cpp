// A replay goes from the end to the beginning: to take its next batch, a module has the one before it go on until that
// has sent it. What was sent is kept until the last time the log says that it is taken (a `replay` buffer gives the
// same batch out many times), and what nobody took is not even made. One module computes at a time, on all threads.
#include "engine/train/replay.h"

#include <map>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <tbb/task_arena.h>

#include "engine/runtime/denormals.h"
#include "engine/train/batch_reader.h"

namespace cleave {

namespace {

struct Sent {
  std::shared_ptr<const TrainBatch> batch;
  std::int64_t uses = 0;  // still to come
};

struct Stage {
  ModuleTrainer trainer;
  std::span<const TakenBatch> log;
  std::size_t next = 0;               // of the log
  std::map<std::int64_t, Sent> sent;  // by number; entries are there for what is taken some time
};

class Replayer {
 public:
  Replayer(const Graph& graph, Weights& weights, const BatchSource& source, const TrainOptions& options,
           const MessageLog& log, const std::function<void(const ReplayProgress&)>& progress)
      : graph_(graph), options_(options), reader_(graph, source, options), progress_(progress) {
    for (std::size_t m = 0; m < graph.modules.size(); ++m) {
      const auto id = static_cast<ModuleId>(m);
      if (log.broken[m])
        throw UserError(
            fmt::format("module '{}' was begun anew from a checkpoint after its successor had learnt what it sent: "
                        "that cannot be made again",
                        graph.module(id).name));
      stages_.push_back({ModuleTrainer(graph, id, options, weights), log.modules[m], 0, {}});
      if (m > 0)
        for (const TakenBatch& taken : log.modules[m]) ++stages_[m - 1].sent[taken.number].uses;
      counts_.all += static_cast<std::int64_t>(log.modules[m].size());
    }
  }

  ReplayReport run() {
    for (std::size_t m = stages_.size(); m-- > 0;)
      while (!is_stopped() && stages_[m].next < stages_[m].log.size()) take_next(m);
    report_.stopped = is_stopped();
    for (const Stage& stage : stages_) report_.modules.push_back(stage.trainer.report());
    return std::move(report_);
  }

 private:
  bool is_stopped() const { return options_.stop != nullptr && options_.stop->load(); }

  std::shared_ptr<const TrainBatch> read(const TakenBatch& taken) {
    const auto batch = std::make_shared<TrainBatch>();
    const auto is_before = [&] { return std::pair(batch->epoch, batch->batch) < std::pair(taken.epoch, taken.batch); };
    bool found = reader_.next(*batch);
    while (found && is_before()) found = reader_.next(*batch);  // dropped on the way to the module's worker
    if (!found || batch->epoch != taken.epoch || batch->batch != taken.batch)
      throw UserError(fmt::format("the log says that batch {} of epoch {} was learnt, the data give another one",
                                  taken.batch + 1, taken.epoch + 1));
    batch->number = taken.number;
    return batch;
  }

  std::shared_ptr<const TrainBatch> input(std::size_t m, const TakenBatch& taken) {
    if (m == 0) return read(taken);
    Stage& before = stages_[m - 1];
    Sent& sent = before.sent.at(taken.number);
    while (sent.batch == nullptr && !is_stopped()) {
      if (before.next == before.log.size())
        throw UserError(fmt::format("the log says that module '{}' learnt number {}, which '{}' never sent",
                                    graph_.modules[m].name, taken.number, graph_.modules[m - 1].name));
      take_next(m - 1);
    }
    const std::shared_ptr<const TrainBatch> batch = sent.batch;
    if (--sent.uses == 0) before.sent.erase(taken.number);
    return batch;
  }

  void take_next(std::size_t m) {
    Stage& stage = stages_[m];
    const TakenBatch& taken = stage.log[stage.next++];
    const std::shared_ptr<const TrainBatch> batch = input(m, taken);
    if (batch == nullptr) return;  // stopped
    std::int64_t left = taken.steps;
    const BatchProgress done = stage.trainer.learn(*batch, [&] { return --left == 0; });
    if (done.loss != taken.loss && (report_.differences.empty() || report_.differences.back().module != done.module))
      report_.differences.push_back({done.module, taken, done.loss});
    if (const auto found = stage.sent.find(taken.sent); found != stage.sent.end()) {
      const auto out = std::make_shared<TrainBatch>(
          TrainBatch{.number = taken.sent, .epoch = taken.epoch, .batch = taken.batch, .data = {}});
      stage.trainer.copy_body(out->data);
      found->second.batch = out;
    }
    counts_.module = static_cast<ModuleId>(m);
    ++counts_.done;
    if (progress_) progress_(counts_);
  }

  const Graph& graph_;
  const TrainOptions& options_;
  BatchReader reader_;
  const std::function<void(const ReplayProgress&)>& progress_;
  std::vector<Stage> stages_;
  ReplayProgress counts_;
  ReplayReport report_;
};

}  // namespace

ReplayReport replay(const Graph& graph, Weights& weights, const BatchSource& source, const TrainOptions& options,
                    const MessageLog& log, const std::function<void(const ReplayProgress&)>& progress) {
  check_trainable(graph, weights, options);
  const FlushDenormals flush;
  tbb::task_arena arena(options.threads);
  arena.initialize();
  ReplayReport report;
  arena.execute([&] { report = Replayer(graph, weights, source, options, log, progress).run(); });
  return report;
}

}  // namespace cleave
