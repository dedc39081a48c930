#include "engine/train/kept_draws.h"

#include <algorithm>
#include <utility>

namespace cleave {

KeptDraws::KeptDraws(const Graph& graph, ModuleId module, const TrainOptions& options)
    : layers_(layers_of(graph, module)),
      most_(options.keep_draws),
      every_(std::max<std::int64_t>(1, options.keep_every)),
      warm_up_(options.warm_up) {}

std::int64_t KeptDraws::until_due(std::int64_t step) const {
  if (step < warm_up_) return warm_up_ - step + every_;
  return every_ - (step - warm_up_) % every_;
}

void KeptDraws::drop_oldest() {
  const std::int64_t many = static_cast<std::int64_t>(draws_.size()) - most_;
  if (many > 0) draws_.erase(draws_.begin(), draws_.begin() + many);
}

void KeptDraws::run(std::int64_t count, const std::function<bool()>& newer, const Weights& weights,
                    const std::function<std::int64_t()>& step, const Run& run) {
  if (most_ == 0) return run(count, newer);
  bool left_early = false;
  std::function<bool()> enough;
  if (newer) enough = [&] { return left_early = newer(); };
  for (std::int64_t left = count; left > 0 && !left_early;) {
    const std::int64_t due = until_due(step()), part = std::min(left, due), before = step();
    run(part, enough);
    left -= part;
    if (step() - before != due) continue;
    Draw draw{.step = step(), .weights = {}};
    for (const NodeId layer : layers_) draw.weights.push_back(weights[index_of(layer)]);
    draws_.push_back(std::move(draw));
    drop_oldest();
  }
}

void KeptDraws::restore(std::vector<Draw> draws) {
  draws_ = std::move(draws);
  drop_oldest();
}

}  // namespace cleave
