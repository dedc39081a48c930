#include "bench/peers/peaks.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "bench/peers/rounds.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace cleave {

namespace {

// The median rate of `loop(n)`, which does `work` operations in each of n turns.
double rate_of(void (*loop)(std::int64_t), double work) {
  constexpr std::int64_t kTurns = 400'000;
  std::vector<double> rates;
  for (int round = 0; round < 15; ++round)
    rates.push_back(work * kTurns / seconds_a_call(1, 1, [&](int) { loop(kTurns); }));
  return quartiles_of(std::move(rates)).median;
}

#if defined(__x86_64__)

// Twelve chains, so that none waits for its own result. The registers hold zeros: no value is ever denormal.
#define CLEAVE_TWELVE(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

__attribute__((target("avx2,fma"))) void fma_avx2(std::int64_t n) {
  __m256 sums[12] = {};
  const __m256 a = _mm256_setzero_ps();
  for (; n > 0; --n) {
#define CLEAVE_ONE(i) asm volatile("vfmadd231ps %1, %1, %0" : "+x"(sums[i]) : "x"(a));
    CLEAVE_TWELVE(CLEAVE_ONE)
#undef CLEAVE_ONE
  }
}

__attribute__((target("avx512f"))) void fma_avx512(std::int64_t n) {
  __m512 sums[12] = {};
  const __m512 a = _mm512_setzero_ps();
  for (; n > 0; --n) {
#define CLEAVE_ONE(i) asm volatile("vfmadd231ps %1, %1, %0" : "+v"(sums[i]) : "v"(a));
    CLEAVE_TWELVE(CLEAVE_ONE)
#undef CLEAVE_ONE
  }
}

__attribute__((target("avx512f"))) void vnni_avx512(std::int64_t n) {
  __m512i sums[12] = {};
  const __m512i a = _mm512_setzero_si512();
  for (; n > 0; --n) {
#define CLEAVE_ONE(i) asm volatile("vpdpbusd %1, %1, %0" : "+v"(sums[i]) : "v"(a));
    CLEAVE_TWELVE(CLEAVE_ONE)
#undef CLEAVE_ONE
  }
}

// Nibble look-up: a shuffle gives the sums of four products for each byte, one addition.
__attribute__((target("avx2"))) void lookup_avx2(std::int64_t n) {
  __m256i sums[12] = {}, found;
  const __m256i a = _mm256_setzero_si256();
  for (; n > 0; --n) {
#define CLEAVE_ONE(i) asm volatile("vpshufb %2, %2, %1\n vpaddb %1, %0, %0" : "+x"(sums[i]), "=&x"(found) : "x"(a));
    CLEAVE_TWELVE(CLEAVE_ONE)
#undef CLEAVE_ONE
  }
}

__attribute__((target("avx512f,avx512bw"))) void lookup_avx512(std::int64_t n) {
  __m512i sums[12] = {}, found;
  const __m512i a = _mm512_setzero_si512();
  for (; n > 0; --n) {
#define CLEAVE_ONE(i) asm volatile("vpshufb %2, %2, %1\n vpaddb %1, %0, %0" : "+v"(sums[i]), "=&v"(found) : "v"(a));
    CLEAVE_TWELVE(CLEAVE_ONE)
#undef CLEAVE_ONE
  }
}

// Exclusive or, count, add.
__attribute__((target("avx512f"))) void count_avx512(std::int64_t n) {
  __m512i sums[12] = {}, bits, a = _mm512_setzero_si512(), b = a;
  asm volatile("" : "+v"(a), "+v"(b));  // two registers: x ^ x would cost nothing
  for (; n > 0; --n) {
#define CLEAVE_ONE(i) \
  asm volatile("vpxorq %2, %3, %1\n vpopcntq %1, %1\n vpaddq %1, %0, %0" : "+v"(sums[i]), "=&v"(bits) : "v"(a), "v"(b));
    CLEAVE_TWELVE(CLEAVE_ONE)
#undef CLEAVE_ONE
  }
}

__attribute__((target("avx512f"))) void add_carries(__m512i& high, __m512i& low, __m512i a, __m512i b) {
  high = _mm512_ternarylogic_epi32(low, a, b, 0xE8);
  low = _mm512_ternarylogic_epi32(low, a, b, 0x96);
}

// Harley and Seal: exclusive or and carry-save adders, eight vectors a turn; the rest of the count is left out, so this
// is above what any such kernel reaches.
__attribute__((target("avx512f"))) void carry_avx512(std::int64_t n) {
  __m512i ones = _mm512_setzero_si512(), twos = ones, fours = ones, eights = ones, a = ones, b = ones;
  asm volatile("" : "+v"(a), "+v"(b));
  for (; n > 0; --n) {
    __m512i x[8], two[4], four[2];
    for (__m512i& bits : x) asm volatile("vpxorq %1, %2, %0" : "=v"(bits) : "v"(a), "v"(b));
    for (int i = 0; i < 4; ++i) add_carries(two[i], ones, x[2 * i], x[2 * i + 1]);
    for (int i = 0; i < 2; ++i) add_carries(four[i], twos, two[2 * i], two[2 * i + 1]);
    add_carries(eights, fours, four[0], four[1]);
    asm volatile("" : "+v"(ones), "+v"(twos), "+v"(fours), "+v"(eights));
  }
}

void measure_processor(Peaks& peaks) {
  const auto best = [](double& figure, double value) { figure = std::max(figure, value); };
  const auto add = [&](bool has, const char* name, void (*loop)(std::int64_t), double work) {
    const double rate = has ? rate_of(loop, work) : 0;
    if (has) peaks.all.push_back({name, rate, 1e-9, "Gop/s"});
    return rate;
  };
  const bool avx512 = __builtin_cpu_supports("avx512bw") != 0;
  peaks.fma_avx2 = add(__builtin_cpu_supports("fma") != 0, "float multiply-add, AVX2", fma_avx2, 12 * 8 * 2);
  peaks.fma_avx512 = add(avx512, "float multiply-add, AVX-512", fma_avx512, 12 * 16 * 2);
  peaks.int8 = add(__builtin_cpu_supports("avx512vnni") != 0, "int8 VNNI, AVX-512", vnni_avx512, 12 * 64 * 2);
  peaks.binary_avx2 = add(__builtin_cpu_supports("avx2") != 0, "binary look-up, AVX2", lookup_avx2, 12 * 32 * 4 * 2);
  best(peaks.binary, peaks.binary_avx2);
  best(peaks.binary, add(avx512, "binary look-up, AVX-512", lookup_avx512, 12 * 64 * 4 * 2));
  best(peaks.binary, add(avx512, "binary carry-save, AVX-512", carry_avx512, 8 * 512 * 2));
  best(peaks.binary,
       add(__builtin_cpu_supports("avx512vpopcntdq") != 0, "binary popcount, AVX-512", count_avx512, 12 * 512 * 2));
}

#else
void measure_processor(Peaks& /*peaks*/) {}
#endif

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
  Peaks peaks;
  measure_processor(peaks);
  peaks.read_bytes = read_rate();
  peaks.all.push_back({"memory read", peaks.read_bytes, 1e-9, "GB/s"});
  return peaks;
}

void print_peaks(const Peaks& peaks) {
  fmt::print("peaks of one thread, measured\n");
  for (const Peak& peak : peaks.all) fmt::print("  {:30} {:9.1f} {}\n", peak.name, peak.per_s * peak.scale, peak.unit);
}

}  // namespace cleave
