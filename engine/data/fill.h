// From a data set to the input of a graph.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "engine/data/dataset.h"
#include "graphs/model_spec.h"
#include "ops/core/tensor.h"

namespace cleave {

// Returns why `set` cannot feed `input`, one sentence, or "" when it can: the shapes are equal, or the input is a
// vector [N] and the set's images have C*H*W = N; `normalize` has one entry, or one per channel (per value, when the
// set holds vectors), all deviations above 0.
std::string check_input(const Dataset& set, const InputSpec& input);

// Writes the samples `picks` (each 0 … count-1) into `out`, in the inference layout: [batch, H, W, C] for images,
// [batch, N] for vectors; an image set in a vector input stands in the order C, H, W. Bytes are first mapped from
// 0 … 255 onto [0, 1], floats are taken as they are; then the input's rule applies: `threshold` (1 where v >=
// threshold, else 0), else `normalize` ((v - mean) / std), else `scale` (low + v·(high - low)), else nothing. The
// caller has made sure that check_input is empty, out.batch = picks.size() and out.shape is the input's.
void fill_batch(const Dataset& set, const InputSpec& input, std::span<const std::int64_t> picks, TensorView out);

// Applies the same rule to values that are in the inference layout already, bytes mapped onto [0, 1]: for samples that
// do not come from a data set. Per-channel entries of `normalize` go by the input's channels.
void apply_rule(const InputSpec& input, TensorView values);

}  // namespace cleave
