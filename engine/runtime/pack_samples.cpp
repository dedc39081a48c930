// Samples <-> bytes on the wire.
#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>

#include <Eigen/Core>

#include "engine/runtime/shard.h"

namespace cleave {

static_assert(std::endian::native == std::endian::little, "the wire is little endian");

namespace {

using Halves = Eigen::Map<Eigen::Array<Eigen::half, Eigen::Dynamic, 1>>;
using ConstHalves = Eigen::Map<const Eigen::Array<Eigen::half, Eigen::Dynamic, 1>>;

// Values beyond the range become its ends.
std::byte packed_i8(float value) {
  const float whole = std::isnan(value) ? 0 : std::nearbyint(std::clamp(value, -128.0F, 127.0F));
  return static_cast<std::byte>(static_cast<std::int8_t>(whole));
}

// Bits are -1 and 1.
void pack_bits(const float* from, std::int64_t count, std::byte* to) {
  for (; count >= 8; count -= 8, from += 8, ++to) {
    unsigned byte = 0;
    for (unsigned i = 0; i < 8; ++i) byte |= (from[i] > 0 ? 1U : 0U) << i;
    *to = static_cast<std::byte>(byte);
  }
  if (count == 0) return;
  unsigned byte = 0;
  for (unsigned i = 0; i < static_cast<unsigned>(count); ++i) byte |= (from[i] > 0 ? 1U : 0U) << i;
  *to = static_cast<std::byte>(byte);
}

void unpack_bits(const std::byte* from, std::int64_t count, float* to) {
  for (std::int64_t done = 0; done < count; done += 8, ++from) {
    const std::int64_t here = std::min<std::int64_t>(8, count - done);
    const auto byte = static_cast<int>(*from);
    for (std::int64_t i = 0; i < here; ++i) to[done + i] = static_cast<float>(2 * (byte >> i & 1) - 1);
  }
}

}  // namespace

void pack_samples(const ConstTensorView& from, DType dtype, std::span<std::byte> to) {
  const std::int64_t size = from.sample_size(), bytes = byte_count(dtype, size);
  assert(std::ssize(to) == from.batch * bytes);
  const std::span<const float> values = from.values();
  switch (dtype) {
    case DType::f32: std::memcpy(to.data(), values.data(), values.size_bytes()); return;
    case DType::f16: {
      // Eigen's own loop is vectorised where the machine can; the buffer need not be aligned.
      constexpr std::size_t kPiece = 1024;
      std::array<Eigen::half, kPiece> piece;
      for (std::size_t done = 0; done < values.size(); done += kPiece) {
        const std::size_t here = std::min(kPiece, values.size() - done);
        const auto count = static_cast<Eigen::Index>(here);
        Halves(piece.data(), count) = Eigen::Map<const Eigen::ArrayXf>(values.data() + done, count).cast<Eigen::half>();
        std::memcpy(to.data() + 2 * done, piece.data(), 2 * here);
      }
      return;
    }
    case DType::i8: std::transform(values.begin(), values.end(), to.begin(), packed_i8); return;
    case DType::bit:
      for (std::int64_t i = 0; i < from.batch; ++i) pack_bits(from.sample(i), size, to.data() + i * bytes);
      return;
  }
}

void unpack_samples(std::span<const std::byte> from, DType dtype, const TensorView& to) {
  const std::int64_t size = to.sample_size(), bytes = byte_count(dtype, size);
  assert(std::ssize(from) == to.batch * bytes);
  const std::span<float> values = to.values();
  switch (dtype) {
    case DType::f32: std::memcpy(values.data(), from.data(), values.size_bytes()); return;
    case DType::f16: {
      constexpr std::size_t kPiece = 1024;
      std::array<Eigen::half, kPiece> piece;
      for (std::size_t done = 0; done < values.size(); done += kPiece) {
        const std::size_t here = std::min(kPiece, values.size() - done);
        const auto count = static_cast<Eigen::Index>(here);
        std::memcpy(piece.data(), from.data() + 2 * done, 2 * here);
        Eigen::Map<Eigen::ArrayXf>(values.data() + done, count) = ConstHalves(piece.data(), count).cast<float>();
      }
      return;
    }
    case DType::i8:
      std::transform(from.begin(), from.end(), values.begin(),
                     [](std::byte byte) { return static_cast<float>(static_cast<std::int8_t>(byte)); });
      return;
    case DType::bit:
      for (std::int64_t i = 0; i < to.batch; ++i) unpack_bits(from.data() + i * bytes, size, to.sample(i));
      return;
  }
}

}  // namespace cleave
