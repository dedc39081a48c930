// The most multiply-adds that one core does in a second, measured: what kernels are held against.
#pragma once

#include <algorithm>

#include "bench/cpu_time.h"
#include "ops/kernels/isa.h"

namespace cleave {

#ifdef __x86_64__
using Peak4 = float __attribute__((vector_size(16)));
using Peak8 = float __attribute__((vector_size(32)));
using Peak16 = float __attribute__((vector_size(64)));

// 12 chains of multiply-adds, `count` times each.
#define CLEAVE_PEAK(NAME, VECTOR, TARGET, REGISTER)                                                                 \
  __attribute__((target(TARGET), noinline)) inline void NAME(long count) {                                          \
    VECTOR a{}, b{}, c{}, d{}, e{}, f{}, g{}, h{}, i{}, j{}, k{}, l{};                                              \
    asm("" : "+" REGISTER(a), "+" REGISTER(b), "+" REGISTER(c), "+" REGISTER(d), "+" REGISTER(e), "+" REGISTER(f)); \
    asm("" : "+" REGISTER(g), "+" REGISTER(h), "+" REGISTER(i), "+" REGISTER(j), "+" REGISTER(k), "+" REGISTER(l)); \
    VECTOR x = VECTOR{} + 0.5F;                                                                                     \
    for (; count > 0; --count) {                                                                                    \
      asm("" : "+" REGISTER(x));                                                                                    \
      a = a * x + x, b = b * x + x, c = c * x + x, d = d * x + x, e = e * x + x, f = f * x + x;                     \
      g = g * x + x, h = h * x + x, i = i * x + x, j = j * x + x, k = k * x + x, l = l * x + x;                     \
    }                                                                                                               \
    asm volatile("" ::REGISTER(a + b + c + d + e + f + g + h + i + j + k + l));                                     \
  }
CLEAVE_PEAK(peak_baseline, Peak4, "sse2", "x")
CLEAVE_PEAK(peak_avx2, Peak8, "avx2,fma", "x")
CLEAVE_PEAK(peak_avx512, Peak16, "avx512f,prefer-vector-width=512", "v")
#undef CLEAVE_PEAK
#endif

// Returns the floating-point operations (two to a multiply-add) of one core in a second, 0 where it is not known.
inline double measured_peak(Isa isa) {
#ifdef __x86_64__
  constexpr long kCount = 1000000;
  void (*run)(long) = isa == Isa::avx512 ? peak_avx512 : isa == Isa::avx2 ? peak_avx2 : peak_baseline;
  const double lanes = isa == Isa::avx512 ? 16 : isa == Isa::avx2 ? 8 : 4;
  double most = 0;
  for (int round = 0; round < 30; ++round) {
    const double start = thread_seconds();
    run(kCount);
    most = std::max(most, 24 * lanes * kCount / (thread_seconds() - start));
  }
  return most;
#else
  static_cast<void>(isa);
  return 0;
#endif
}

}  // namespace cleave
