// What the files of the int8 kernels share. For the files that are compiled once per instruction set only.
#pragma once

#include <cstdint>

#include "ops/kernels/int8_kernels.h"
#include "ops/kernels/isa_words.h"

namespace cleave::CLEAVE_ISA {

// Of isa_int8_pack.cpp, see Int8Kernels.
void pack_words(const float* from, std::int64_t items, std::int64_t channels, float inverse, std::uint32_t* to);
void pack_each(const float* from, std::int64_t items, std::int64_t channels, float inverse, std::int16_t* to);

namespace {

// See the essay in isa_int8.cpp.
#if defined(__AVX512VNNI__)
constexpr std::int64_t kChannels = 4, kOffset = 128;
#elif defined(__ARM_NEON)
constexpr std::int64_t kChannels = 4, kOffset = 0;
#else
constexpr std::int64_t kChannels = 2, kOffset = 0;
#endif

}  // namespace
}  // namespace cleave::CLEAVE_ISA
