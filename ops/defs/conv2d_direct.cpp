// Convolutions as DirectConv of infer_kernels.h.
#include <algorithm>

#include "ops/defs/conv2d_forms.h"
#include "ops/defs/halo.h"

namespace cleave {

namespace {

// Pixels by themselves: all of an image without a halo is one row.
bool is_pointwise(const Convolution& conv) { return conv.kernel == 1 && conv.x.stride == 1 && halo_of(conv) == 0; }

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

PackedWeights pack_direct(const Convolution& conv, const LayerArrays& layer, const InferKernels& kernels) {
  const std::int64_t columns = is_pointwise(conv) ? conv.x.out * conv.y.out : conv.x.out;
  const ConvPanel head{conv, &kernels, ConvForm::direct, best_vectors(conv, kernels, columns)};
  const std::int64_t lanes = conv.groups * vectors_of(conv, kernels) * kernels.lanes;
  PackedWeights packed = start_panel(head, lanes * (1 + conv.taps()));
  float* const bias = panel_floats(packed);
  set_bias(head, layer, bias);
  const float* from = layer.kernel->data();  // [filter][input][ky][kx]
  for (std::int64_t filter = 0; filter < conv.groups * conv.filters; ++filter) {
    const float scale = layer.scale == nullptr ? 1.0F : layer.scale->data()[filter];
    const FilterPlace place = filter_place(head, filter, conv.taps());
    float* to = bias + lanes + place.first;
    for (std::int64_t input = 0; input < conv.inputs; ++input)
      for (std::int64_t cell = 0; cell < conv.kernel * conv.kernel; ++cell)
        to[(cell * conv.inputs + input) * place.next] = scale * *from++;
  }
  return packed;
}

void forward_direct(const ForwardArgs& given) {
  const ConvPanel head = conv_panel(*given.weights);
  const Convolution& conv = head.conv;
  ForwardArgs args = given;
  const std::vector<float> own = own_scratch(args, real_scratch(conv, args.inputs.front().halo));
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
