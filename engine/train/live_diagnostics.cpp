#include "engine/train/live_diagnostics.h"

#include <algorithm>
#include <limits>

namespace cleave {

LiveDiagnostics::LiveDiagnostics(std::size_t modules, std::size_t chains)
    : windows_(modules, std::vector<Window>(chains)) {}

void LiveDiagnostics::add(std::size_t chain, std::size_t module, double loss) {
  const std::lock_guard lock(mutex_);
  Window& window = windows_[module][chain];
  if (window.seen++ % window.stride != 0) return;
  window.values.push_back(loss);
  if (window.values.size() < kWindow) return;
  for (std::size_t i = 0; 2 * i < kWindow; ++i) window.values[i] = window.values[2 * i];
  window.values.resize(kWindow / 2);
  window.stride *= 2;
}

LiveDiagnostics::Figures LiveDiagnostics::of(std::size_t module) const {
  ScalarDraws draws;
  {
    const std::lock_guard lock(mutex_);
    std::size_t shortest = std::numeric_limits<std::size_t>::max();
    for (const Window& window : windows_[module]) shortest = std::min(shortest, window.values.size());
    for (const Window& window : windows_[module])
      draws.emplace_back(window.values.begin() + static_cast<std::ptrdiff_t>(shortest / 2),
                         window.values.begin() + static_cast<std::ptrdiff_t>(shortest));
  }
  return {rank_rhat(draws), bulk_ess(draws)};
}

}  // namespace cleave
