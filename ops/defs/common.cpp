#include "ops/defs/common.h"

#include <algorithm>
#include <cassert>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace cleave {

namespace {

// Returns the product of the sizes, or -1 when one is not positive or the product exceeds `limit`.
std::int64_t bounded_count(const Shape& shape, std::int64_t limit) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) {
    if (size < 1 || size > limit / count) return -1;
    count *= size;
  }
  return count;
}

const char* plural(std::int64_t count) { return count == 1 ? "" : "s"; }

// Whether `word` is one of `words`, which are parted by '|'.
bool is_word_of(const FieldDef& field, const std::string& word) {
  std::string_view rest = field.words == nullptr ? "" : field.words;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('|'), rest.size());
    if (rest.substr(0, end) == word) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

bool is_kind(const FieldDef& field, const ParamValue& value) {
  const bool integer = std::holds_alternative<std::int64_t>(value);
  switch (field.kind) {
    case Kind::integer: return integer;
    case Kind::real: return integer || std::holds_alternative<double>(value);
    case Kind::boolean: return std::holds_alternative<bool>(value);
    case Kind::integers: return std::holds_alternative<std::vector<std::int64_t>>(value);
    default: return true;
  }
}

void check_param(const FieldDef& field, const ParamValue& value) {
  if (const auto* word = std::get_if<std::string>(&value); word != nullptr && is_word_of(field, *word)) return;
  if (!is_kind(field, value)) throw OpError(fmt::format("{} cannot be {}", field.name, to_text(value)));
  const auto* integer = std::get_if<std::int64_t>(&value);
  const auto* real = std::get_if<double>(&value);
  if (integer == nullptr && real == nullptr) return;
  const double number = integer != nullptr ? static_cast<double>(*integer) : *real;
  if (number < field.min || number > field.max)
    throw OpError(fmt::format("{} must lie in {} .. {}, got {}", field.name, field.min, field.max, to_text(value)));
}

}  // namespace

void check_params(const Params& params, std::span<const FieldDef> fields) {
  for (const FieldDef& field : fields) {
    const ParamValue* value = params.get(field.name);
    if (value == nullptr && field.required) throw OpError(fmt::format("{} is missing", field.name));
    if (value != nullptr) check_param(field, *value);
  }
}

void check_inputs(std::span<const TensorType> inputs, int min, int max) {
  const auto count = static_cast<std::int64_t>(inputs.size());
  if (max == min && count != min) throw OpError(fmt::format("needs {} input{}, got {}", min, plural(min), count));
  if (count < min) throw OpError(fmt::format("needs at least {} input{}, got {}", min, plural(min), count));
  if (max >= 0 && count > max) throw OpError(fmt::format("needs at most {} input{}, got {}", max, plural(max), count));
  for (const TensorType& input : inputs) {
    const std::size_t rank = input.shape.size();
    if ((rank != 1 && rank != 3) || bounded_count(input.shape, kMaxSampleElements) < 0)
      throw OpError(fmt::format("needs a vector [N] or an image [C, H, W], got '{}'", to_text(input.shape)));
  }
}

const TensorType& only_input(std::span<const TensorType> inputs) {
  check_inputs(inputs, 1, 1);
  return inputs.front();
}

const TensorType& only_image(std::span<const TensorType> inputs) {
  const TensorType& input = only_input(inputs);
  if (!is_image(input.shape))
    throw OpError(fmt::format("needs an image, got a vector of {}: put a reshape before it", to_text(input.shape)));
  return input;
}

TensorType output_type(DType dtype, Shape shape) {
  if (bounded_count(shape, kMaxSampleElements) < 0)
    throw OpError(
        fmt::format("gives {}, more than the {} values a sample may have", to_text(shape), kMaxSampleElements));
  return {dtype, std::move(shape)};
}

Cost traffic(std::span<const TensorType> inputs, const TensorType& output, std::int64_t batch) {
  std::int64_t sample_bytes = byte_count(output.dtype, element_count(output.shape));
  for (const TensorType& input : inputs) sample_bytes += byte_count(input.dtype, element_count(input.shape));
  return {.mult_adds = 0, .binary_ops = 0, .bytes = sample_bytes * batch};
}

std::int64_t weight_bytes(const std::vector<WeightSlot>& slots, const WeightType& type) {
  std::int64_t bytes = 0;
  for (const WeightSlot& slot : slots) {
    const std::int64_t bits = slot.role == Role::kernel ? type.bits : 32;
    bytes += (element_count(slot.shape) * bits + 7) / 8;
  }
  return bytes;
}

Cost layer_cost(std::int64_t products, const std::vector<WeightSlot>& slots, const WeightType& type,
                std::span<const TensorType> inputs, const TensorType& output, std::int64_t batch) {
  Cost cost = traffic(inputs, output, batch);
  const bool binary = type.is_binary() && inputs.front().dtype == DType::bit;
  (binary ? cost.binary_ops : cost.mult_adds) = products * batch;
  cost.bytes += weight_bytes(slots, type);
  return cost;
}

std::vector<WeightSlot> layer_slots(Shape kernel, const WeightType& type, bool bias) {
  if (bounded_count(kernel, kMaxKernelElements) < 0)
    throw OpError(
        fmt::format("needs {} weights, more than the {} a layer may have", to_text(kernel), kMaxKernelElements));
  const Shape filters{kernel.front()};
  std::vector<WeightSlot> slots{{"weight", Role::kernel, std::move(kernel), 0}};
  if (type.scale_per_filter) slots.push_back({"scale", Role::scale, filters, 1});
  if (bias) slots.push_back({"bias", Role::bias, filters, 0});
  return slots;
}

LayerArrays layer_arrays(const LayerWeights& weights, bool bias) {
  const bool scaled = weights.type.scale_per_filter;
  assert(weights.arrays.size() == 1U + (scaled ? 1U : 0U) + (bias ? 1U : 0U));
  LayerArrays arrays{.kernel = &weights.arrays.front()};
  if (scaled) arrays.scale = &weights.arrays[1];
  if (bias) arrays.bias = &weights.arrays.back();
  return arrays;
}

Cost traffic_cost(const Params&, std::span<const TensorType> inputs, const TensorType& output, const WeightType&,
                  std::int64_t batch) {
  return traffic(inputs, output, batch);
}

OpPart part_alike(const Params& params, std::span<const TensorType> inputs, PartAxis, Range wanted) {
  return {params, wanted, std::vector<Range>(inputs.size(), wanted)};
}

std::int64_t branch_share(const char* what, std::int64_t count, std::int64_t ways) {
  if (count % ways != 0) throw OpError(fmt::format("cannot divide {}: {} into {} branches", what, count, ways));
  return count / ways;
}

}  // namespace cleave
