// Layers whose inputs and weights are rounded to -127 … 127 times a scale: the sums of products are 32-bit integers,
// and exact. One table per instruction set; nothing here may define an inline function.
#pragma once

#include <cstdint>
#include <string_view>

#include "ops/kernels/word_conv.h"

namespace cleave {

inline constexpr std::int64_t kMostInt8 = 127;

struct Int8Kernels {
  const char* isa_name;
  std::int64_t lanes;     // filters of one vector
  std::int64_t channels;  // that a word holds: 4 bytes, or 2 pairs of bytes
  std::int64_t offset;    // what is added to the inputs' bytes, so that they are not negative
  // Rounds `items` times `channels` floats, times `inverse`, to the nearest integer (halves to even ones) in -127 … 127
  // and packs each item into whole words. A NaN becomes 0.
  void (*pack)(const float* from, std::int64_t items, std::int64_t channels, float inverse, std::uint32_t* to);
  // output = (base + Σ inputs · weights)·scale + bias + add, clamped. Units are words.
  WordConvRun run;
  // The same for a filter per channel: units are pairs of bytes, one of each channel, filled up to whole vectors; the
  // weights are [vectors][cells][lanes], their upper halves 0. groups and filters are those of the whole: 1 and all.
  void (*pack_each)(const float* from, std::int64_t items, std::int64_t channels, float inverse, std::int16_t* to);
  WordConvRun run_each;
};

// The table of the instruction set that chosen_isa() names.
const Int8Kernels& int8_kernels();
// The table of one instruction set, null when this processor or build lacks it. "avx512_vnni" is the part of avx512
// that multiplies and adds bytes.
const Int8Kernels* int8_kernels_for(std::string_view isa_name);

}  // namespace cleave
