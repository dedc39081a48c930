// Convolutions as DepthwiseConv of infer_kernels.h.
#include <cstddef>

#include "ops/defs/conv2d_forms.h"
#include "ops/defs/halo.h"

namespace cleave {

PackedWeights pack_depthwise(const Convolution& conv, const LayerArrays& layer, const InferKernels& kernels) {
  const std::int64_t cells = conv.kernel * conv.kernel;
  PackedWeights packed = start_panel({conv, &kernels, ConvForm::depthwise, 1}, conv.groups * (1 + cells));
  float* const bias = panel_floats(packed);
  float* const weights = bias + conv.groups;
  const float* from = layer.kernel->data();  // [channel][ky][kx]
  for (std::int64_t c = 0; c < conv.groups; ++c) {
    const float scale = layer.scale == nullptr ? 1.0F : layer.scale->data()[c];
    if (layer.bias != nullptr) bias[c] = layer.bias->data()[c];
    for (std::int64_t cell = 0; cell < cells; ++cell) weights[cell * conv.groups + c] = scale * *from++;
  }
  return packed;
}

void forward_depthwise(const ForwardArgs& given) {
  const ConvPanel head = conv_panel(*given.weights);
  const Convolution& conv = head.conv;
  ForwardArgs args = given;
  const std::vector<float> own = own_scratch(args, real_scratch(conv, args.inputs.front().halo));
  const float* const bias = panel_floats(*args.weights);
  for (std::int64_t i = 0; i < args.output.batch; ++i) {
    const WindowImage image = window_image(args, conv, i);
    const DepthwiseConv layer = {.input = image.first,
                                 .in_row = image.row,
                                 .in_step = image.pixel * conv.x.stride,
                                 .in_down = image.row * conv.y.stride,
                                 .channels = conv.groups,
                                 .kernel = conv.kernel,
                                 .weights = bias + conv.groups,
                                 .bias = bias,
                                 .columns = conv.x.out,
                                 .out = image_out(args, i)};
    clear_halo(args.output, i);
    for_parts(args.parallel, conv.y.out,
              [&](std::int64_t from, std::int64_t to) { head.kernels->convolve_depthwise(layer, from, to); });
  }
}

}  // namespace cleave
