#include "ops/defs/word_layer.h"

#include "ops/defs/halo.h"

namespace cleave {

namespace {

WordAxis axis_of(const WindowAxis& axis) { return {axis.in, axis.out, axis.size, axis.stride, axis.before}; }

void write_offsets(const WordLayout& layout, std::int32_t* offsets) {
  for (std::int64_t ky = 0; ky < layout.conv.kernel; ++ky)
    for (std::int64_t kx = 0; kx < layout.conv.kernel; ++kx)
      for (std::int64_t u = 0; u < layout.used_units; ++u)
        *offsets++ = static_cast<std::int32_t>(ky * layout.row_units() + kx * layout.conv.groups * layout.units + u);
}

}  // namespace

WordPlaces places_of(const WordLayout& layout) {
  std::size_t at = kPanelHead;
  const auto next = [&](std::int64_t numbers) {
    const std::size_t place = at;
    at += (static_cast<std::size_t>(numbers) * 4 + kCacheLine - 1) / kCacheLine * kCacheLine;
    return place;
  };
  WordPlaces places{};
  places.offsets = next(layout.steps());
  places.weights = next(layout.conv.groups * layout.vectors * layout.vector_words);
  places.base = next(layout.padded_filters());
  places.halo_sums = next(layout.halo_sums ? layout.padded_filters() * layout.cells() : 0);
  places.scale = next(layout.padded_filters());
  places.bias = next(layout.padded_filters());
  places.end = at;
  return places;
}

LineBytes make_panel(const WordLayout& layout, const LayerArrays& layer, float factor) {
  const WordPlaces places = places_of(layout);
  LineBytes panel(places.end);
  write_offsets(layout, part_at<std::int32_t>(panel, places.offsets));
  for (std::int64_t f = 0; f < layout.conv.groups * layout.conv.filters; ++f) {
    const float scale = layer.scale == nullptr ? 1.0F : layer.scale->data()[f];
    part_at<float>(panel, places.scale)[layout.place(f)] = factor * scale;
    part_at<float>(panel, places.bias)[layout.place(f)] = layer.bias == nullptr ? 0.0F : layer.bias->data()[f];
  }
  return panel;
}

void run_words(const WordLayout& layout, const LineBytes& panel, WordConvRun run, const WordJob& job, const void* image,
               const PackRow& pack) {
  const Convolution& conv = layout.conv;
  for_parts(job.parallel, layout.rows(), [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t row = from; row < to; ++row) {
      const std::int64_t y = row - conv.y.before;
      pack(y >= 0 && y < conv.y.in ? job.input + y * job.input_row : nullptr, row);
    }
  });
  const WordPlaces places = places_of(layout);
  const WordConv words{
      .y = axis_of(conv.y),
      .x = axis_of(conv.x),
      .groups = conv.groups,
      .words = layout.units,
      .filters = conv.filters,
      .vectors = layout.vectors,
      .steps = layout.steps(),
      .image = image,
      .row_words = layout.row_units(),
      .offsets = part_at<std::int32_t>(panel, places.offsets),
      .weights = part_at<std::uint32_t>(panel, places.weights),
      .vector_words = layout.vector_words,
      .base = part_at<std::int32_t>(panel, places.base),
      .halo_sums = layout.halo_sums ? part_at<std::int32_t>(panel, places.halo_sums) : nullptr,
      .scale = part_at<float>(panel, places.scale),
      .bias = part_at<float>(panel, places.bias),
      .output = job.output,
      .output_row = job.output_row,
      .add = job.add,
      .add_row = job.add_row,
      .low = job.clamp.low,
      .high = job.clamp.high,
  };
  const std::int64_t blocks = (layout.vectors + kBlockVectors - 1) / kBlockVectors;
  for_parts(job.parallel, conv.y.out * conv.groups * blocks,
            [&](std::int64_t from, std::int64_t to) { run(words, from, to); });
}

std::span<float> scratch_of(const ForwardArgs& args, std::int64_t floats, std::vector<float>& own) {
  if (std::ssize(args.scratch) >= floats) return args.scratch;
  own.resize(static_cast<std::size_t>(floats));
  return own;
}

void for_images(const ForwardArgs& args, const std::function<void(const WordJob&)>& image) {
  const ConstTensorView& input = args.inputs.front();
  const bool adds = args.add.data != nullptr;
  for (std::int64_t i = 0; i < input.batch; ++i) {
    clear_halo(args.output, i);
    image({.input = input.row(i, 0),
           .input_row = input.row_stride(),
           .output = args.output.row(i, 0),
           .output_row = args.output.row_stride(),
           .add = adds ? args.add.row(i, 0) : nullptr,
           .add_row = adds ? args.add.row_stride() : 0,
           .clamp = args.clamp,
           .parallel = args.parallel});
  }
}

Convolution dense_convolution(std::int64_t inputs, std::int64_t units, std::int64_t samples) {
  Convolution conv;
  conv.inputs = inputs;
  conv.filters = units;
  conv.y = {.in = 1, .out = 1};
  conv.x = {.in = samples, .out = samples};
  return conv;
}

void for_samples(const ForwardArgs& args, const std::function<void(const WordJob&, std::int64_t)>& row) {
  const ConstTensorView& input = args.inputs.front();
  for (std::int64_t i = 0; i < input.batch; i += kDenseSamples) {
    const WordJob job{.input = input.sample(i),
                      .output = args.output.sample(i),
                      .add = args.add.data == nullptr ? nullptr : args.add.sample(i),
                      .clamp = args.clamp,
                      .parallel = args.parallel};
    row(job, std::min(kDenseSamples, input.batch - i));
  }
}

}  // namespace cleave
