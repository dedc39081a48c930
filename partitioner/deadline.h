// Deadline: when a solver has to come to an end.
#pragma once

#include <chrono>

#include "partitioner/solve.h"

namespace cleave {

struct Deadline {
  std::chrono::steady_clock::time_point end;
  const std::atomic<bool>* stop = nullptr;

  explicit Deadline(const Goal& goal) : stop(goal.stop) {
    constexpr double kLongest = 1e9;  // the clock's own range is 9e9 s
    const std::chrono::duration<double> limit(goal.time_limit_s < kLongest ? goal.time_limit_s : kLongest);
    end = std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(limit);
  }
  bool is_over() const { return (stop != nullptr && stop->load()) || std::chrono::steady_clock::now() >= end; }
};

}  // namespace cleave
