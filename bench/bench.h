// Interleaved timing: every round runs every case once (A B C, A B C …), so that a noisy machine is noisy for all of
// them alike, and the medians can be compared. Quote ratios: machines differ.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace cleave {

struct BenchCase {
  std::string name;
  std::function<void()> run;
  std::vector<double> seconds{};  // of one call, by round
};

// Returns the seconds `run` takes.
inline double seconds_of(const std::function<void()>& run) {
  const std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Runs every case `rounds` times, interleaved, each round as often as fits into `slice_s` seconds.
inline void run_interleaved(std::vector<BenchCase>& cases, int rounds, double slice_s = 0.01) {
  std::vector<int> calls;
  for (const BenchCase& c : cases) {
    c.run();  // warm up
    calls.push_back(static_cast<int>(std::clamp(slice_s / std::max(seconds_of(c.run), 1e-9), 1.0, 1e6)));
  }
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const auto repeat = [&, i] {
        for (int k = 0; k < calls[i]; ++k) cases[i].run();
      };
      cases[i].seconds.push_back(seconds_of(repeat) / calls[i]);
    }
}

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

// The time a call needs where nothing disturbs it: the least of all rounds. For goals in seconds.
inline double fastest(const std::vector<double>& values) { return *std::min_element(values.begin(), values.end()); }

// Returns the median over rounds of `a` minus `b`, round by round.
inline double median_difference(const BenchCase& a, const BenchCase& b) {
  std::vector<double> differences;
  for (std::size_t i = 0; i < a.seconds.size(); ++i) differences.push_back(a.seconds[i] - b.seconds[i]);
  return median(std::move(differences));
}

// Prints the line that answers a bench's question.
inline void print_goal(const std::string& name, double value, const char* unit, double goal) {
  fmt::print("{} {:.3f} {} (goal <= {:g}): {}\n", name, value, unit, goal, value <= goal ? "met" : "missed");
}

}  // namespace cleave
