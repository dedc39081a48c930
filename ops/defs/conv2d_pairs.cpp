// Convolutions as PairConv of infer_kernels.h.
#include <algorithm>

#include "ops/defs/conv2d_forms.h"
#include "ops/defs/halo.h"

namespace cleave {

namespace {

constexpr std::int64_t kCells = 4;   // of a pair of outputs
constexpr std::int64_t kWindow = 3;  // rows and columns

std::int64_t pairs_of(const Convolution& conv) { return (conv.x.out + 1) / 2; }

std::int64_t row_floats(const Convolution& conv) { return kCells * pairs_of(conv) * conv.inputs * conv.groups; }

// Rows of outputs to a band: so many that its cells stay in a core's L2 cache, but not so few that the two rows
// transformed twice count.
std::int64_t band_rows(const Convolution& conv) {
  constexpr std::int64_t kCacheFloats = std::int64_t{16} * 1024;
  constexpr std::int64_t kLeast = 6;
  const std::int64_t most = std::max(kLeast, kCacheFloats / row_floats(conv) - 2);
  const std::int64_t bands = (conv.y.out + most - 1) / most;
  return (conv.y.out + bands - 1) / bands;
}

// The layer without its image.
PairConv pair_conv(const ConvPanel& head, const PackedWeights& packed) {
  const Convolution& conv = head.conv;
  PairConv layer{};
  layer.in_rows = conv.y.in;
  layer.in_columns = conv.x.in;
  layer.left = -conv.x.before;
  layer.channels = conv.inputs * conv.groups;
  layer.pairs = pairs_of(conv);
  layer.columns = conv.x.out;
  layer.bias = panel_floats(packed);
  layer.weights = layer.bias + conv.groups * vectors_of(conv, *head.kernels) * head.kernels->lanes;
  layer.groups = conv.groups;
  layer.inputs = conv.inputs;
  layer.filters = conv.filters;
  layer.vectors = head.vectors;
  return layer;
}

// Computes the rows from <= y < to of an image, band after band.
void forward_rows(const ConvPanel& head, const PairConv& image, std::int64_t from, std::int64_t to) {
  const std::int64_t most = head.kernels->most_pixels[head.vectors];
  const std::int64_t blocks = (vectors_of(head.conv, *head.kernels) + head.vectors - 1) / head.vectors;
  for (std::int64_t first = from; first < to; first += band_rows(head.conv)) {
    PairConv band = image;
    band.top = first - head.conv.y.before;
    band.rows = std::min(band_rows(head.conv), to - first);
    band.chunks = (band.rows * band.pairs + most - 1) / most;
    band.out.data += first * band.out.row;
    if (band.out.add != nullptr) band.out.add += first * band.out.add_row;
    head.kernels->transform_rows(band, 0, band.rows + kWindow - 1);
    head.kernels->convolve_pairs(band, 0, band.groups * blocks * band.chunks);
  }
}

// Computes an image: each thread a share of the rows, all but the first with cells of its own.
void forward_image(const ConvPanel& head, const PairConv& image, const Parallel* parallel) {
  const std::int64_t rows = head.conv.y.out;
  const std::int64_t shares = parallel == nullptr ? 1 : std::min<std::int64_t>(parallel->threads, rows);
  for_parts(parallel, shares, [&](std::int64_t from, std::int64_t to) {
    std::vector<float> own(from == 0 ? 0 : static_cast<std::size_t>(pairs_scratch(head.conv)));
    PairConv part = image;
    if (from > 0) part.cells = own.data();
    forward_rows(head, part, rows * from / shares, rows * to / shares);
  });
}

}  // namespace

std::int64_t pairs_scratch(const Convolution& conv) { return (band_rows(conv) + kWindow - 1) * row_floats(conv); }

PackedWeights pack_pairs(const Convolution& conv, const LayerArrays& layer, const InferKernels& kernels) {
  const std::int64_t taps = kCells * kWindow * conv.inputs;
  const ConvPanel head{conv, &kernels, ConvForm::pairs, best_vectors(conv, kernels, band_rows(conv) * pairs_of(conv))};
  const std::int64_t lanes = conv.groups * vectors_of(conv, kernels) * kernels.lanes;
  PackedWeights packed = start_panel(head, lanes * (1 + taps));
  float* const bias = panel_floats(packed);
  set_bias(head, layer, bias);
  const float* from = layer.kernel->data();  // [filter][input][ky][kx]
  for (std::int64_t filter = 0; filter < conv.groups * conv.filters; ++filter) {
    const float scale = layer.scale == nullptr ? 1.0F : layer.scale->data()[filter];
    const FilterPlace place = filter_place(head, filter, taps);
    float* to = bias + lanes + place.first;
    for (std::int64_t input = 0; input < conv.inputs; ++input)
      for (std::int64_t ky = 0; ky < kWindow; ++ky, from += kWindow) {
        const float g0 = scale * from[0];
        const float g1 = scale * from[1];
        const float g2 = scale * from[2];
        const float cells[] = {g0, (g0 + g1 + g2) / 2, (g0 - g1 + g2) / 2, g2};
        for (std::int64_t j = 0; j < kCells; ++j)
          to[((j * kWindow + ky) * conv.inputs + input) * place.next] = cells[j];
      }
  }
  return packed;
}

void forward_pairs(const ForwardArgs& given) {
  const ConvPanel head = conv_panel(*given.weights);
  ForwardArgs args = given;
  const std::vector<float> own = own_scratch(args, pairs_scratch(head.conv));
  const ConstTensorView& input = args.inputs.front();
  PairConv image = pair_conv(head, *args.weights);
  image.cells = args.scratch.data();
  image.in_row = input.row_stride();
  for (std::int64_t i = 0; i < args.output.batch; ++i) {
    image.input = input.row(i, 0);
    image.out = image_out(args, i);
    clear_halo(args.output, i);
    forward_image(head, image, args.parallel);
  }
}

}  // namespace cleave
