// What this processor can do at most, measured: loops of nothing but the instructions that a kernel lives on.
#pragma once

#include <string>
#include <vector>

namespace cleave {

struct Peak {
  std::string name;
  double per_s = 0;  // operations, or bytes, a second and thread
  double scale = 1e-9;
  const char* unit = "";
};

// Operations count two for each multiply-add, of floats, bytes or bits. 0 where the processor has no such instruction.
struct Peaks {
  double fma_avx2 = 0, fma_avx512 = 0, int8 = 0, read_bytes = 0;
  double binary = 0;       // the best of the ways below
  double binary_avx2 = 0;  // nibble look-up with 256 bits
  std::vector<Peak> all;

  // The multiply-adds of floats with the instruction set the kernels use.
  double fma(bool avx2_only) const { return avx2_only || fma_avx512 == 0 ? fma_avx2 : fma_avx512; }
};

// Takes about a second.
Peaks measure_peaks();
void print_peaks(const Peaks& peaks);

}  // namespace cleave
