// two_moons: points on two interleaved half circles, with noise.
#pragma once

#include "engine/data/dataset.h"

namespace cleave {

// Returns points [2] of class 0 on the upper half circle around (0, 0) and of class 1 on the lower one around (1, 0.5),
// radius 1, normal noise of deviation 0.1; x in about [-1.3, 2.3], y in about [-0.8, 1.3]. Classes alternate. Point i
// is a function of (seed, split, i). By default 2 000 for train, 1 000 for test; at most 16 Mi.
Dataset make_two_moons(const DatasetRequest& request);

}  // namespace cleave
