// The forms in which a convolution's weights are packed for inference, each with a `forward` of its own. `pack` chooses
// one; it stands at the start of the panel together with the layer's geometry, so that `forward` need not work that out
// again.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/core/op.h"
#include "ops/defs/common.h"
#include "ops/defs/convolution.h"
#include "ops/kernels/infer_kernels.h"

namespace cleave {

enum class ConvForm : std::uint8_t {
  direct,     // DirectConv of infer_kernels.h
  pairs,      // PairConv
  depthwise,  // DepthwiseConv
  binary,     // weights -1, 0 and 1 on inputs of ±1, see binary_layer.h
  int8,       // weights and inputs rounded to bytes, see int8_layer.h
};

struct alignas(kCacheLine) ConvPanel {
  Convolution conv;
  const InferKernels* kernels = nullptr;  // that the weights are packed for
  ConvForm form = ConvForm::direct;
  int vectors = 1;  // direct, pairs: of filters to a block
};

// Returns what stands at the start of the panel.
ConvPanel conv_panel(const PackedWeights& packed);
// Returns a panel that begins with `head`, with room for `floats` zeros behind it; and those.
PackedWeights start_panel(const ConvPanel& head, std::int64_t floats);
float* panel_floats(PackedWeights& packed);
const float* panel_floats(const PackedWeights& packed);

// Returns the zeros around the image that windows reach: the most of the four sides.
std::int64_t halo_of(const Convolution& conv);
// Returns the floats of an image with as much of a halo on each side as windows reach.
std::int64_t haloed_floats(const Convolution& conv);

// Returns memory for the scratch of `floats` that `args` lacks, and puts it there; empty where they have it. For
// callers who compute now and then, and plan no memory.
std::vector<float> own_scratch(ForwardArgs& args, std::int64_t floats);

// An image as a convolution's windows read it.
struct WindowImage {
  const float* first;  // cell of the first window
  std::int64_t row, pixel;
};
// Returns sample `i` of the input: where it stands if its halo is wide enough, else a copy in the scratch.
WindowImage window_image(const ForwardArgs& args, const Convolution& conv, std::int64_t i);

// Real weights, the scale multiplied in. Panel: the bias, then the weights as the kernel wants them. Which form is
// chosen, and so the bits, depends on nothing that a split by filters, groups or rows changes.
ConvForm real_form(const Convolution& conv);
PackedWeights pack_real(const Convolution& conv, const LayerArrays& layer, const InferKernels& kernels);
std::int64_t real_halo(const Convolution& conv);
std::int64_t real_scratch(const Convolution& conv, std::int64_t halo);

PackedWeights pack_direct(const Convolution& conv, const LayerArrays& layer, const InferKernels& kernels);
void forward_direct(const ForwardArgs& args);
PackedWeights pack_pairs(const Convolution& conv, const LayerArrays& layer, const InferKernels& kernels);
void forward_pairs(const ForwardArgs& args);
std::int64_t pairs_scratch(const Convolution& conv);

PackedWeights pack_depthwise(const Convolution& conv, const LayerArrays& layer, const InferKernels& kernels);
void forward_depthwise(const ForwardArgs& args);

// Vectors of a group's filters.
std::int64_t vectors_of(const Convolution& conv, const InferKernels& kernels);
// Returns the vectors of filters to a block that take the least time over rows of `columns`; the fewest of those.
int best_vectors(const Convolution& conv, const InferKernels& kernels, std::int64_t columns);
// Where filter `filter`'s weights for tap 0 stand among the blocks, and how far apart those of its taps are.
struct FilterPlace {
  std::int64_t first, next;
};
FilterPlace filter_place(const ConvPanel& head, std::int64_t filter, std::int64_t taps);
// Fills the panel's biases.
void set_bias(const ConvPanel& head, const LayerArrays& layer, float* bias);
// Where sample `i` of the output goes.
ImageOut image_out(const ForwardArgs& args, std::int64_t i);

}  // namespace cleave
