// The hot loops of training, over lanes (images) that lie side by side: rows of `lanes` floats, lanes a multiple of
// 16 (kLaneMultiple of ops/core/tensor.h).
// One table per instruction set. Included by the files that are
// compiled once per instruction set, so nothing here may define an inline function.
#pragma once

#include <cstdint>

namespace cleave {

// Largest number of images per block.
inline constexpr std::int64_t kMaxLanes = 512;

// Cross-entropy of a block of images. Row c of the logits is logits[c], row c of exp(logit - shift) is terms[c].
struct CrossEntropyArgs {
  const float* const* logits;  // [classes] rows, under the proposal
  std::int64_t classes;
  std::int64_t lanes;
  std::int64_t used;           // lanes that hold an image; the others count nothing
  const std::int32_t* labels;  // [lanes], -1 behind `used`
  const std::int32_t* changed_classes;
  std::int64_t changed_count;
  const float* const* terms;  // [classes] rows: the rows of `new_terms` for changed classes, the old ones for others
  float* new_terms;           // whole: [classes][lanes]; part: [changed_count][lanes]
  const float* old_margin;    // [lanes], shift - logit of the label
  float* new_margin;          // [lanes]
  const float* old_shift;     // [lanes], read by the partial evaluation
  float* new_shift;           // [lanes], written by the whole one
};

// A square window that slides over planes [rows·columns][lanes].
struct PlaneWindows {
  std::int64_t in_rows, in_columns;
  std::int64_t out_rows, out_columns;
  std::int64_t size, stride;
  std::int64_t above, left;  // padding in front of the first row and column
  std::int64_t lanes;
};

struct ConvArgs {
  PlaneWindows windows;
  const float* const* inputs;  // [channels] planes
  const std::int32_t* taken;   // [channels] which channel of a filter's kernel belongs to each; null = in order
  std::int64_t channels;
  const float* const* kernels;  // [filters] kernels, [channel][size][size]
  float* const* outputs;        // [filters] planes
  std::int64_t filters;
  bool add;  // the sums are added to what `outputs` hold, else they take its place
};

struct TrainKernels {
  const char* isa_name;
  // y += a·x
  void (*axpy)(float* y, const float* x, float a, std::int64_t n);
  // out = base + a·x
  void (*add_scaled)(float* out, const float* base, const float* x, float a, std::int64_t n);
  // out = a·x + b
  void (*affine)(float* out, const float* x, float a, float b, std::int64_t n);
  // out = x - y
  void (*subtract)(float* out, const float* x, const float* y, std::int64_t n);
  // out[r] = Σ_i weights[r][i]·x[i], for rows of `lanes` floats; the order of each sum depends on rows,
  // inputs and lanes alone.
  void (*dense)(float* const* out, const float* const* weights, const float* const* x, std::int64_t rows,
                std::int64_t inputs, std::int64_t lanes);
  // outputs[f] = Σ over channels, rows and columns of the window, padding being zero. The order of each sum depends on
  // the windows and the channels alone.
  void (*convolve)(const ConvArgs& args);
  // out += a·(the plane under row `y` and column `x` of the window), padding being zero.
  void (*add_tap)(const PlaneWindows& windows, float* out, const float* plane, std::int64_t y, std::int64_t x, float a);
  // Every output is the largest of its window's real cells, or their mean.
  void (*largest)(const PlaneWindows& windows, float* out, const float* plane);
  void (*mean)(const PlaneWindows& windows, float* out, const float* plane);
  void (*relu)(float* out, const float* x, std::int64_t n);
  // +1 where x ≥ 0, else -1.
  void (*sign)(float* out, const float* x, std::int64_t n);
  void (*sigmoid)(float* out, const float* x, std::int64_t n);
  // exp(x), relative error below 3e-7 for x in [-87, 88], the bounds' values beyond them.
  void (*exponential)(float* out, const float* x, std::int64_t n);
  // True when the rows hold the same values (+0 equals -0; NaN equals nothing).
  bool (*equal)(const float* x, const float* y, std::int64_t n);
  // Returns the sum of the losses, from all logits: writes shift, new_margin and new_terms. NaN when a logit is not
  // finite.
  double (*cross_entropy)(const CrossEntropyArgs& args);
  // The same from the changed logits only. NaN when the terms have left the range in which they are exact: the caller
  // then evaluates the whole.
  double (*cross_entropy_part)(const CrossEntropyArgs& args);
};

// The table of chosen_isa() (ops/kernels/isa.h).
const TrainKernels& train_kernels();
// The table of one instruction set ("baseline", "avx2", "avx512", "neon"), null when this processor or build lacks it.
const TrainKernels* train_kernels_for(const char* isa_name);

}  // namespace cleave
