// shapes: small noisy pictures of drawn shapes, for tests and first runs without any file.
#pragma once

#include "engine/data/dataset.h"

namespace cleave {

// Returns pictures [C, H, W] of ten classes, disc ring square frame triangle wedge plus times bar post, each of random
// place, size, tilt and colours, with noise. Classes follow one another; picture i is a function of (seed, split, i,
// shape). The shape is request.shape, by default 3x32x32; a vector [N] is drawn as [1, √N, √N]. By default 10 000
// pictures for train, 2 000 for test. Throws UserError when N is no square or the set would exceed 4 GiB.
Dataset make_shapes(const DatasetRequest& request);

}  // namespace cleave
