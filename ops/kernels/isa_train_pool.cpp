// Pooling in the training layout, compiled once per instruction set: one vector of lanes of one output at a time. The
// cells of a window are combined row by row; padding does not count.
#include <cstdint>

#include "ops/kernels/train_kernels.h"

namespace cleave::CLEAVE_ISA {

void largest(const PlaneWindows& windows, float* out, const float* plane);
void mean(const PlaneWindows& windows, float* out, const float* plane);

namespace {

constexpr std::int64_t kVector = 16;
using V = float __attribute__((vector_size(64)));
using Unaligned = float __attribute__((vector_size(64), aligned(4), may_alias));

#define CLEAVE_LOAD(p) (*reinterpret_cast<const Unaligned*>(p))
#define CLEAVE_STORE(p, v) (*reinterpret_cast<Unaligned*>(p) = (v))
#define CLEAVE_INLINE inline __attribute__((always_inline))

struct Span {
  std::int64_t from, to;
};

// The real cells of the window that begins at `start`, as places of the input.
CLEAVE_INLINE Span cells(std::int64_t start, std::int64_t size, std::int64_t in) {
  return {start < 0 ? 0 : start, start + size < in ? start + size : in};
}

template <bool kMean>
CLEAVE_INLINE void pool(const PlaneWindows& w, float* out, const float* plane) {
  for (std::int64_t y = 0; y < w.out_rows; ++y)
    for (std::int64_t x = 0; x < w.out_columns; ++x, out += w.lanes) {
      const Span rows = cells(y * w.stride - w.above, w.size, w.in_rows);
      const Span columns = cells(x * w.stride - w.left, w.size, w.in_columns);
      for (std::int64_t lane = 0; lane < w.lanes; lane += kVector) {
        V value = V{} + (kMean ? 0.0F : -__builtin_inff());
        for (std::int64_t row = rows.from; row < rows.to; ++row)
          for (std::int64_t column = columns.from; column < columns.to; ++column) {
            const V cell = CLEAVE_LOAD(plane + (row * w.in_columns + column) * w.lanes + lane);
            if constexpr (kMean) value += cell;
            else value = value < cell ? cell : value;
          }
        if constexpr (kMean) value /= static_cast<float>((rows.to - rows.from) * (columns.to - columns.from));
        CLEAVE_STORE(out + lane, value);
      }
    }
}

}  // namespace

void largest(const PlaneWindows& windows, float* out, const float* plane) { pool<false>(windows, out, plane); }

void mean(const PlaneWindows& windows, float* out, const float* plane) { pool<true>(windows, out, plane); }

}  // namespace cleave::CLEAVE_ISA
