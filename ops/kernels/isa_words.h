// How the kernels of word_conv.h walk over an image. For the files that are compiled once per instruction set: local to
// each.
#pragma once

#include <cstdint>

#include "ops/kernels/isa_finish.h"

namespace cleave::CLEAVE_ISA {
namespace {

// What a tile of kPixels pixels and kVectors vectors reads. `Op::sum` writes its sums.
template <class Unit>
struct TileWords {
  const std::int32_t* offsets;
  std::int64_t steps;
  const Unit* image;             // the first pixel's window
  std::int64_t pixel_words;      // from one pixel's window to the next one's
  const std::uint32_t* weights;  // the first vector's
  std::int64_t vector_words;     // from one vector's to the next one's
};

template <class Op, int kPixels, int kVectors>
CLEAVE_INLINE void run_tile(const WordConv& conv, const Tile& tile) {
  const std::int64_t pixel = conv.groups * conv.words;
  const TileWords<typename Op::Unit> words{
      .offsets = conv.offsets,
      .steps = conv.steps,
      .image = static_cast<const typename Op::Unit*>(conv.image) + tile.y * conv.y.stride * conv.row_words +
               tile.x * conv.x.stride * pixel + tile.group * conv.words + tile.vector * Op::kVectorUnits,
      .pixel_words = conv.x.stride * pixel,
      .weights = conv.weights + (tile.group * conv.vectors + tile.vector) * conv.vector_words,
      .vector_words = conv.vector_words};
  Ints sums[kPixels][kVectors];
  Op::template sum<kPixels, kVectors>(words, sums);
  finish_tile(conv, tile, sums);
}

// One row of the output, kVectors vectors of filters.
template <class Op, int kVectors>
void run_row(const WordConv& conv, Tile tile) {
  for (; tile.x + Op::kPixels <= conv.x.out; tile.x += Op::kPixels) run_tile<Op, Op::kPixels, kVectors>(conv, tile);
  if constexpr (Op::kPixels > 2)
    for (; tile.x + 2 <= conv.x.out; tile.x += 2) run_tile<Op, 2, kVectors>(conv, tile);
  for (; tile.x < conv.x.out; ++tile.x) run_tile<Op, 1, kVectors>(conv, tile);
}

// Op: Unit, units from one vector of filters to the next, pixels and vectors of a tile at most, vectors at least.
template <class Op>
void run_blocks(const WordConv& conv, std::int64_t from, std::int64_t to) {
  const std::int64_t blocks = (conv.vectors + kBlockVectors - 1) / kBlockVectors;
  for (std::int64_t i = from; i < to; ++i) {
    const std::int64_t row = i / blocks;
    Tile tile{row / conv.groups, 0, row % conv.groups, i % blocks * kBlockVectors};
    std::int64_t left = conv.vectors - tile.vector < kBlockVectors ? conv.vectors - tile.vector : kBlockVectors;
    for (; left >= Op::kVectors; left -= Op::kVectors, tile.vector += Op::kVectors)
      run_row<Op, Op::kVectors>(conv, tile);
    if constexpr (Op::kVectors / 2 > Op::kLeastVectors)
      for (; left >= Op::kVectors / 2; left -= Op::kVectors / 2, tile.vector += Op::kVectors / 2)
        run_row<Op, Op::kVectors / 2>(conv, tile);
    if constexpr (Op::kVectors > Op::kLeastVectors)
      for (; left > 0; left -= Op::kLeastVectors, tile.vector += Op::kLeastVectors)
        run_row<Op, Op::kLeastVectors>(conv, tile);
  }
}

}  // namespace
}  // namespace cleave::CLEAVE_ISA
