// The autocovariance is the inverse Fourier transform of the power spectrum (Wiener-Khinchin); zeros behind the series
// keep its end from meeting its beginning.
#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <numbers>
#include <numeric>

#include "engine/mcmc/diagnostics.h"

namespace cleave {

namespace {

using Complex = std::complex<double>;

// In place, without the factor 1/n; a power of two long (Cooley and Tukey 1965).
void fourier(std::vector<Complex>& values) {
  const std::size_t n = values.size();
  for (std::size_t i = 1, j = 0; i < n; ++i) {
    std::size_t bit = n / 2;
    for (; (j & bit) != 0; bit /= 2) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(values[i], values[j]);
  }
  std::vector<Complex> roots(n / 2);
  for (std::size_t k = 0; k < roots.size(); ++k)
    roots[k] = std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n));
  for (std::size_t half = 1; half < n; half *= 2)
    for (std::size_t block = 0; block < n; block += 2 * half)
      for (std::size_t k = 0; k < half; ++k) {
        const Complex a = values[block + k];
        const Complex b = values[block + half + k] * roots[k * (n / 2 / half)];
        values[block + k] = a + b;
        values[block + half + k] = a - b;
      }
}

}  // namespace

std::vector<double> autocovariance(const std::vector<double>& series) {
  const auto count = static_cast<double>(series.size());
  const double mean = std::accumulate(series.begin(), series.end(), 0.0) / count;
  std::size_t length = 1;
  while (length < 2 * series.size()) length *= 2;
  std::vector<Complex> values(length);
  for (std::size_t i = 0; i < series.size(); ++i) values[i] = series[i] - mean;
  fourier(values);
  for (Complex& value : values) value = std::norm(value);
  fourier(values);  // of an even function: the inverse but for the factor
  std::vector<double> covariance(series.size());
  for (std::size_t lag = 0; lag < series.size(); ++lag)
    covariance[lag] = values[lag].real() / (static_cast<double>(length) * count);
  return covariance;
}

}  // namespace cleave
