// cold_start FIGURES ROUNDS PROGRAM… --then PROGRAM…: runs two programs in turns and writes how the first compares.
// A process of its own, since Linux counts what the parent holds at the start as the child's.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>

#include "bench/bench.h"
#include "bench/program.h"

namespace {

void print(const char* name, const std::vector<double>& seconds, const std::vector<double>& bytes) {
  fmt::print("  {:14} {:7.2f} ms (fastest {:.2f})  {:6.1f} MB\n", name, 1e3 * cleave::median(seconds),
             1e3 * cleave::fastest(seconds), 1e-6 * cleave::median(bytes));
}

}  // namespace

int main(int count, char** words) {
  using namespace cleave;
  std::vector<std::string> programs[2];
  int at = 0;
  for (int i = 3; i < count; ++i) {
    if (std::string(words[i]) == "--then") at = 1;
    else programs[at].push_back(words[i]);
  }
  if (programs[0].empty()) return 2;
  const bool both = !programs[1].empty();
  std::vector<double> seconds[2], bytes[2];
  try {
    for (int round = -1; round < std::atoi(words[2]); ++round)  // the first fills the page cache
      for (int i = 0; i < (both ? 2 : 1); ++i) {
        const ProgramRun run = run_quietly(programs[i]);
        if (round < 0) continue;
        seconds[i].push_back(run.seconds);
        bytes[i].push_back(static_cast<double>(run.peak_bytes));
      }
  } catch (const std::exception& error) {
    fmt::print("cold start: {}\n", error.what());
    return 1;
  }
  fmt::print("cold start to the first logits of ResNet-20, processes in turns, medians of {}\n", words[2]);
  print("cleave run", seconds[0], bytes[0]);
  if (!both) return 0;
  print("ONNX Runtime", seconds[1], bytes[1]);
  std::ofstream(words[1]) << "K8.time " << median(seconds[0]) / median(seconds[1]) << "\nK8.memory "
                          << median(bytes[0]) / median(bytes[1]) << "\n";
  return 0;
}
