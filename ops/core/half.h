// Half precision (IEEE 754 binary16): what `f16` means for values held as floats.
#pragma once

#include <cstdint>
#include <span>

namespace cleave {

// Rounds every value to the nearest half, ties to even. What lies beyond the largest one, 65504, becomes that and not
// infinite: one such value would spoil every sum it enters.
void round_to_f16(std::span<float> values);

// Returns the number that these 16 bits are.
float half_to_float(std::uint16_t half);

}  // namespace cleave
