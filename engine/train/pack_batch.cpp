// Batches as bytes. A block is a matrix of one row per value of an image and one column per image; on the wire it has
// only the columns in use, so a full block is copied in one go and the last one row by row.
#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>

#include <fmt/format.h>
#include <Eigen/Core>

#include "engine/train/module_trainer.h"

namespace cleave {

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// The nearest whole number that i8 holds, the even one of two; 0 for what is no number. Beside 1.5·2^23 floats are
// whole numbers, so adding it rounds.
float round_i8(float value) {
  constexpr float kWhole = 12582912.0F;
  const float number = value == value ? value : 0.0F;
  const float within = std::min(std::max(number, -128.0F), 127.0F);
  return (within + kWhole) - kWhole;
}

std::uint16_t to_f16(float value) { return Eigen::numext::bit_cast<std::uint16_t>(Eigen::half(value)); }
float from_f16(std::uint16_t bits) {
  return static_cast<float>(Eigen::half(Eigen::half_impl::raw_uint16_to_half(bits)));
}

constexpr float bit_value(bool set) { return set ? 1.0F : -1.0F; }

// Values of a block on their way to bytes: bits need the place where the last row ended.
struct Packer {
  DType dtype;
  std::byte* to;
  std::int64_t bits = 0;

  void row(const float* values, std::int64_t count) {
    if (dtype == DType::f32) {
      std::memcpy(to, values, 4 * at(count));
      to += 4 * count;
    } else if (dtype == DType::f16) {
      for (std::int64_t i = 0; i < count; ++i, to += 2) {
        const std::uint16_t half = to_f16(values[i]);
        std::memcpy(to, &half, 2);
      }
    } else if (dtype == DType::i8) {
      for (std::int64_t i = 0; i < count; ++i)
        to[i] = static_cast<std::byte>(static_cast<std::int8_t>(static_cast<std::int32_t>(round_i8(values[i]))));
      to += count;
    } else {
      bit_row(values, count);
    }
  }

  void bit_row(const float* values, std::int64_t count) {
    std::int64_t i = 0;
    if (bits % 8 == 0)
      for (; i + 8 <= count; i += 8, bits += 8) to[bits / 8] = eight_bits(values + i);
    for (; i < count; ++i, ++bits) {
      if (bits % 8 == 0) to[bits / 8] = std::byte{0};
      if (values[i] > 0) to[bits / 8] |= static_cast<std::byte>(1U << (bits % 8));
    }
  }

  // Value k in bit k. The product moves the lowest bit of byte k to bit 56 + k.
  static std::byte eight_bits(const float* values) {
    std::array<std::uint8_t, 8> set;
    for (std::size_t k = 0; k < 8; ++k) set[k] = values[k] > 0 ? 1 : 0;
    return static_cast<std::byte>((std::bit_cast<std::uint64_t>(set) * 0x0102040810204080U) >> 56);
  }
};

// The eight values that a byte of bits stands for.
using EightValues = std::array<float, 8>;
constexpr std::array<EightValues, 256> kValuesOfByte = [] {
  std::array<EightValues, 256> values{};
  for (unsigned byte = 0; byte < 256; ++byte)
    for (unsigned k = 0; k < 8; ++k) values[byte][k] = bit_value((byte >> k & 1U) != 0);
  return values;
}();

struct Unpacker {
  DType dtype;
  const std::byte* from;
  std::int64_t bits = 0;

  void row(float* values, std::int64_t count) {
    if (dtype == DType::f32) {
      std::memcpy(values, from, 4 * at(count));
      from += 4 * count;
    } else if (dtype == DType::f16) {
      for (std::int64_t i = 0; i < count; ++i, from += 2) {
        std::uint16_t half = 0;
        std::memcpy(&half, from, 2);
        values[i] = from_f16(half);
      }
    } else if (dtype == DType::i8) {
      for (std::int64_t i = 0; i < count; ++i) values[i] = static_cast<float>(static_cast<std::int8_t>(from[i]));
      from += count;
    } else {
      bit_row(values, count);
    }
  }

  void bit_row(float* values, std::int64_t count) {
    std::int64_t i = 0;
    if (bits % 8 == 0)
      for (; i + 8 <= count; i += 8, bits += 8)
        std::memcpy(values + i, kValuesOfByte[std::to_integer<std::size_t>(from[bits / 8])].data(),
                    sizeof(EightValues));
    for (; i < count; ++i, ++bits)
      values[i] = bit_value((std::to_integer<unsigned>(from[bits / 8]) >> (bits % 8) & 1U) != 0);
  }
};

void round_row(float* values, std::int64_t count, DType dtype) {
  for (std::int64_t i = 0; i < count; ++i) {
    if (dtype == DType::f16) values[i] = from_f16(to_f16(values[i]));
    else if (dtype == DType::i8) values[i] = round_i8(values[i]);
    else if (dtype == DType::bit) values[i] = bit_value(values[i] > 0);
  }
}

// Bytes of a block with `used` images.
std::int64_t block_bytes(const Shape& shape, DType dtype, std::int64_t used) {
  return used * byte_count(dtype, element_count(shape));
}

}  // namespace

std::int64_t packed_bytes(const Shape& shape, DType dtype, std::int64_t images) {
  return images * (byte_count(dtype, element_count(shape)) + static_cast<std::int64_t>(sizeof(std::int32_t)));
}

void pack_batch(const BlockBatch& batch, DType dtype, std::span<std::byte> to) {
  assert(static_cast<std::int64_t>(to.size()) == packed_bytes(batch.shape, dtype, batch.images));
  const std::int64_t rows = element_count(batch.shape);
  std::byte* next = to.data();
  for (std::int64_t b = 0; b < batch.blocks(); ++b) {
    const std::int64_t used = batch.used(b);
    const float* values = batch.block(b).data;
    Packer packer{dtype, next};
    if (used == batch.lanes) packer.row(values, rows * batch.lanes);
    else
      for (std::int64_t r = 0; r < rows; ++r) packer.row(values + r * batch.lanes, used);
    std::byte* end = next + block_bytes(batch.shape, dtype, used);
    if (dtype == DType::bit) std::fill(next + (packer.bits + 7) / 8, end, std::byte{0});
    next = end;
  }
  std::memcpy(next, batch.labels.data(), sizeof(std::int32_t) * at(batch.images));
}

void unpack_batch(std::span<const std::byte> from, const Shape& shape, DType dtype, std::int64_t lanes,
                  BlockBatch& to) {
  const std::int64_t item = packed_bytes(shape, dtype, 1);
  const auto size = static_cast<std::int64_t>(from.size());
  if (size == 0 || size % item != 0)
    throw RunError(fmt::format("a batch of {} bytes is not a whole number of images of {} bytes", size, item));
  resize_batch(to, shape, size / item, lanes);
  const std::int64_t rows = element_count(shape);
  const std::byte* next = from.data();
  for (std::int64_t b = 0; b < to.blocks(); ++b) {
    const std::int64_t used = to.used(b);
    float* values = to.block(b).data;
    Unpacker unpacker{dtype, next};
    if (used == lanes) unpacker.row(values, rows * lanes);
    else
      for (std::int64_t r = 0; r < rows; ++r) {
        unpacker.row(values + r * lanes, used);
        std::fill(values + r * lanes + used, values + (r + 1) * lanes, 0.0F);
      }
    next += block_bytes(shape, dtype, used);
  }
  std::memcpy(to.labels.data(), next, sizeof(std::int32_t) * at(to.images));
}

void round_batch(BlockBatch& batch, DType dtype) {
  const std::int64_t rows = element_count(batch.shape);
  for (std::int64_t b = 0; b < batch.blocks(); ++b) {
    const std::int64_t used = batch.used(b);
    if (used == batch.lanes && dtype == DType::f32) continue;
    float* values = batch.block(b).data;
    for (std::int64_t r = 0; r < rows; ++r) {
      if (dtype != DType::f32) round_row(values + r * batch.lanes, used, dtype);
      std::fill(values + r * batch.lanes + used, values + (r + 1) * batch.lanes, 0.0F);
    }
  }
}

}  // namespace cleave
