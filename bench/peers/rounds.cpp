#include "bench/peers/rounds.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

namespace cleave {

namespace {

constexpr int kSleepUs = 4000;  // longer than the thread pools of the peers spin

double now(int threads) {
  timespec time{};
  clock_gettime(threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

double seconds_a_call(int threads, int calls, const std::function<void(int calls)>& run) {
  const double start = now(threads);
  run(calls);
  return (now(threads) - start) / calls;
}

PeerCase in_process(const std::string& name, int threads, const std::function<void()>& run,
                    const std::function<std::vector<float>()>& output) {
  const auto repeat = [run](int calls) {
    for (int i = 0; i < calls; ++i) run();
  };
  return {name, [threads, repeat](int calls) { return seconds_a_call(threads, calls, repeat); }, output};
}

void run_rounds(std::vector<PeerCase>& cases, int threads, int rounds, double slice_s) {
  std::vector<int> calls;
  for (const PeerCase& peer : cases) {
    peer.seconds(1);
    const double once = std::min(peer.seconds(1), peer.seconds(1));
    calls.push_back(static_cast<int>(std::clamp(slice_s / std::max(once, 1e-7), 1.0, 1e5)));
  }
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < cases.size(); ++i) {
      if (threads > 1) usleep(kSleepUs);
      cases[i].seconds(1);
      cases[i].samples.push_back(cases[i].seconds(calls[i]));
    }
}

Quartiles quartiles_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[static_cast<std::size_t>(std::lround(share * static_cast<double>(values.size() - 1)))];
  };
  return {at(0.25), at(0.5), at(0.75)};
}

double typical(const PeerCase& peer, int threads) {
  return threads == 1 ? quartiles_of(peer.samples).median : *std::min_element(peer.samples.begin(), peer.samples.end());
}

Quartiles ratios(const PeerCase& other, const PeerCase& ours) {
  std::vector<double> by_round;
  for (std::size_t i = 0; i < ours.samples.size(); ++i) by_round.push_back(other.samples[i] / ours.samples[i]);
  return quartiles_of(std::move(by_round));
}

void print_cases(const std::string& title, const std::vector<PeerCase>& cases, int threads, double work, double scale,
                 const char* unit, double peak) {
  fmt::print("\n{}, {} thread{} ({})\n", title, threads, threads == 1 ? "" : "s",
             threads == 1 ? "CPU time, medians" : "wall time, the least of all rounds");
  for (const PeerCase& peer : cases) {
    const double time = typical(peer, threads);
    const Quartiles spread = quartiles_of(peer.samples);
    const Quartiles ratio = ratios(peer, cases.front());
    fmt::print("  {:30} {:9.4f} ms  spread {:5.1f} %  {:9.1f} {}", peer.name, 1e3 * time,
               100 * (spread.high - spread.low) / spread.median, work / time * scale, unit);
    if (peak > 0) fmt::print("  {:5.1f} % of peak", 100 * work / time / peak);
    fmt::print("  cleave is {:5.2f}x as fast (rounds {:.2f} to {:.2f})\n", time / typical(cases.front(), threads),
               ratio.low, ratio.high);
  }
  std::fflush(stdout);
}

}  // namespace cleave
