// What this processor can do at most, measured, with the instruction sets that cleave's kernels use here.
#pragma once

namespace cleave {

// A second, on one thread. Operations count two for each multiply-add, of floats, bytes or bits; 0 = not known.
struct Peaks {
  double floats = 0, int8 = 0, binary = 0;
  double read_bytes = 0;  // from memory
};

// Takes about a second.
Peaks measure_peaks();
void print_peaks(const Peaks& peaks);

}  // namespace cleave
