// The energy counters of x86 processors (RAPL), as Linux shows them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cleave {

// Joules that all processor packages of the machine take, other programs' share included.
class RaplMeter {
 public:
  // Looks for counters in `folder`.
  explicit RaplMeter(const std::string& folder = "/sys/class/powercap");

  bool found() const { return !counters_.empty(); }
  // Why there is none, as an end of a sentence; empty when one was found.
  const std::string& why_not() const { return why_not_; }

  // Begins to count.
  void start();
  // Returns the joules since `start`. Counters wrap after some ten minutes at the least: ask sooner.
  double joules() const;

 private:
  struct Counter {
    std::string file;
    std::int64_t range_uj = 0, start_uj = 0;
  };
  std::vector<Counter> counters_;
  std::string why_not_;
};

}  // namespace cleave
