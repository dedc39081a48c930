// Convolution and pooling of every instruction set against plain sums, over windows that the compiled tiles fit and
// ones they do not.
#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "ops/core/rng.h"
#include "ops/kernels/train_kernels.h"

namespace cleave {
namespace {

class ConvKernelTables : public testing::TestWithParam<const char*> {
 protected:
  const TrainKernels* kernels = train_kernels_for(GetParam());
};

PlaneWindows windows(std::int64_t rows, std::int64_t columns, std::int64_t size, std::int64_t stride,
                     std::int64_t padding, std::int64_t lanes) {
  const auto out = [&](std::int64_t in) { return (in + 2 * padding - size) / stride + 1; };
  return {rows, columns, out(rows), out(columns), size, stride, padding, padding, lanes};
}

std::vector<PlaneWindows> geometries() {
  std::vector<PlaneWindows> all;
  for (const std::int64_t size : {1, 2, 3, 4, 5, 6, 7, 9, 11, 13})
    for (const std::int64_t stride : {1, 2, 3, 4})
      for (const std::int64_t padding : {std::int64_t{0}, size / 2, size + 1})
        for (const std::int64_t lanes : {16, 48}) all.push_back(windows(13, 21, size, stride, padding, lanes));
  all.push_back(windows(8, 8, 11, 1, 5, 16));
  all.push_back(windows(1, 3, 3, 1, 1, 16));
  return all;
}

std::vector<float> numbers(std::int64_t count, std::uint64_t seed) {
  Rng rng(seed, kTestStream, 0);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(rng.uniform() - 0.5);
  return values;
}

struct Planes {
  std::vector<float> values;
  std::vector<float*> rows;

  Planes(std::int64_t count, std::int64_t size, std::uint64_t seed) : values(numbers(count * size, seed)) {
    for (std::int64_t i = 0; i < count; ++i) rows.push_back(values.data() + i * size);
  }
};

// Calls use(row, column) of every real cell of an output's window, which are those of the window.
template <class Use>
void for_cells(const PlaneWindows& w, std::int64_t y, std::int64_t x, const Use& use) {
  for (std::int64_t ky = 0; ky < w.size; ++ky)
    for (std::int64_t kx = 0; kx < w.size; ++kx) {
      const std::int64_t row = y * w.stride - w.above + ky;
      const std::int64_t column = x * w.stride - w.left + kx;
      if (row < 0 || row >= w.in_rows || column < 0 || column >= w.in_columns) continue;
      use(ky * w.size + kx, (row * w.in_columns + column) * w.lanes);
    }
}

// Largest distance of `got` from expected(output, lane).
template <class Expected>
double distance(const PlaneWindows& w, const float* got, const Expected& expected) {
  double worst = 0;
  for (std::int64_t y = 0; y < w.out_rows; ++y)
    for (std::int64_t x = 0; x < w.out_columns; ++x)
      for (const std::int64_t lane : {std::int64_t{0}, w.lanes - 1})
        worst = std::max(
            worst, std::abs(static_cast<double>(got[(y * w.out_columns + x) * w.lanes + lane]) - expected(y, x, lane)));
  return worst;
}

void expect_plain_sums(const TrainKernels& kernels, const PlaneWindows& w) {
  const std::int64_t cells = w.size * w.size;
  const Planes in(3, w.in_rows * w.in_columns * w.lanes, 1);
  Planes out(4, w.out_rows * w.out_columns * w.lanes, 2);
  const Planes filters(4, 3 * cells, 3);
  kernels.convolve({w, in.rows.data(), nullptr, 3, filters.rows.data(), out.rows.data(), 4, false});
  const auto sum = [&](std::int64_t y, std::int64_t x, std::int64_t lane) {
    double total = 0;
    for (std::size_t c = 0; c < 3; ++c)
      for_cells(w, y, x, [&](std::int64_t tap, std::int64_t at) {
        total +=
            static_cast<double>(filters.rows[2][static_cast<std::int64_t>(c) * cells + tap]) * in.rows[c][at + lane];
      });
    return total;
  };
  EXPECT_LT(distance(w, out.rows[2], sum), 2e-5) << w.size << " stride " << w.stride << " lanes " << w.lanes;
}

TEST_P(ConvKernelTables, ConvolutionsEqualPlainSums) {
  for (const PlaneWindows& w : kernels == nullptr ? std::vector<PlaneWindows>{} : geometries())
    expect_plain_sums(*kernels, w);
}

void expect_own_weights(const TrainKernels& kernels, const PlaneWindows& w) {
  const Planes in(1, w.in_rows * w.in_columns * w.lanes, 1);
  Planes out(1, w.out_rows * w.out_columns * w.lanes, 2);
  const std::vector<float> before = out.values;
  const Planes filters(1, 3 * w.size * w.size, 3);
  const std::int32_t taken = 2;
  kernels.convolve({w, in.rows.data(), &taken, 1, filters.rows.data(), out.rows.data(), 1, true});
  const auto sum = [&](std::int64_t y, std::int64_t x, std::int64_t lane) {
    double total = before[static_cast<std::size_t>((y * w.out_columns + x) * w.lanes + lane)];
    for_cells(w, y, x, [&](std::int64_t tap, std::int64_t at) {
      total += static_cast<double>(filters.rows[0][2 * w.size * w.size + tap]) * in.rows[0][at + lane];
    });
    return total;
  };
  EXPECT_LT(distance(w, out.rows[0], sum), 2e-5) << w.size << " stride " << w.stride << " lanes " << w.lanes;
}

TEST_P(ConvKernelTables, AddedChannelsTakeTheirOwnWeights) {
  for (const PlaneWindows& w : kernels == nullptr ? std::vector<PlaneWindows>{} : geometries())
    expect_own_weights(*kernels, w);
}

void expect_real_taps(const TrainKernels& kernels, const PlaneWindows& w) {
  const Planes in(1, w.in_rows * w.in_columns * w.lanes, 1);
  for (const std::int64_t tap : {std::int64_t{0}, w.size * w.size - 1}) {
    Planes out(1, w.out_rows * w.out_columns * w.lanes, 2);
    const std::vector<float> before = out.values;
    kernels.add_tap(w, out.rows[0], in.rows[0], tap / w.size, tap % w.size, 0.7F);
    const auto sum = [&](std::int64_t y, std::int64_t x, std::int64_t lane) {
      double total = before[static_cast<std::size_t>((y * w.out_columns + x) * w.lanes + lane)];
      for_cells(w, y, x, [&](std::int64_t t, std::int64_t at) {
        total += t == tap ? static_cast<double>(0.7F) * in.rows[0][at + lane] : 0.0;
      });
      return total;
    };
    EXPECT_LT(distance(w, out.rows[0], sum), 1e-6) << w.size << " stride " << w.stride << " lanes " << w.lanes;
  }
}

TEST_P(ConvKernelTables, ATapIsAddedWhereItsInputIsReal) {
  for (const PlaneWindows& w : kernels == nullptr ? std::vector<PlaneWindows>{} : geometries())
    expect_real_taps(*kernels, w);
}

INSTANTIATE_TEST_SUITE_P(Isa, ConvKernelTables, testing::Values("baseline", "avx2", "avx512"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace cleave
