#include "bench/peers/peaks.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <fmt/format.h>

#include "bench/peaks.h"
#include "bench/peers/rounds.h"
#include "bench/word_limits.h"
#include "ops/kernels/binary_kernels.h"
#include "ops/kernels/int8_kernels.h"

namespace cleave {

namespace {

// The best of several loops, each at its median.
double limit_of(const std::vector<WordLimit>& limits) {
  constexpr int kTurns = 100'000;
  double best = 0;
  for (const WordLimit& limit : limits) {
    std::vector<double> rates;
    for (int round = 0; round < 15; ++round)
      rates.push_back(kTurns * limit.operations / seconds_a_call(1, 1, [&](int) { limit.run(kTurns); }));
    best = std::max(best, quartiles_of(std::move(rates)).median);
  }
  return best;
}

// Reads more than any cache holds.
double read_rate() {
  constexpr std::size_t kWords = std::size_t{16} << 20;
  const std::vector<std::uint64_t> words(kWords, 1);
  std::vector<double> rates;
  for (int round = 0; round < 7; ++round)
    rates.push_back(8.0 * kWords / seconds_a_call(1, 1, [&](int) {
                      std::uint64_t sums[8] = {};
                      for (std::size_t i = 0; i < kWords; i += 8)
                        for (std::size_t k = 0; k < 8; ++k) sums[k] += words[i + k];
                      for (std::uint64_t& sum : sums) asm volatile("" : "+r"(sum));
                    }));
  return quartiles_of(std::move(rates)).median;
}

}  // namespace

Peaks measure_peaks() {
  return {measured_peak(chosen_isa()), limit_of(int8_limits(int8_kernels().isa_name)),
          limit_of(binary_limits(binary_kernels().isa_name)), read_rate()};
}

void print_peaks(const Peaks& peaks) {
  fmt::print("peaks of one thread, measured\n");
  const auto print = [](const char* name, const char* isa, double rate, const char* unit) {
    if (rate > 0) fmt::print("  {:8} {:14} {:8.1f} {}\n", name, isa, 1e-9 * rate, unit);
  };
  print("float", to_text(chosen_isa()), peaks.floats, "GFLOP/s");
  print("int8", int8_kernels().isa_name, peaks.int8, "Gop/s");
  print("binary", binary_kernels().isa_name, peaks.binary, "Gop/s");
  print("read", "", peaks.read_bytes, "GB/s");
}

}  // namespace cleave
