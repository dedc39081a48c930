// Layers whose weights are -1, 0 or 1 and whose inputs are ±1 (a `sign` layer's, dtype bit): 32 products in one word.
//
// A set bit is +1. A product of ±1 is -1 where the bits differ, so a sum over n inputs is n - 2·(bits that differ);
// weights that are 0 are masked out: n is then the number of the others. Around the image stand words of zero bits,
// that is of -1: where a window reaches into them, the sum of its weights there is added back.
//
// Three forms, see the essays in isa_binary.cpp, isa_binary_carry.cpp and isa_binary_table.cpp. One table per
// instruction set; nothing here may define an inline function.
#pragma once

#include <cstdint>
#include <string_view>

#include "ops/kernels/word_conv.h"

namespace cleave {

enum class BinaryWeights : std::uint8_t { sign, bit, ternary };  // {-1,1}, {0,1}, {-1,0,1}

// Vectors of weights per vector of filters and word of inputs, by BinaryWeights: the bits that are 1, and for ternary
// weights those that are not 0.
inline constexpr std::int64_t kBinaryPlanes[] = {1, 1, 2};

// `table` takes the filters in fours of vectors. Byte 4·i + r of a step's weights is what half a byte of the inputs is
// looked up with for filter kTableQuarter[r]·lanes + i of the four vectors.
inline constexpr std::int64_t kTableVectors = 4;
inline constexpr std::int64_t kTableQuarter[] = {0, 2, 1, 3};
// Steps whose sums the lanes of `table` hold.
inline constexpr std::int64_t kTableSteps = 16380;

// How sums are made. count: bits of each word; carry: of words added up first; table: half bytes looked up.
enum class BinaryForm : std::uint8_t { count, carry, table };

struct BinaryKernels {
  const char* isa_name;
  std::int64_t lanes;  // filters of one vector
  bool counts;         // whether one instruction counts the bits of words or bytes
  // Packs `items` times `channels` floats, each into ceil(channels / 32) words: a bit is set where the sign is plus.
  void (*pack)(const float* from, std::int64_t items, std::int64_t channels, std::uint32_t* to);
  // output = (base + halo sums - 2·bits that differ)·scale + bias + add, clamped; by BinaryForm, then BinaryWeights;
  // null where there is none. The units of the image are words, those of `table` bytes that hold 16·(four bits).
  const WordConvRun* run[3];
};

// The table of the instruction set that chosen_isa() names.
const BinaryKernels& binary_kernels();
// The table of one instruction set, null when this processor or build lacks it. "avx512_popcnt" is the part of avx512
// that counts the bits of whole words.
const BinaryKernels* binary_kernels_for(std::string_view isa_name);

}  // namespace cleave
