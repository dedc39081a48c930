// What the workers of a training run say, and what follows from it.
#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "engine/train/swarm_trainer.h"
#include "engine/train/training_wire.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

}  // namespace

void SwarmTrainer::hear(const ControlMessage& message) {
  switch (message.kind) {
    case ControlKind::state: return hear_state(message);
    case ControlKind::trace: return hear_trace(message);
    case ControlKind::score: return hear_score(message);
    case ControlKind::progress: break;
    default: return;
  }
  const BatchProgress progress = progress_from_json(message.text());
  if (hooks_.on_learnt && index_of(progress.module) < graph_.modules.size()) hooks_.on_learnt(progress);
  {
    const std::lock_guard lock(gate_);
    const std::size_t m = index_of(progress.module);
    if (m >= last_number_.size()) return;
    if (is_lossless(options_) && progress.number <= last_number_[m]) return;  // learnt once more, after a loss
    last_number_[m] = progress.number;
    ++reports_[m].batches;
    if (progress.steps_per_s > 0) reports_[m].seconds += static_cast<double>(progress.steps) / progress.steps_per_s;
    if (m + 1 == last_number_.size()) ++finished_;
  }
  if (hooks_.on_batch) hooks_.on_batch(progress);
}

bool SwarmTrainer::is_whole(const SafePoint& point) {
  return std::all_of(point.modules.begin(), point.modules.end(),
                     [&](const ModuleCheckpoint& module) { return module.next == point.next; });
}

void SwarmTrainer::hear_state(const ControlMessage& message) {
  std::uint32_t number = 0;
  if (message.body.size() < sizeof number) return;
  std::memcpy(&number, message.body.data(), sizeof number);
  const bool is_final = (number & kFinalState) != 0;
  number &= ~kFinalState;
  if (number >= graph_.modules.size()) return;
  const ModuleId module{static_cast<std::int32_t>(number)};
  ModuleCheckpoint state = parse_module_checkpoint(std::span(message.body).subspan(sizeof number), graph_, module);
  if (hooks_.on_save) hooks_.on_save(module);
  std::int64_t next = -1;
  {
    const std::lock_guard lock(gate_);
    if (!is_lossless(options_)) {
      for (const auto& [wanted, point] : incomplete_)
        if (point.is_last == is_final) state.next = wanted;
    }
    const auto found = incomplete_.find(state.next);
    if (found == incomplete_.end()) return;  // of a checkpoint that is complete, or the last words of a module
    SafePoint& point = found->second;
    point.modules[number] = std::move(state);
    if (is_whole(point)) next = point.next;
  }
  if (next >= 0) complete(next);
}

// In terms of the data: its numbers count batches to learn alone.
RunCheckpoint SwarmTrainer::checkpoint_of(const SafePoint& point) const {
  RunCheckpoint checkpoint;
  checkpoint.structure = structure_hash(graph_);
  checkpoint.data = options_.data;
  checkpoint.seed = options_.seed;
  checkpoint.place = point.place;
  checkpoint.seconds = seconds_before_ + seconds_since(began_);
  checkpoint.modules = point.modules;
  for (ModuleCheckpoint& module : checkpoint.modules) module.next = checkpoint.place.number;
  return checkpoint;
}

// A checkpoint has become complete: it is written, then everybody may forget what stands before it.
void SwarmTrainer::complete(std::int64_t next) {
  RunCheckpoint checkpoint;
  {
    const std::lock_guard lock(gate_);
    checkpoint = checkpoint_of(incomplete_.at(next));
  }
  if (hooks_.on_checkpoint) hooks_.on_checkpoint(checkpoint, false);
  {
    const std::lock_guard lock(gate_);
    safe_ = std::move(incomplete_.at(next));
    incomplete_.erase(incomplete_.begin(), incomplete_.upper_bound(next));
    for (std::size_t m = 0; m < safe_.modules.size(); ++m) {
      reports_[m].counts = safe_.modules[m].counts;
      reports_[m].loss = safe_.modules[m].loss;
    }
  }
  cast_->coordinator->broadcast(ControlKind::committed, fmt::format("{}", next));
  changed_.notify_all();
}

void SwarmTrainer::hear_trace(const ControlMessage& message) {
  ModuleId module = ModuleId::none;
  for (const TraceRow& row : trace_from_json(message.text(), graph_, module)) {
    if (index_of(module) >= last_step_.size() || row.step <= last_step_[index_of(module)]) continue;
    last_step_[index_of(module)] = row.step;
    if (hooks_.on_step) hooks_.on_step(module, row);
  }
}

void SwarmTrainer::hear_score(const ControlMessage& message) {
  const NumberedScore heard = score_from_json(message.text());
  ScoredBatch scored{heard.module, 0, {}, false};
  {
    const std::lock_guard lock(gate_);
    const auto found = test_epoch_.find(heard.number);
    if (found == test_epoch_.end() || index_of(heard.module) >= scores_.size()) return;
    scored.epoch = found->second;
    std::map<std::int64_t, TestScore>& batches = scores_[index_of(heard.module)][scored.epoch];
    batches[heard.number] = heard.score;
    for (const auto& [number, score] : batches) {
      scored.score.images += score.images;
      scored.score.correct += score.correct;
      scored.score.cross_entropy += score.cross_entropy;
    }
    const auto count = test_count_.find(scored.epoch);
    scored.whole = count != test_count_.end() && static_cast<std::int64_t>(batches.size()) == count->second;
  }
  if (swarm_.on_scored) swarm_.on_scored(scored);
}

}  // namespace cleave
