// The time a search may take.
#pragma once

#include <atomic>
#include <chrono>

#include "partitioner/solve.h"

namespace cleave {

// When to stop: the time limit, counted from when this was made, or the goal's flag.
class Deadline {
 public:
  explicit Deadline(const Goal& goal);
  bool over() const;
  double left_s() const;  // not below 0

 private:
  std::chrono::steady_clock::time_point end_;
  const std::atomic<bool>* stop_;
};

}  // namespace cleave
