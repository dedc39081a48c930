// How far the probabilities of a classifier can be trusted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace cleave {

inline constexpr std::size_t kReliabilityBins = 15;

// The samples whose answer had a probability in ((b) / 15, (b + 1) / 15], b the bin's place from 0.
struct ReliabilityBin {
  std::int64_t samples = 0, correct = 0;
  double confidence = 0;  // sum of the answers' probabilities
};

// Sums over the labelled samples of one head.
struct Calibration {
  std::int64_t samples = 0;
  double brier_sum = 0;
  std::array<ReliabilityBin, kReliabilityBins> bins{};

  // `probabilities` of all classes; `answer` the class with the largest.
  void add(std::span<const double> probabilities, std::int32_t answer, std::int32_t label);
  // Returns the mean over samples of Σ (p(class) − 1[class is right])², from 0 to 2 (Brier 1950, eq. 2); 0 of none.
  double brier() const;
  // Returns the expected calibration error: Σ over bins of share · |accuracy − mean confidence| with 15 bins of equal
  // width, as Guo et al. ("On Calibration of Modern Neural Networks", 2017, eq. 3); 0 of none.
  double expected_error() const;
};

}  // namespace cleave
