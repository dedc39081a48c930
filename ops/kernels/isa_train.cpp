// The hot loops of training, compiled once per instruction set. Sixteen lanes at a time, written with the compilers'
// vector extensions: on a processor with shorter registers one such vector becomes several.
//
// exp follows Cephes: x = n·ln 2 + r, exp(r) by a polynomial, 2^n by its exponent bits. The cross-entropy of a block
// needs the logarithm of every sum of exponentials; instead of one logarithm a sample, the exponents are added up as
// integers, the mantissas multiplied, and one logarithm of the product taken per block.
#include <cmath>
#include <cstdint>

#include "ops/kernels/train_kernels.h"

namespace cleave::CLEAVE_ISA {

extern const TrainKernels kTrainKernels;
// isa_train_conv.cpp
void convolve(const ConvArgs& args);
void add_tap(const PlaneWindows& windows, float* out, const float* plane, std::int64_t y, std::int64_t x, float a);
// isa_train_pool.cpp
void largest(const PlaneWindows& windows, float* out, const float* plane);
void mean(const PlaneWindows& windows, float* out, const float* plane);

namespace {

using V = float __attribute__((vector_size(64)));
using I = std::int32_t __attribute__((vector_size(64)));
using Unaligned = float __attribute__((vector_size(64), aligned(4), may_alias));
using UnalignedInts = std::int32_t __attribute__((vector_size(64), aligned(4), may_alias));

constexpr std::int64_t kVector = 16;

#define CLEAVE_LOAD(p) (*reinterpret_cast<const Unaligned*>(p))
#define CLEAVE_STORE(p, v) (*reinterpret_cast<Unaligned*>(p) = (v))
#define CLEAVE_INLINE inline __attribute__((always_inline))

// Vectors go by reference: passing them by value has a different calling convention per instruction set.
CLEAVE_INLINE void exp_in_place(V& x) {
  constexpr float kLow = -87.0F;
  constexpr float kHigh = 88.0F;
  constexpr float kRound = 12582912.0F;  // 1.5·2^23: adding it rounds to an integer in the low bits
  x = x < kLow ? V{} + kLow : x;
  x = x > kHigh ? V{} + kHigh : x;
  const V shifted = x * 1.44269504088896341F + kRound;
  const V n = shifted - kRound;
  V r = x - n * 0.693359375F;
  r = r - n * -2.12194440e-4F;
  V p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const I bits = (reinterpret_cast<I>(shifted) - 0x4B400000 + 127) << 23;
  x = p * reinterpret_cast<V>(bits);
}

// Adds up log Σexp over samples: `exponents` and `mantissas` after seeing the sums `s`, which must lie in the range
// checked by `bad`.
struct LogSum {
  I exponents{};
  V mantissas = V{} + 1.0F;
  I bad{};
};

CLEAVE_INLINE void add_log(LogSum& sum, const V& s) {
  const I bits = reinterpret_cast<I>(s);
  const I mantissa = (bits & 0x007FFFFF) | 0x3F800000;
  sum.exponents += (bits >> 23) - 127;
  sum.mantissas *= reinterpret_cast<V>(mantissa);
  sum.bad |= ~((s > 1e-18F) & (s < 1e18F));  // NaN compares false, so it is bad, too
}

// Returns Σ log s over all samples seen, NaN when one was out of range. At most kMaxLanes samples: the product of the
// mantissas stays below 2^(kMaxLanes/16) a lane and 2^kMaxLanes in all.
CLEAVE_INLINE double log_total(const LogSum& sum) {
  std::int64_t exponents = 0;
  double mantissas = 1.0;
  std::int32_t bad = 0;
  for (std::int64_t l = 0; l < kVector; ++l) {
    exponents += sum.exponents[l];
    mantissas *= static_cast<double>(sum.mantissas[l]);
    bad |= sum.bad[l];
  }
  if (bad != 0) return std::nan("");
  return static_cast<double>(exponents) * 0.69314718055994530942 + std::log(mantissas);
}

CLEAVE_INLINE double total(const V& v) {
  double sum = 0;
  for (std::int64_t l = 0; l < kVector; ++l) sum += static_cast<double>(v[l]);
  return sum;
}

void axpy(float* y, const float* x, float a, std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += kVector) CLEAVE_STORE(y + i, CLEAVE_LOAD(y + i) + a * CLEAVE_LOAD(x + i));
}

void add_scaled(float* out, const float* base, const float* x, float a, std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += kVector) CLEAVE_STORE(out + i, CLEAVE_LOAD(base + i) + a * CLEAVE_LOAD(x + i));
}

void affine(float* out, const float* x, float a, float b, std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += kVector) CLEAVE_STORE(out + i, a * CLEAVE_LOAD(x + i) + b);
}

void subtract(float* out, const float* x, const float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += kVector) CLEAVE_STORE(out + i, CLEAVE_LOAD(x + i) - CLEAVE_LOAD(y + i));
}

// kRows x kColumns vectors of sums stay in registers.
template <int kRows, int kColumns>
void dense_tile(float* const* out, const float* const* weights, const float* const* x, std::int64_t inputs,
                std::int64_t lane) {
  V sums[kRows][kColumns] = {};
  for (std::int64_t i = 0; i < inputs; ++i) {
    for (int c = 0; c < kColumns; ++c) {
      const V value = CLEAVE_LOAD(x[i] + lane + c * kVector);
      for (int r = 0; r < kRows; ++r) sums[r][c] += weights[r][i] * value;
    }
  }
  for (int r = 0; r < kRows; ++r)
    for (int c = 0; c < kColumns; ++c) CLEAVE_STORE(out[r] + lane + c * kVector, sums[r][c]);
}

template <int kRows>
void dense_rows(float* const* out, const float* const* weights, const float* const* x, std::int64_t inputs,
                std::int64_t lanes) {
  std::int64_t lane = 0;
  if (kRows == 1)  // few rows: more columns, so that enough sums are under way
    for (; lane + 8 * kVector <= lanes; lane += 8 * kVector) dense_tile<kRows, 8>(out, weights, x, inputs, lane);
  for (; lane + 2 * kVector <= lanes; lane += 2 * kVector) dense_tile<kRows, 2>(out, weights, x, inputs, lane);
  if (lane < lanes) dense_tile<kRows, 1>(out, weights, x, inputs, lane);
}

// One vector of lanes: as many rows at a time as registers allow; few rows have several sums each, so that enough are
// under way.
template <int kRows>
void dense_narrow(float* const* out, const float* const* weights, const float* const* x, std::int64_t inputs) {
  constexpr int kSums = kRows < 4 ? 4 : 1;
  V sums[kRows][kSums] = {};
  std::int64_t i = 0;
  for (; i + kSums <= inputs; i += kSums)
    for (int s = 0; s < kSums; ++s) {
      const V value = CLEAVE_LOAD(x[i + s]);
      for (int r = 0; r < kRows; ++r) sums[r][s] += weights[r][i + s] * value;
    }
  for (; i < inputs; ++i)
    for (int r = 0; r < kRows; ++r) sums[r][0] += weights[r][i] * CLEAVE_LOAD(x[i]);
  for (int r = 0; r < kRows; ++r) {
    for (int s = 1; s < kSums; ++s) sums[r][0] += sums[r][s];
    CLEAVE_STORE(out[r], sums[r][0]);
  }
}

constexpr void (*kNarrow[])(float* const*, const float* const*, const float* const*, std::int64_t) = {
    dense_narrow<1>, dense_narrow<2>, dense_narrow<3>, dense_narrow<4>,
    dense_narrow<5>, dense_narrow<6>, dense_narrow<7>, dense_narrow<8>};

void dense(float* const* out, const float* const* weights, const float* const* x, std::int64_t rows,
           std::int64_t inputs, std::int64_t lanes) {
  std::int64_t r = 0;
  while (lanes == kVector && r < rows) {
    const std::int64_t tiles = (rows - r + 7) / 8;
    const std::int64_t tile = (rows - r + tiles - 1) / tiles;
    kNarrow[tile - 1](out + r, weights + r, x, inputs);
    r += tile;
  }
  for (; r + 4 <= rows; r += 4) dense_rows<4>(out + r, weights + r, x, inputs, lanes);
  for (; r < rows; ++r) dense_rows<1>(out + r, weights + r, x, inputs, lanes);
}

void relu(float* out, const float* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += kVector) {
    const V value = CLEAVE_LOAD(x + i);
    CLEAVE_STORE(out + i, value < 0.0F ? V{} : value);  // NaN stays NaN
  }
}

void sign(float* out, const float* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += kVector) {
    const V value = CLEAVE_LOAD(x + i);
    CLEAVE_STORE(out + i, value >= 0.0F ? V{} + 1.0F : V{} - 1.0F);
  }
}

void exponential(float* out, const float* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += kVector) {
    V value = CLEAVE_LOAD(x + i);
    exp_in_place(value);
    CLEAVE_STORE(out + i, value);
  }
}

void sigmoid(float* out, const float* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += kVector) {
    V value = -CLEAVE_LOAD(x + i);
    exp_in_place(value);
    CLEAVE_STORE(out + i, 1.0F / (1.0F + value));
  }
}

bool equal(const float* x, const float* y, std::int64_t n) {
  constexpr std::int64_t kChunk = 16 * kVector;  // rows that differ do so early
  for (std::int64_t first = 0; first < n; first += kChunk) {
    const std::int64_t end = first + kChunk < n ? first + kChunk : n;
    I differ{};
    for (std::int64_t i = first; i < end; i += kVector) differ |= CLEAVE_LOAD(x + i) != CLEAVE_LOAD(y + i);
    std::int32_t any = 0;
    for (std::int64_t l = 0; l < kVector; ++l) any |= differ[l];
    if (any != 0) return false;
  }
  return true;
}

// Returns for each of the 16 lanes from `lane` on whether it holds an image.
CLEAVE_INLINE void used_lanes(I& mask, std::int64_t lane, std::int64_t used) {
  const I index = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  mask = index < static_cast<std::int32_t>(used - lane);
}

double cross_entropy(const CrossEntropyArgs& args) {
  LogSum logs;
  V margins{};
  for (std::int64_t lane = 0; lane < args.used; lane += kVector) {
    V shift = CLEAVE_LOAD(args.logits[0] + lane);
    for (std::int64_t c = 1; c < args.classes; ++c) {
      const V logit = CLEAVE_LOAD(args.logits[c] + lane);
      shift = logit > shift ? logit : shift;
    }
    const I label = *reinterpret_cast<const UnalignedInts*>(args.labels + lane);
    V own{};
    V sum{};
    for (std::int64_t c = 0; c < args.classes; ++c) {
      const V logit = CLEAVE_LOAD(args.logits[c] + lane);
      V term = logit - shift;
      exp_in_place(term);
      CLEAVE_STORE(args.new_terms + c * args.lanes + lane, term);
      sum += term;
      own = label == static_cast<std::int32_t>(c) ? logit : own;
    }
    I mask;
    used_lanes(mask, lane, args.used);
    const V margin = mask ? shift - own : V{};
    CLEAVE_STORE(args.new_shift + lane, shift);
    CLEAVE_STORE(args.new_margin + lane, margin);
    margins += margin;
    add_log(logs, mask ? sum : V{} + 1.0F);
  }
  return total(margins) + log_total(logs);
}

double cross_entropy_part(const CrossEntropyArgs& args) {
  LogSum logs;
  V margins{};
  for (std::int64_t lane = 0; lane < args.used; lane += kVector) {
    const I label = *reinterpret_cast<const UnalignedInts*>(args.labels + lane);
    const V shift = CLEAVE_LOAD(args.old_shift + lane);
    V margin = CLEAVE_LOAD(args.old_margin + lane);
    for (std::int64_t k = 0; k < args.changed_count; ++k) {
      const std::int32_t c = args.changed_classes[k];
      V term = CLEAVE_LOAD(args.logits[c] + lane) - shift;
      margin = label == c ? -term : margin;
      exp_in_place(term);
      CLEAVE_STORE(args.new_terms + k * args.lanes + lane, term);
    }
    V sum{};
    for (std::int64_t c = 0; c < args.classes; ++c) sum += CLEAVE_LOAD(args.terms[c] + lane);
    I mask;
    used_lanes(mask, lane, args.used);
    CLEAVE_STORE(args.new_margin + lane, margin);
    margins += margin;
    add_log(logs, mask ? sum : V{} + 1.0F);
  }
  return total(margins) + log_total(logs);
}

}  // namespace

extern const TrainKernels kTrainKernels;
#define CLEAVE_TEXT_OF(x) #x
#define CLEAVE_NAME_OF(x) CLEAVE_TEXT_OF(x)
const TrainKernels kTrainKernels = {CLEAVE_NAME_OF(CLEAVE_ISA),
                                    axpy,
                                    add_scaled,
                                    affine,
                                    subtract,
                                    dense,
                                    convolve,
                                    add_tap,
                                    largest,
                                    mean,
                                    relu,
                                    sign,
                                    sigmoid,
                                    exponential,
                                    equal,
                                    cross_entropy,
                                    cross_entropy_part};

}  // namespace cleave::CLEAVE_ISA
