// Peers in turns. One thread is timed by the CPU time of the process, which other programs on the machine do not
// lengthen; several by the clock on the wall.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cleave {

struct PeerCase {
  std::string name;
  std::function<double(int calls)> seconds;         // of one call, of so many in a row
  std::function<std::vector<float>()> output = {};  // of the last call, [batch][pixels][channels]; none = not compared
  std::vector<double> samples = {};                 // seconds of one call, by round
};

// Returns a case of this process.
PeerCase in_process(const std::string& name, int threads, const std::function<void()>& run,
                    const std::function<std::vector<float>()>& output = {});
// Runs `calls` times and returns the seconds of one.
double seconds_a_call(int threads, int calls, const std::function<void(int calls)>& run);

// Runs all cases `rounds` times, in turns, each for about `slice_s` seconds, after one call to warm up. With several
// threads, those of the case before are given time to fall asleep.
void run_rounds(std::vector<PeerCase>& cases, int threads, int rounds, double slice_s);

struct Quartiles {
  double low = 0, median = 0, high = 0;
};
Quartiles quartiles_of(std::vector<double> values);
// The time that stands for a case: the median of CPU times, or the least wall time, which others only lengthen.
double typical(const PeerCase& peer, int threads);
// How many times as long as `ours` the `other` took: by rounds, of those that were next to each other.
Quartiles ratios(const PeerCase& other, const PeerCase& ours);

// Prints the cases: time, `work` a second in units of `scale`, per cent of `peak` (0 = none), ratio to the first.
void print_cases(const std::string& title, const std::vector<PeerCase>& cases, int threads, double work, double scale,
                 const char* unit, double peak = 0);

}  // namespace cleave
