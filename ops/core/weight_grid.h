// WeightGrid: the numbers a layer's kernel may hold, when they are not all real ones.
//
//   {binary: [-1, 1]}     -1, 1
//   {binary: [0, 1]}      0, 1
//   ternary               -1, 0, 1
//   {quantized: {bits}}   2^bits levels, evenly spaced and symmetric around zero, which is none of them: from -r to r
//                         with r = 4·sqrt(2/fan in), four times the deviation of real start weights (He et al. 2015),
//                         or r = 4·sqrt(2) where a scale per filter brings the rest
#pragma once

#include <cstdint>
#include <string>

#include "ops/core/op.h"

namespace cleave {

// A level is `middle + spacing·(its number - (levels - 1)/2)`, numbers from 0.
struct WeightGrid {
  double middle = 0;
  double spacing = 0;
  std::int64_t levels = 0;  // 0: any real number

  bool is_real() const { return levels == 0; }
  float value(std::int64_t level) const;
  // Returns the number of the level nearest to a finite value.
  std::int64_t nearest(double value) const;
  // True when the value is one of the levels, to the bit; all finite ones are on a real "grid".
  bool holds(float value) const;

  bool operator==(const WeightGrid&) const = default;
};

// Returns the grid of a kernel of this shape, [filters, …]; a quantized one's depends on its fan in.
WeightGrid kernel_grid(const WeightType& type, const Shape& kernel);
// The standard deviation that real and quantized kernels of this shape start with.
double start_deviation(const WeightType& type, const Shape& kernel);
// Returns "-1 or 1", "one of 256 values from -0.2 to 0.2 in steps of 0.0016", "real".
std::string to_text(const WeightGrid& grid);

}  // namespace cleave
