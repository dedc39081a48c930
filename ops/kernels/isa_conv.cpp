// Direct convolution of one image, compiled once per instruction set.
//
// A tile is a few neighbouring pixels of an output row times a few vectors of filters, its sums held in registers from
// the bias to the store. For every input of the window the vectors of weights are loaded once and each pixel's input is
// multiplied into them, so a tile of 14 pixels and 2 vectors does 28 multiply-adds for 16 loads. Windows never leave
// the image's halo, hence no branch; the cells of a window's row lie side by side, hence one loop over columns and
// channels. Rows are cut into tiles of nearly equal width, every width being compiled, so there is no slow remainder.
#include <cstdint>

#include "ops/kernels/infer_kernels.h"

namespace cleave::CLEAVE_ISA {

extern const InferKernels kInferKernels;

namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
constexpr int kWidths[kMostVectors + 1] = {0, 16, 14, 9,
                                           7};  // pixels of a tile by its vectors: as many sums as there are registers
#elif defined(__AVX__)
constexpr int kLanes = 8;
constexpr int kWidths[kMostVectors + 1] = {0, 8, 6, 4, 0};
#elif defined(__aarch64__)
constexpr int kLanes = 4;
constexpr int kWidths[kMostVectors + 1] = {0, 8, 8, 8, 6};
#else
constexpr int kLanes = 4;
constexpr int kWidths[kMostVectors + 1] = {0, 8, 6, 4, 0};
#endif
using V = float __attribute__((vector_size(kLanes * 4)));
using Unaligned = float __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

#define CLEAVE_LOAD(p) (*reinterpret_cast<const Unaligned*>(p))
#define CLEAVE_STORE(p, v) (*reinterpret_cast<Unaligned*>(p) = (v))
#define CLEAVE_INLINE inline __attribute__((always_inline))
#define CLEAVE_UNROLL _Pragma("GCC unroll 16")

// Where a tile begins, and how many of its filters are real.
struct Place {
  const float* input;
  const float* weights;
  const float* bias;
  float* output;
  const float* add;
  std::int64_t filters;
};

// Three pixels share a pointer: more would not be left in registers, and the others' offsets are free in an address.
constexpr int kShared = 3;

template <int kPixels, int kVectors, int kInputs>
CLEAVE_INLINE void add_inputs(V (&sums)[kPixels][kVectors], const float* (&pixels)[(kPixels + kShared - 1) / kShared],
                              const float*& weights, std::int64_t step) {
  CLEAVE_UNROLL
  for (int i = 0; i < kInputs; ++i) {
    V factors[kVectors];
    CLEAVE_UNROLL
    for (int v = 0; v < kVectors; ++v) factors[v] = CLEAVE_LOAD(weights + (i * kVectors + v) * kLanes);
    CLEAVE_UNROLL
    for (int p = 0; p < kPixels; ++p) {
      const float x = pixels[p / kShared][p % kShared * step + i];
      CLEAVE_UNROLL
      for (int v = 0; v < kVectors; ++v) sums[p][v] += x * factors[v];
    }
  }
  CLEAVE_UNROLL
  for (int k = 0; k < (kPixels + kShared - 1) / kShared; ++k) pixels[k] += kInputs;
  weights += kInputs * kVectors * kLanes;
}

// Adds a run of inputs that lie side by side; `weights` goes on to the next run's.
template <int kPixels, int kVectors>
CLEAVE_INLINE void add_run(V (&sums)[kPixels][kVectors], const float* from, const float*& weights, std::int64_t run,
                           std::int64_t step) {
  constexpr int kPointers = (kPixels + kShared - 1) / kShared;
  const float* pixels[kPointers];
  CLEAVE_UNROLL
  for (int k = 0; k < kPointers; ++k) {
    pixels[k] = from + k * kShared * step;
    asm("" : "+r"(pixels[k]));  // else the compiler derives them from each other inside the loop
  }
  std::int64_t i = 0;
  for (; i + 4 <= run; i += 4) add_inputs<kPixels, kVectors, 4>(sums, pixels, weights, step);
  for (; i < run; ++i) add_inputs<kPixels, kVectors, 1>(sums, pixels, weights, step);
}

// Finishes the first `count` lanes of a vector.
__attribute__((noinline)) void store_some(float* to, const float* add, const float* sums, const ImageOut& out,
                                          std::int64_t count) {
  for (std::int64_t lane = 0; lane < count; ++lane) {
    float x = add == nullptr ? sums[lane] : sums[lane] + add[lane];
    x = x < out.low ? out.low : x;
    to[lane] = x > out.high ? out.high : x;
  }
}

template <int kPixels, int kVectors>
CLEAVE_INLINE void store_tile(const V (&sums)[kPixels][kVectors], const ImageOut& out, const Place& place) {
  const V low = V{} + out.low;
  const V high = V{} + out.high;
  const bool whole = place.filters >= kVectors * kLanes;
  CLEAVE_UNROLL
  for (int p = 0; p < kPixels; ++p) {
    float* to = place.output + p * out.pixel;
    const float* add = place.add == nullptr ? nullptr : place.add + p * out.add_pixel;
    CLEAVE_UNROLL
    for (int v = 0; v < kVectors; ++v, to += kLanes, add += add == nullptr ? 0 : kLanes) {
      if (v == kVectors - 1 && !whole) break;
      V x = sums[p][v];
      if (add != nullptr) x += CLEAVE_LOAD(add);
      x = x < low ? low : x;
      CLEAVE_STORE(to, x > high ? high : x);
    }
    if (whole) continue;
    float last[kLanes];
    CLEAVE_STORE(last, sums[p][kVectors - 1]);
    store_some(to, add, last, out, place.filters - (kVectors - 1) * kLanes);
  }
}

template <int kPixels, int kVectors>
void tile(const DirectConv& conv, const Place& place) {
  V sums[kPixels][kVectors];
  CLEAVE_UNROLL
  for (int p = 0; p < kPixels; ++p) {
    CLEAVE_UNROLL
    for (int v = 0; v < kVectors; ++v) sums[p][v] = CLEAVE_LOAD(place.bias + v * kLanes);
  }
  const float* weights = place.weights;
  const float* row = place.input;
  for (std::int64_t y = 0; y < conv.kernel_rows; ++y, row += conv.in_row) {
    const float* from = row;
    for (std::int64_t r = 0; r < conv.runs; ++r, from += conv.in_run)
      add_run<kPixels, kVectors>(sums, from, weights, conv.run, conv.in_step);
  }
  store_tile<kPixels, kVectors>(sums, conv.out, place);
}

using Tile = void (*)(const DirectConv&, const Place&);

struct Tiles {
  Tile by_size[kMostVectors + 1][17];  // [vectors][pixels]
};

template <int kVectors, int kPixels>
constexpr void add_tiles(Tiles& tiles) {
  if constexpr (kPixels > 0) {
    tiles.by_size[kVectors][kPixels] = tile<kPixels, kVectors>;
    add_tiles<kVectors, kPixels - 1>(tiles);
  }
}

constexpr Tiles all_tiles() {
  Tiles tiles{};
  add_tiles<1, kWidths[1]>(tiles);
  add_tiles<2, kWidths[2]>(tiles);
  add_tiles<3, kWidths[3]>(tiles);
  add_tiles<4, kWidths[4]>(tiles);
  return tiles;
}

constexpr Tiles kTiles = all_tiles();

// One output row of one block of filters; `place` is at its first pixel.
CLEAVE_INLINE void sum_row(const DirectConv& conv, const Place& start, std::int64_t vectors, std::int64_t columns) {
  const std::int64_t count = (columns + kWidths[vectors] - 1) / kWidths[vectors];
  for (std::int64_t t = 0; t < count; ++t) {
    const std::int64_t x = columns * t / count;
    const std::int64_t pixels = columns * (t + 1) / count - x;
    Place place = start;
    place.input += x * conv.in_step;
    place.output += x * conv.out.pixel;
    if (place.add != nullptr) place.add += x * conv.out.add_pixel;
    kTiles.by_size[vectors][pixels](conv, place);
  }
}

void convolve(const DirectConv& conv, std::int64_t from, std::int64_t to) {
  const std::int64_t vectors = (conv.filters + kLanes - 1) / kLanes;
  const std::int64_t blocks = (vectors + conv.vectors - 1) / conv.vectors;
  const std::int64_t taps = conv.kernel_rows * conv.runs * conv.run;
  for (std::int64_t unit = from; unit < to; ++unit) {
    const std::int64_t y = unit % conv.rows;
    const std::int64_t block = unit / conv.rows % blocks;
    const std::int64_t group = unit / conv.rows / blocks;
    const std::int64_t first = block * conv.vectors;  // vector of the group's
    const std::int64_t channel = group * conv.filters + first * kLanes;
    const std::int64_t count = vectors - first < conv.vectors ? vectors - first : conv.vectors;
    const std::int64_t lane = (group * vectors + first) * kLanes;
    const Place place = {
        .input = conv.input + y * conv.in_down + group * conv.inputs,
        .weights = conv.weights + lane * taps,
        .bias = conv.bias + lane,
        .output = conv.out.data + y * conv.out.row + channel,
        .add = conv.out.add == nullptr ? nullptr : conv.out.add + y * conv.out.add_row + channel,
        .filters = conv.filters - first * kLanes,
    };
    sum_row(conv, place, count, y + 1 == conv.rows ? conv.last_columns : conv.columns);
  }
}

}  // namespace

const InferKernels kInferKernels = {
#define CLEAVE_TEXT(x) #x
#define CLEAVE_NAME(x) CLEAVE_TEXT(x)
    CLEAVE_NAME(CLEAVE_ISA), kLanes, kWidths, convolve};

}  // namespace cleave::CLEAVE_ISA
