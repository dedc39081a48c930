// Random convolutions of small integers, and what they must give: the integer sum, times the filter's scale, plus its
// bias, plus the value to be added, clamped; each step rounded once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ops/core/rng.h"
#include "ops/defs/word_layer.h"

namespace cleave {

struct WordCase {
  Convolution conv;
  std::vector<float> input;   // [H][W][C]
  std::vector<float> kernel;  // [filters][inputs][cells]
  std::vector<float> scale, bias, add;
  Clamp clamp;

  LayerArrays layer() const { return {&kernel, &scale, &bias}; }
  WordJob job(float* output) const;
  std::size_t output_size() const;
  std::vector<float> expected() const;
  std::string text() const;
};

// Returns how many shapes a test tries per instruction set: 2000, or what CLEAVE_SHAPES says, for emulators.
int shapes_to_try();
// A random geometry: kernels of 1 to 11, strides, groups, odd counts, paddings; few products, so that thousands run.
Convolution random_convolution(Rng& rng);
WordCase random_word_case(Rng& rng, const std::function<float()>& input, const std::function<float()>& weight);

// Computes the parts one by one, the last first.
extern const Parallel kBackwards;

}  // namespace cleave
