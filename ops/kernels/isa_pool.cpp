// Pooling of one image, compiled once per instruction set: channels are the lanes. The last vector of a pixel reaches
// back where the channels are no multiple of its width.
#include <cstdint>

#include "ops/kernels/infer_kernels.h"
#include "ops/kernels/isa_tile.h"

namespace cleave::CLEAVE_ISA {

void pool_largest(const Pooling& pool, std::int64_t from, std::int64_t to);
void pool_mean(const Pooling& pool, std::int64_t from, std::int64_t to);

namespace {

struct Largest {
  static constexpr float kStart = -__builtin_inff();
  template <class Value>
  static CLEAVE_INLINE void combine(Value& so_far, const Value& x) {
    so_far = so_far < x ? x : so_far;
  }
  template <class Value>
  static CLEAVE_INLINE void finish(Value&, float) {}
};

struct Mean {
  static constexpr float kStart = 0;
  template <class Value>
  static CLEAVE_INLINE void combine(Value& so_far, const Value& x) {
    so_far += x;
  }
  template <class Value>
  static CLEAVE_INLINE void finish(Value& sum, float cells) {
    sum /= cells;
  }
};

// The real cells of a window: rows and columns of the image.
struct Cells {
  const float* first;
  std::int64_t rows, columns;
};

CLEAVE_INLINE std::int64_t inside(std::int64_t at, std::int64_t size) { return at < 0 ? 0 : at > size ? size : at; }

template <class Kind, int kVectors>
CLEAVE_INLINE void some_vectors(const Pooling& pool, const Cells& cells, float* output) {
  V sums[kVectors];
  for (int v = 0; v < kVectors; ++v) sums[v] = V{} + Kind::kStart;
  for (std::int64_t y = 0; y < cells.rows; ++y)
    for (std::int64_t x = 0; x < cells.columns; ++x) {
      const float* from = cells.first + y * pool.in_row + x * pool.channels;
      CLEAVE_UNROLL
      for (int v = 0; v < kVectors; ++v) Kind::combine(sums[v], V(CLEAVE_LOAD(from + v * kLanes)));
    }
  for (int v = 0; v < kVectors; ++v) {
    Kind::finish(sums[v], static_cast<float>(cells.rows * cells.columns));
    CLEAVE_STORE(output + v * kLanes, sums[v]);
  }
}

template <class Kind>
CLEAVE_INLINE void one_pixel(const Pooling& pool, const Cells& cells, float* output) {
  const auto at = [&](std::int64_t c) { return Cells{cells.first + c, cells.rows, cells.columns}; };
  std::int64_t c = 0;
  for (; c + 4 * kLanes <= pool.channels; c += 4 * kLanes) some_vectors<Kind, 4>(pool, at(c), output + c);
  for (; c + kLanes <= pool.channels; c += kLanes) some_vectors<Kind, 1>(pool, at(c), output + c);
  if (c < pool.channels && c > 0) {
    c = pool.channels - kLanes;
    return some_vectors<Kind, 1>(pool, at(c), output + c);
  }
  for (; c < pool.channels; ++c) {
    float sum = Kind::kStart;
    for (std::int64_t y = 0; y < cells.rows; ++y)
      for (std::int64_t x = 0; x < cells.columns; ++x)
        Kind::combine(sum, cells.first[y * pool.in_row + x * pool.channels + c]);
    Kind::finish(sum, static_cast<float>(cells.rows * cells.columns));
    output[c] = sum;
  }
}

template <class Kind>
CLEAVE_INLINE void pool_rows(const Pooling& pool, std::int64_t from, std::int64_t to) {
  for (std::int64_t y = from; y < to; ++y) {
    const std::int64_t top = y * pool.stride_y - pool.above;
    const std::int64_t first_row = inside(top, pool.in_rows);
    for (std::int64_t x = 0; x < pool.columns; ++x) {
      const std::int64_t left = x * pool.stride_x - pool.left;
      const std::int64_t first = inside(left, pool.in_columns);
      const Cells cells = {pool.input + first_row * pool.in_row + first * pool.channels,
                           inside(top + pool.size_y, pool.in_rows) - first_row,
                           inside(left + pool.size_x, pool.in_columns) - first};
      one_pixel<Kind>(pool, cells, pool.output + y * pool.out_row + x * pool.channels);
    }
  }
}

}  // namespace

void pool_largest(const Pooling& pool, std::int64_t from, std::int64_t to) { pool_rows<Largest>(pool, from, to); }
void pool_mean(const Pooling& pool, std::int64_t from, std::int64_t to) { pool_rows<Mean>(pool, from, to); }

}  // namespace cleave::CLEAVE_ISA
