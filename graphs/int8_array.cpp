#include "graphs/int8_array.h"

#include <bit>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ops/defs/int8_layer.h"

namespace cleave {

namespace {

// Calls filter(its values, its scale) for each.
template <class Number, class Filter>
void for_filters(std::span<Number> values, std::int64_t filters, const Filter& filter) {
  const std::size_t size = values.size() / static_cast<std::size_t>(filters);
  for (std::size_t at = 0; at < values.size(); at += size) {
    const std::span<Number> part = values.subspan(at, size);
    filter(part, int8_scale(part.data(), static_cast<std::int64_t>(size)));
  }
}

}  // namespace

bool is_int8_array(const Node& node, const WeightSlot& slot) {
  return slot.role == Role::kernel && node.weight_type.grid == WeightType::Grid::real && is_int8_layer(node.params);
}

// The largest weight, divided by 127 and multiplied again, may be another one by a rounding: then once more.
void round_to_int8(std::span<float> values, std::int64_t filters) {
  constexpr int kTimes = 4;
  for (int i = 0; i < kTimes; ++i)
    for_filters(values, filters, [](std::span<float> part, float scale) {
      for (float& value : part) value = static_cast<float>(int8_value(value, scale)) * scale;
    });
}

std::optional<Int8Array> to_int8(std::span<const float> values, std::int64_t filters) {
  Int8Array array;
  bool exact = true;
  for_filters(values, filters, [&](std::span<const float> part, float scale) {
    array.scales.push_back(scale);
    for (const float value : part) {
      const std::int32_t byte = int8_value(value, scale);
      exact = exact &&
              std::bit_cast<std::uint32_t>(static_cast<float>(byte) * scale) == std::bit_cast<std::uint32_t>(value);
      array.bytes.push_back(static_cast<std::uint8_t>(byte));
    }
  });
  if (!exact) return std::nullopt;
  return array;
}

std::string int8_note(const Shape& shape) { return fmt::format("int8 [{}]", fmt::join(shape, ", ")); }

void expand_int8(std::span<const float> scales, std::span<float> values) {
  const std::size_t size = values.size() / scales.size();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= scales[i / size];
}

}  // namespace cleave
