// Dense and convolutional layers whose inputs are rounded to multiples of `input_scale`, -127 … 127 of them, and whose
// weights are rounded to as many multiples of a scale per filter, its largest weight / 127 (symmetric quantisation,
// Jacob et al. 2018, without zero points). A result is the integer sum, times both scales and the layer's own, plus the
// bias, each rounded once: the same bits on every machine. Training knows nothing of it.
#pragma once

#include <cstdint>

#include "ops/defs/word_layer.h"
#include "ops/kernels/int8_kernels.h"

namespace cleave {

// The parameter of the layers that may be computed so, for their tables of fields.
inline constexpr FieldDef kInputScaleField = {
    .name = "input_scale",
    .kind = Kind::real,
    .doc = "compute in int8 where the network runs: inputs are rounded to -127 … 127 times this (cleave quantize)",
    .min = 1e-30,
    .max = 1e30};
// Products of a sum that 32 bits hold for certain, inputs being up to 255 where bytes have no sign; check_int8 throws
// OpError for more.
inline constexpr std::int64_t kMostInt8Products = ((std::int64_t{1} << 31) - 1) / (255 * kMostInt8);

// Whether the layer is to be computed so.
inline bool is_int8_layer(const Params& params) { return params.has(kInputScaleField.name); }
inline float int8_input_scale(const Params& params) { return static_cast<float>(params.real(kInputScaleField.name)); }
void check_int8(const Params& params, const Convolution& conv);
// The weights' type as their cost counts it.
WeightType stored_type(const Params& params, WeightType type);

// The scale of `count` weights of one filter: the largest / 127, 1 where all are 0.
float int8_scale(const float* weights, std::int64_t count);
// Returns a weight as a multiple of the scale.
std::int32_t int8_value(float weight, float scale);

LineBytes pack_int8(const Convolution& conv, const Int8Kernels& kernels, const LayerArrays& layer, float input_scale);
// Floats of scratch for one image.
std::int64_t int8_scratch(const Convolution& conv, const Int8Kernels& kernels);
// Computes one image of `conv`, as forward_binary.
void forward_int8(const Convolution& conv, const LineBytes& panel, const WordJob& job, std::span<float> scratch);

}  // namespace cleave
