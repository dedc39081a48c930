// What the processor can do at most with the instructions the integer kernels are made of, nothing loaded and nothing
// stored: operations (two a product) a second. Null where there is nothing to measure.
#pragma once

#include <cstdint>
#include <string_view>

#include "bench/bench.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace cleave {

struct WordLimit {
  void (*run)(std::int64_t rounds) = nullptr;
  double operations = 0;  // of one round
};

#if defined(__x86_64__)

// Exclusive or, count, add: 512 products a register.
__attribute__((target("avx512f,avx512vpopcntdq"), noinline)) inline void count_512(std::int64_t rounds) {
  __m512i sums[8], inputs[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) sums[i] = inputs[i] = _mm512_set1_epi32(i);
  const __m512i weights = _mm512_set1_epi32(5);
  for (std::int64_t r = 0; r < rounds; ++r)
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      __m512i bits;
      asm volatile("vpxord %1, %2, %0" : "=v"(bits) : "v"(weights), "v"(inputs[i]));
      asm volatile("vpopcntd %0, %0" : "+v"(bits));
      asm volatile("vpaddd %1, %0, %0" : "+v"(sums[i]) : "v"(bits));
    }
}

// One look-up, one addition: 256 products a register of 64 bytes, 128 of 32.
__attribute__((target("avx512f,avx512bw"), noinline)) inline void look_up_512(std::int64_t rounds) {
  __m512i sums[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) sums[i] = _mm512_set1_epi32(i);
  const __m512i weights = _mm512_set1_epi32(5);
  for (std::int64_t r = 0; r < rounds; ++r)
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      __m512i found;
      asm volatile("vpshufb %1, %1, %0" : "=v"(found) : "v"(weights));
      asm volatile("vpaddb %1, %0, %0" : "+v"(sums[i]) : "v"(found));
    }
}
__attribute__((target("avx2"), noinline)) inline void look_up_256(std::int64_t rounds) {
  __m256i sums[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) sums[i] = _mm256_set1_epi32(i);
  const __m256i weights = _mm256_set1_epi32(5);
  for (std::int64_t r = 0; r < rounds; ++r)
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      __m256i found;
      asm volatile("vpshufb %1, %1, %0" : "=x"(found) : "x"(weights));
      asm volatile("vpaddb %1, %0, %0" : "+x"(sums[i]) : "x"(found));
    }
}

// 8 exclusive ors, 7 additions of bits of two operations each, one count of bytes by two look-ups: 8 · 512 products.
__attribute__((target("avx512f,avx512bw"), noinline)) inline void carry_512(std::int64_t rounds) {
  __m512i sums[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) sums[i] = _mm512_set1_epi32(i);
  const __m512i weights = _mm512_set1_epi32(5);
  for (std::int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 16
    for (int i = 0; i < 8; ++i) asm volatile("vpxord %1, %1, %0" : "=v"(sums[i]) : "v"(weights));
#pragma GCC unroll 16
    for (int i = 0; i < 14; ++i) asm volatile("vpternlogd $0x96, %1, %1, %0" : "+v"(sums[i % 8]) : "v"(weights));
#pragma GCC unroll 16
    for (int i = 0; i < 2; ++i) asm volatile("vpandd %1, %1, %0" : "=v"(sums[i]) : "v"(weights));
    asm volatile("vpsrlw $4, %1, %0" : "=v"(sums[2]) : "v"(weights));
#pragma GCC unroll 16
    for (int i = 0; i < 2; ++i) asm volatile("vpshufb %1, %1, %0" : "=v"(sums[i]) : "v"(weights));
#pragma GCC unroll 16
    for (int i = 0; i < 2; ++i) asm volatile("vpaddb %1, %0, %0" : "+v"(sums[i]) : "v"(weights));
  }
}

// One instruction: 64 products a register.
__attribute__((target("avx512f,avx512vnni"), noinline)) inline void dot_512(std::int64_t rounds) {
  __m512i sums[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) sums[i] = _mm512_set1_epi32(i);
  const __m512i weights = _mm512_set1_epi32(5);
  for (std::int64_t r = 0; r < rounds; ++r)
#pragma GCC unroll 16
    for (int i = 0; i < 8; ++i) asm volatile("vpdpbusd %1, %1, %0" : "+v"(sums[i]) : "v"(weights));
}

#endif

// The best of what the instruction set offers binary layers.
inline std::vector<WordLimit> binary_limits([[maybe_unused]] std::string_view isa_name) {
#if defined(__x86_64__)
  if (isa_name == "avx512_popcnt") return {{count_512, 8 * 512 * 2}};
  if (isa_name == "avx512") return {{look_up_512, 8 * 256 * 2}, {carry_512, 8 * 512 * 2}};
  if (isa_name == "avx2") return {{look_up_256, 8 * 128 * 2}};
#endif
  return {};
}
inline std::vector<WordLimit> int8_limits([[maybe_unused]] std::string_view isa_name) {
#if defined(__x86_64__)
  if (isa_name == "avx512_vnni") return {{dot_512, 8 * 64 * 2}};
#endif
  return {};
}

}  // namespace cleave
