// Convolutions of real weights.
#include <algorithm>

#include "ops/defs/conv2d_forms.h"
#include "ops/defs/halo.h"

namespace cleave {

namespace {

std::int64_t vectors_of(const Convolution& conv, const InferKernels& kernels) {
  return (conv.filters + kernels.lanes - 1) / kernels.lanes;
}

// Pixels by themselves: all of an image without a halo is one row.
bool is_pointwise(const Convolution& conv) { return conv.kernel == 1 && conv.x.stride == 1 && halo_of(conv) == 0; }

// What a row of `columns` outputs of one block takes for each input, in halves of a cycle on a processor of two
// multiply-adds and two loads a cycle, four cycles each: every tile of p pixels and v vectors does p·v multiply-adds
// for p + v loads.
std::int64_t row_time(std::int64_t columns, std::int64_t vectors, std::int64_t most_pixels) {
  constexpr std::int64_t kInFlight = 8;
  const std::int64_t tiles = (columns + most_pixels - 1) / most_pixels;
  std::int64_t time = 0;
  for (std::int64_t t = 0; t < tiles; ++t) {
    const std::int64_t pixels = columns * (t + 1) / tiles - columns * t / tiles;
    time += std::max({pixels * vectors, pixels + vectors, kInFlight});
  }
  return time;
}

// Returns the vectors of filters to a block that take the least time; the fewest of those.
int best_vectors(const Convolution& conv, const InferKernels& kernels) {
  const std::int64_t columns = is_pointwise(conv) ? conv.x.out * conv.y.out : conv.x.out;
  const std::int64_t vectors = vectors_of(conv, kernels);
  int best = 1;
  std::int64_t least = 0;
  for (int width = 1; width <= kMostVectors && width <= vectors; ++width) {
    if (kernels.most_pixels[width] == 0) continue;
    std::int64_t time = vectors / width * row_time(columns, width, kernels.most_pixels[width]);
    if (const auto rest = vectors % width; rest != 0) time += row_time(columns, rest, kernels.most_pixels[rest]);
    if (width > 1 && time >= least) continue;
    best = width;
    least = time;
  }
  return best;
}

// The layer without its image.
DirectConv direct(const ConvPanel& head, const PackedWeights& packed) {
  const Convolution& conv = head.conv;
  DirectConv direct{};
  direct.kernel_rows = conv.kernel;
  direct.runs = conv.groups == 1 ? 1 : conv.kernel;
  direct.run = conv.groups == 1 ? conv.kernel * conv.inputs : conv.inputs;
  direct.bias = panel_floats(packed);
  direct.weights = direct.bias + conv.groups * vectors_of(conv, *head.kernels) * head.kernels->lanes;
  direct.groups = conv.groups;
  direct.inputs = conv.inputs;
  direct.filters = conv.filters;
  direct.vectors = head.vectors;
  direct.rows = conv.y.out;
  direct.columns = direct.last_columns = conv.x.out;
  return direct;
}

ImageOut image_out(const ForwardArgs& args, std::int64_t i) {
  const TensorView& output = args.output;
  const bool adds = args.add.data != nullptr;
  return {.data = output.row(i, 0),
          .row = output.row_stride(),
          .pixel = channels_of(*output.shape),
          .add = adds ? args.add.row(i, 0) : nullptr,
          .add_row = adds ? args.add.row_stride() : 0,
          .add_pixel = adds ? channels_of(*args.add.shape) : 0,
          .low = args.clamp.low,
          .high = args.clamp.high};
}

// Takes the image as rows as long as a few tiles.
void make_one_row(DirectConv& direct, const InferKernels& kernels) {
  constexpr std::int64_t kTiles = 4;
  const std::int64_t pixels = direct.rows * direct.columns;
  direct.columns = std::min(pixels, kTiles * kernels.most_pixels[direct.vectors]);
  direct.rows = (pixels + direct.columns - 1) / direct.columns;
  direct.last_columns = pixels - (direct.rows - 1) * direct.columns;
  direct.in_down = direct.columns * direct.in_step;
  direct.out.row = direct.columns * direct.out.pixel;
  direct.out.add_row = direct.columns * direct.out.add_pixel;
}

}  // namespace

PackedWeights pack_real(const Convolution& conv, const LayerArrays& layer, const InferKernels& kernels) {
  const ConvPanel head{conv, &kernels, ConvForm::direct, best_vectors(conv, kernels)};
  const std::int64_t lanes = kernels.lanes;
  const std::int64_t vectors = vectors_of(conv, kernels);
  const std::int64_t cells = conv.kernel * conv.kernel;
  PackedWeights packed = start_panel(head, conv.groups * vectors * lanes * (1 + conv.taps()));
  float* const bias = panel_floats(packed);
  float* const blocks = bias + conv.groups * vectors * lanes;
  const float* from = layer.kernel->data();  // [filter][input][ky][kx]
  for (std::int64_t filter = 0; filter < conv.groups * conv.filters; ++filter) {
    const std::int64_t group = filter / conv.filters;
    const std::int64_t vector = filter % conv.filters / lanes;
    const std::int64_t lane = filter % conv.filters % lanes;
    const std::int64_t first = vector / head.vectors * head.vectors;  // of the block
    const std::int64_t width = std::min<std::int64_t>(head.vectors, vectors - first);
    const float scale = layer.scale == nullptr ? 1.0F : layer.scale->data()[filter];
    if (layer.bias != nullptr) bias[(group * vectors + vector) * lanes + lane] = layer.bias->data()[filter];
    float* to = blocks + (group * vectors + first) * lanes * conv.taps() + (vector - first) * lanes + lane;
    for (std::int64_t input = 0; input < conv.inputs; ++input)
      for (std::int64_t cell = 0; cell < cells; ++cell)
        to[(cell * conv.inputs + input) * width * lanes] = scale * *from++;
  }
  return packed;
}

void forward_direct(const ForwardArgs& given) {
  const ConvPanel head = conv_panel(*given.weights);
  const Convolution& conv = head.conv;
  ForwardArgs args = given;
  const std::vector<float> own = own_scratch(args, conv);
  const DirectConv layer = direct(head, *args.weights);
  const bool plain = args.inputs.front().halo == 0 && args.output.halo == 0 && args.add.halo == 0;
  const std::int64_t blocks = (vectors_of(conv, *head.kernels) + head.vectors - 1) / head.vectors;
  for (std::int64_t i = 0; i < args.output.batch; ++i) {
    const WindowImage image = window_image(args, conv, i);
    DirectConv of_image = layer;
    of_image.input = image.first;
    of_image.in_row = image.row;
    of_image.in_run = image.pixel;
    of_image.in_step = image.pixel * conv.x.stride;
    of_image.in_down = image.row * conv.y.stride;
    of_image.out = image_out(args, i);
    if (plain && is_pointwise(conv)) make_one_row(of_image, *head.kernels);
    clear_halo(args.output, i);
    for_parts(args.parallel, conv.groups * blocks * of_image.rows,
              [&](std::int64_t from, std::int64_t to) { head.kernels->convolve(of_image, from, to); });
  }
}

}  // namespace cleave
