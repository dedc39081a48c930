#include "partitioner/search_deadline.h"

#include <algorithm>

namespace cleave {

Deadline::Deadline(const Goal& goal) : stop_(goal.stop) {
  constexpr double kForever = 1e9;  // seconds; a clock cannot count much further
  const double seconds = std::clamp(goal.time_limit_s, 0.0, kForever);
  end_ = std::chrono::steady_clock::now() +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(seconds));
}

bool Deadline::over() const { return (stop_ != nullptr && stop_->load()) || std::chrono::steady_clock::now() >= end_; }

double Deadline::left_s() const {
  return std::max(0.0, std::chrono::duration<double>(end_ - std::chrono::steady_clock::now()).count());
}

}  // namespace cleave
