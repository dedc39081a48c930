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
  direct,  // real weights in blocks of filters, see infer_kernels.h
  binary,  // weights -1, 0 and 1 on inputs of ±1, see binary_layer.h
};

struct alignas(kCacheLine) ConvPanel {
  Convolution conv;
  const InferKernels* kernels = nullptr;  // that the weights are packed for
  ConvForm form = ConvForm::direct;
  int vectors = 1;  // direct: of filters to a block
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

// Returns memory for the scratch that `args` lacks, and puts it there; empty where they need none or have it. For
// callers who compute now and then, and plan no memory.
std::vector<float> own_scratch(ForwardArgs& args, const Convolution& conv);

// An image as a convolution's windows read it.
struct WindowImage {
  const float* first;  // cell of the first window
  std::int64_t row, pixel;
};
// Returns sample `i` of the input: where it stands if its halo is wide enough, else a copy in the scratch.
WindowImage window_image(const ForwardArgs& args, const Convolution& conv, std::int64_t i);

// Real weights. The scale is multiplied in. Panel: bias [group][filter], then the blocks; a group's filters are filled
// up with zeros to whole vectors.
PackedWeights pack_real(const Convolution& conv, const LayerArrays& layer, const InferKernels& kernels);
void forward_direct(const ForwardArgs& args);

}  // namespace cleave
