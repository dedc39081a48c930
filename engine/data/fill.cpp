#include "engine/data/fill.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <vector>

#include <fmt/format.h>

namespace cleave {

namespace {

using ByteTable = std::array<float, 256>;

float mapped(const InputSpec& input, std::size_t channel, double value) {
  if (input.threshold) return value >= *input.threshold ? 1.0F : 0.0F;
  if (!input.mean.empty()) {
    const std::size_t at = input.mean.size() == 1 ? 0 : channel;
    return static_cast<float>((value - input.mean[at]) / input.std[at]);
  }
  if (input.low && input.high) return static_cast<float>(*input.low + value * (*input.high - *input.low));
  return static_cast<float>(value);
}

// What each byte becomes, per channel that has a rule of its own.
std::vector<ByteTable> byte_tables(const InputSpec& input) {
  std::vector<ByteTable> tables(std::max<std::size_t>(1, input.mean.size()));
  for (std::size_t channel = 0; channel < tables.size(); ++channel)
    for (std::size_t byte = 0; byte < 256; ++byte)
      tables[channel][byte] = mapped(input, channel, static_cast<double>(byte) / 255.0);
  return tables;
}

// Calls put(position in `out`, channel, position in the set's sample) for each value of one sample.
template <class Put>
void for_each_value(const Dataset& set, bool channels_last, const Put& put) {
  const std::int64_t channels = channels_of(set.shape);
  const std::int64_t pixels = pixels_of(set.shape);
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t p = 0; p < pixels; ++p)
      put(channels_last ? p * channels + c : c * pixels + p, static_cast<std::size_t>(c), c * pixels + p);
}

}  // namespace

std::string check_input(const Dataset& set, const InputSpec& input) {
  const bool flattened = input.shape.size() == 1 && input.shape.front() == element_count(set.shape);
  if (set.shape != input.shape && !flattened)
    return fmt::format("the data set {} has {} samples, the network's input is {}", set.name, to_text(set.shape),
                       to_text(input.shape));
  if (input.mean.size() != input.std.size())
    return fmt::format("normalize has {} means and {} deviations", input.mean.size(), input.std.size());
  const auto channels = static_cast<std::size_t>(channels_of(set.shape));
  if (input.mean.size() > 1 && input.mean.size() != channels)
    return fmt::format("normalize has {} entries, the data set {} has {} channels", input.mean.size(), set.name,
                       channels);
  for (const double deviation : input.std)
    if (!(deviation > 0)) return fmt::format("normalize: the deviation {} is not above 0", deviation);
  return "";
}

void fill_batch(const Dataset& set, const InputSpec& input, std::span<const std::int64_t> picks, TensorView out) {
  assert(check_input(set, input).empty() && out.batch == static_cast<std::int64_t>(picks.size()));
  const std::int64_t size = element_count(set.shape);
  const bool channels_last = is_image(input.shape);
  const std::vector<ByteTable> tables = set.bytes.empty() ? std::vector<ByteTable>() : byte_tables(input);
  for (std::size_t i = 0; i < picks.size(); ++i) {
    assert(picks[i] >= 0 && picks[i] < set.count);
    float* to = out.sample(static_cast<std::int64_t>(i));
    if (set.bytes.empty()) {
      const float* from = set.values.data() + picks[i] * size;
      for_each_value(set, channels_last, [&](std::int64_t at, std::size_t channel, std::int64_t source) {
        to[at] = mapped(input, channel, static_cast<double>(from[source]));
      });
    } else {
      const std::uint8_t* from = set.bytes.data() + picks[i] * size;
      for_each_value(set, channels_last, [&](std::int64_t at, std::size_t channel, std::int64_t source) {
        to[at] = tables[tables.size() == 1 ? 0 : channel][from[source]];
      });
    }
  }
}

void apply_rule(const InputSpec& input, TensorView values) {
  const std::span<float> all = values.values();
  const auto channels = static_cast<std::size_t>(channels_of(*values.shape));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = mapped(input, i % channels, static_cast<double>(all[i]));
}

}  // namespace cleave
