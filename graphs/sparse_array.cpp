#include "graphs/sparse_array.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ops/core/bytes.h"

namespace cleave {

namespace {

constexpr std::int64_t kMostWeights = std::int64_t{1} << 32;  // that an index can name

bool is_on(float value) { return std::bit_cast<std::uint32_t>(value) != 0; }

std::int64_t bitmap_bytes(std::int64_t count) { return (count + 7) / 8; }

}  // namespace

std::int64_t sparse_bytes(std::int64_t count, std::int64_t on) {
  return 4 * on + std::min(bitmap_bytes(count), 4 * on);
}

bool pays_sparse(std::int64_t count, std::int64_t on) {
  return count >= kLeastSparse && count < kMostWeights &&
         static_cast<double>(sparse_bytes(count, on)) <= kSparsePays * 4 * static_cast<double>(count);
}

std::optional<SparseArray> to_sparse(const std::vector<float>& values) {
  const auto count = static_cast<std::int64_t>(values.size());
  const auto on = static_cast<std::int64_t>(std::count_if(values.begin(), values.end(), is_on));
  if (!pays_sparse(count, on)) return std::nullopt;
  SparseArray sparse;
  sparse.places = 4 * on < bitmap_bytes(count) ? SparsePlaces::indices : SparsePlaces::bitmap;
  const bool bitmap = sparse.places == SparsePlaces::bitmap;
  sparse.place_bytes.resize(static_cast<std::size_t>(bitmap ? bitmap_bytes(count) : 4 * on));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!is_on(values[i])) continue;
    std::uint8_t* at = sparse.place_bytes.data();
    if (bitmap) at[i / 8] = static_cast<std::uint8_t>(at[i / 8] | (1U << (i % 8)));
    else store_little_endian(static_cast<std::uint32_t>(i), at + 4 * sparse.values.size());
    sparse.values.push_back(values[i]);
  }
  return sparse;
}

std::string sparse_note(SparsePlaces places, const Shape& shape) {
  return fmt::format("sparse {} [{}]", places == SparsePlaces::bitmap ? "bitmap" : "indices", fmt::join(shape, ", "));
}

std::string expand_sparse(SparsePlaces places, ByteSpan place_bytes, std::span<const float> values,
                          std::vector<float>& to) {
  const auto count = static_cast<std::int64_t>(to.size());
  std::size_t next = 0;
  if (places == SparsePlaces::bitmap) {
    if (static_cast<std::int64_t>(place_bytes.size()) != bitmap_bytes(count))
      return fmt::format("{} bits need {} bytes, the file has {}", count, bitmap_bytes(count), place_bytes.size());
    std::size_t set = 0;
    for (const std::uint8_t byte : place_bytes) set += static_cast<std::size_t>(std::popcount(byte));
    if (set != values.size()) return fmt::format("{} bits are set for {} values", set, values.size());
    if (count % 8 != 0 && (place_bytes.back() >> (count % 8)) != 0) return "bits behind the last weight are set";
    for (std::size_t i = 0; i < to.size(); ++i)
      if (((place_bytes[i / 8] >> (i % 8)) & 1) != 0) to[i] = values[next++];
    return "";
  }
  if (place_bytes.size() != 4 * values.size())
    return fmt::format("{} indices for {} values", place_bytes.size() / 4, values.size());
  for (std::int64_t before = -1; next < values.size(); ++next) {
    const std::int64_t index = load_little_endian<std::uint32_t>(place_bytes.data() + 4 * next);
    if (index <= before || index >= count)
      return fmt::format("index {} is {}, must be above {} and below {}", next, index, before, count);
    to[static_cast<std::size_t>(index)] = values[next];
    before = index;
  }
  return "";
}

}  // namespace cleave
