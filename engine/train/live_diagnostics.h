// Diagnostics while a run goes on: cheap, on a thinned window of what every batch left.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "engine/mcmc/diagnostics.h"

namespace cleave {

// Thread safe. Keeps at most kWindow values a chain and module: when they are full every second one goes, and from then
// on only every second, fourth … value is taken.
class LiveDiagnostics {
 public:
  static constexpr std::size_t kWindow = 512;

  LiveDiagnostics(std::size_t modules, std::size_t chains);
  // A batch of a chain (0 and up) has left this loss.
  void add(std::size_t chain, std::size_t module, double loss);

  struct Figures {
    double rhat = 0, ess = 0;  // of the later half of the window, all chains; NaN = too early to say
  };
  Figures of(std::size_t module) const;

 private:
  struct Window {
    std::vector<double> values;
    std::int64_t seen = 0, stride = 1;
  };
  mutable std::mutex mutex_;
  std::vector<std::vector<Window>> windows_;  // [module][chain]
};

}  // namespace cleave
