// Interleaved timing of one thread by the processor time it used: on a machine that others use, too, waiting does not
// count.
#pragma once

#include <time.h>

#include "bench/bench.h"

namespace cleave {

inline double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Returns the seconds of processor time that one of `calls` calls takes.
inline double cpu_seconds_of(const std::function<void()>& run, int calls = 1) {
  const double start = thread_seconds();
  for (int i = 0; i < calls; ++i) run();
  return (thread_seconds() - start) / calls;
}

// As run_interleaved, for cases that use no other thread.
inline void run_interleaved_cpu(std::vector<BenchCase>& cases, int rounds, double slice_s = 0.004) {
  std::vector<int> calls;
  for (const BenchCase& c : cases) {
    c.run();  // warm up
    calls.push_back(static_cast<int>(std::clamp(slice_s / std::max(cpu_seconds_of(c.run), 1e-9), 1.0, 1e6)));
  }
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < cases.size(); ++i) cases[i].seconds.push_back(cpu_seconds_of(cases[i].run, calls[i]));
}

}  // namespace cleave
