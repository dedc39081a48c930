#include "engine/runtime/calibration.h"

#include <algorithm>
#include <cmath>

namespace cleave {

void Calibration::add(std::span<const double> probabilities, std::int32_t answer, std::int32_t label) {
  ++samples;
  for (std::size_t k = 0; k < probabilities.size(); ++k) {
    const double miss = probabilities[k] - (static_cast<std::int32_t>(k) == label ? 1 : 0);
    brier_sum += miss * miss;
  }
  const double confidence = probabilities[static_cast<std::size_t>(answer)];
  const double bin = std::ceil(confidence * kReliabilityBins) - 1;
  ReliabilityBin& into = bins[static_cast<std::size_t>(std::clamp(bin, 0.0, kReliabilityBins - 1.0))];
  ++into.samples;
  into.correct += answer == label ? 1 : 0;
  into.confidence += confidence;
}

double Calibration::brier() const { return samples == 0 ? 0 : brier_sum / static_cast<double>(samples); }

double Calibration::expected_error() const {
  if (samples == 0) return 0;
  double sum = 0;  // |accuracy − confidence| of a bin times its samples
  for (const ReliabilityBin& bin : bins) sum += std::abs(static_cast<double>(bin.correct) - bin.confidence);
  return sum / static_cast<double>(samples);
}

}  // namespace cleave
