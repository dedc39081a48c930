#include "tests/ops/defs/word_cases.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

namespace cleave {

namespace {

std::int64_t between(Rng& rng, std::int64_t least, std::int64_t most) { return least + rng.below(most - least + 1); }

WindowAxis random_axis(Rng& rng, std::int64_t in, std::int64_t size, std::int64_t stride) {
  const std::int64_t before = between(rng, 0, size);
  const std::int64_t after = std::max<std::int64_t>(between(rng, 0, size), size - in - before);
  return padded_axis("a kernel", in, size, stride, {before, after});
}

// The sum over the real cells of one window.
std::int64_t sum_of(const WordCase& c, std::int64_t y, std::int64_t x, std::int64_t filter) {
  const Convolution& conv = c.conv;
  const std::int64_t channels = conv.inputs * conv.groups;
  std::int64_t sum = 0;
  for (std::int64_t ky = conv.y.first(y); ky < conv.y.last(y); ++ky)
    for (std::int64_t kx = conv.x.first(x); kx < conv.x.last(x); ++kx)
      for (std::int64_t i = 0; i < conv.inputs; ++i) {
        const std::int64_t pixel = (conv.y.start(y) + ky) * conv.x.in + conv.x.start(x) + kx;
        const float value =
            c.input[static_cast<std::size_t>(pixel * channels + filter / conv.filters * conv.inputs + i)];
        const std::int64_t tap = (filter * conv.inputs + i) * conv.kernel * conv.kernel + ky * conv.kernel + kx;
        sum += static_cast<std::int64_t>(value) * static_cast<std::int64_t>(c.kernel[static_cast<std::size_t>(tap)]);
      }
  return sum;
}

void fill(std::vector<float>& values, std::int64_t count, const std::function<float()>& next) {
  values.resize(static_cast<std::size_t>(count));
  std::generate(values.begin(), values.end(), next);
}

}  // namespace

WordJob WordCase::job(float* output) const {
  const std::int64_t row = conv.x.out * conv.groups * conv.filters;
  return {.input = input.data(),
          .input_row = conv.x.in * conv.groups * conv.inputs,
          .output = output,
          .output_row = row,
          .add = add.empty() ? nullptr : add.data(),
          .add_row = row,
          .clamp = clamp};
}

std::size_t WordCase::output_size() const {
  return static_cast<std::size_t>(conv.y.out * conv.x.out * conv.groups * conv.filters);
}

std::vector<float> WordCase::expected() const {
  std::vector<float> output;
  const std::int64_t filters = conv.groups * conv.filters;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(output_size()); ++i) {
    const auto f = static_cast<std::size_t>(i % filters);
    const std::int64_t pixel = i / filters;
    const std::int64_t sum = sum_of(*this, pixel / conv.x.out, pixel % conv.x.out, i % filters);
    const volatile float product = static_cast<float>(sum) * scale[f];  // rounded: no fused multiply-add
    float value = product + bias[f];
    if (!add.empty()) value += add[static_cast<std::size_t>(i)];
    output.push_back(std::clamp(value, clamp.low, clamp.high));
  }
  return output;
}

std::string WordCase::text() const {
  return fmt::format("{}x{}x{} -> {}x{}x{}, kernel {}, stride {} {}, groups {}, before {} {}",
                     conv.groups * conv.inputs, conv.y.in, conv.x.in, conv.groups * conv.filters, conv.y.out,
                     conv.x.out, conv.kernel, conv.y.stride, conv.x.stride, conv.groups, conv.y.before, conv.x.before);
}

int shapes_to_try() {
  const char* stated = std::getenv("CLEAVE_SHAPES");
  return stated == nullptr ? 2000 : std::atoi(stated);
}

Convolution random_convolution(Rng& rng) {
  constexpr std::int64_t kKernels[] = {1, 1, 2, 3, 3, 3, 5, 7, 11};
  Convolution conv;
  conv.kernel = kKernels[rng.below(std::ssize(kKernels))];
  const bool depthwise = rng.below(8) == 0;
  conv.groups = depthwise ? between(rng, 2, 40) : rng.below(4) == 0 ? between(rng, 2, 4) : 1;
  const std::int64_t most = conv.kernel > 3 ? 40 : 150;
  conv.inputs = depthwise ? 1 : between(rng, 1, most);
  conv.filters = depthwise ? between(rng, 1, 2) : between(rng, 1, conv.kernel > 3 ? 20 : 140);
  const std::int64_t stride = between(rng, 1, 3);
  conv.y = random_axis(rng, between(rng, 1, 5), conv.kernel, stride);
  conv.x = random_axis(rng, between(rng, 1, 9), conv.kernel, stride);
  // As many products as fit into a test of thousands of shapes.
  const std::int64_t products = conv.y.out * conv.x.out * conv.groups * conv.filters * conv.taps();
  conv.filters = std::clamp<std::int64_t>(conv.filters * 400000 / std::max<std::int64_t>(products, 1), 1, conv.filters);
  return conv;
}

WordCase random_word_case(Rng& rng, const std::function<float()>& input, const std::function<float()>& weight) {
  WordCase c;
  c.conv = random_convolution(rng);
  const auto real = [&] { return static_cast<float>(rng.normal()); };
  const std::int64_t filters = c.conv.groups * c.conv.filters;
  fill(c.input, c.conv.y.in * c.conv.x.in * c.conv.groups * c.conv.inputs, input);
  fill(c.kernel, filters * c.conv.taps(), weight);
  fill(c.scale, filters, real);
  fill(c.bias, filters, real);
  if (rng.below(2) == 0) fill(c.add, static_cast<std::int64_t>(c.output_size()), real);
  if (rng.below(2) == 0) c.clamp = {0, 6};
  return c;
}

const Parallel kBackwards{
    .threads = 3,
    .run = [](std::int64_t count, const void* context, void (*body)(const void*, std::int64_t, std::int64_t)) {
      for (std::int64_t i = count; i-- > 0;) body(context, i, i + 1);
    }};

}  // namespace cleave
