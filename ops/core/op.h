// OpDef: what an op is. One file in ops/defs per op, one row in ops/catalog.cpp; everything the rest of cleave knows of
// an op is in this struct. A null function means "not supported", never a stub.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "ops/core/block_args.h"
#include "ops/core/error.h"
#include "ops/core/line_bytes.h"
#include "ops/core/parallel.h"
#include "ops/core/params.h"
#include "ops/core/part.h"
#include "ops/core/tensor.h"

namespace cleave {

// Which numbers a layer's kernel may hold. Biases and per-filter scales are always real.
struct WeightType {
  enum class Grid : std::uint8_t { real, sign, bit, ternary, quantized };  // R, {-1,1}, {0,1}, {-1,0,1}, 2^bits levels
  Grid grid = Grid::real;
  int bits = 32;                  // of one weight
  bool scale_per_filter = false;  // x -> (w ⊙ x)·scale[filter], XNOR-Net++ (Bulat and Tzimiropoulos 2019)

  bool is_binary() const { return grid == Grid::sign || grid == Grid::bit; }
  bool operator==(const WeightType&) const = default;
};
// Returns "real", "binary ±1 scaled" …
std::string to_text(const WeightType& type);

// What an array of a layer is for. A `scale` multiplies one filter of a kernel, a `gain` one channel (batch norm's, 1
// at the start). A `statistic` is stored with the weights but neither counted nor trained (batch norm's running mean
// and variance).
enum class Role : std::uint8_t { kernel, bias, scale, gain, statistic };

// One array of a layer's weights: dense kernels are [units, in], convolutions [filters, in/groups, kh, kw], the others
// [filters]. The first size counts filters (units); all arrays of a layer agree on it.
struct WeightSlot {
  std::string name;  // "weight", "bias", "scale", "running_mean" …
  Role role = Role::kernel;
  Shape shape;
  float initial = 0;  // for arrays that are not drawn: batch norm's 1 and 0, biases' 0

  bool operator==(const WeightSlot&) const = default;
};

// The arrays of one layer, in the order of its WeightSlots, row-major.
struct LayerWeights {
  WeightType type;
  std::vector<std::vector<float>> arrays;

  bool operator==(const LayerWeights&) const = default;
};

// Work of one forward call on a whole batch. Products are those of dense and convolutional layers; every other op
// counts with its bytes alone.
struct Cost {
  std::int64_t mult_adds = 0;   // products with a real factor, the padding's zeros included
  std::int64_t binary_ops = 0;  // products of binary weights and bits: one xnor and one count
  std::int64_t bytes = 0;       // activations read and written, and weights read

  Cost& operator+=(const Cost& other);
  bool operator==(const Cost&) const = default;
};

// Weights made ready for `forward`: reordered, scaled, padded. Each op defines what stands in which array, and in the
// panel: whatever its kernel wants at the start of a cache line, or not as floats.
struct PackedWeights {
  std::vector<std::vector<float>> arrays;
  LineBytes panel;
};

// An interval that results are brought into: x < low ? low : x > high ? high : x, so that a NaN stays one.
struct Clamp {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();

  bool operator==(const Clamp&) const = default;
};

struct ForwardArgs {
  const Params& params;
  std::span<const ConstTensorView> inputs;
  const PackedWeights* weights;        // what `pack` returned; null for ops without weights
  TensorView output;                   // every element is written, the halo's zeros too
  ConstTensorView add{};               // added to what the op computes; without data: nothing. Ops that fuse only
  Clamp clamp{};                       // done last. Ops that fuse only
  std::span<float> scratch{};          // as many floats as `scratch` said, at the start of a cache line
  const Parallel* parallel = nullptr;  // who else may compute; null: nobody
};

struct OpDef {
  const char* name;
  const char* doc;  // one line
  std::span<const FieldDef> fields;
  int min_inputs = 1;
  int max_inputs = 1;  // -1: any number

  // Returns the output's type for one sample. Throws OpError with what is wrong and what would be right.
  TensorType (*infer)(const Params& params, std::span<const TensorType> inputs);
  // Returns the layer's arrays; null for ops without weights.
  std::vector<WeightSlot> (*weights)(const Params& params, std::span<const TensorType> inputs, const WeightType& type);
  // Returns the work of a batch of `batch` ≥ 1 samples; positive, and monotone in the batch.
  Cost (*cost)(const Params& params, std::span<const TensorType> inputs, const TensorType& output,
               const WeightType& type, std::int64_t batch);
  // Returns the weights ready for `forward`; null for ops without weights. Takes them by value: an array that stays as
  // it is can be moved, and large layers are not held twice.
  PackedWeights (*pack)(const Params& params, std::span<const TensorType> inputs, LayerWeights weights);
  // Computes a batch in the inference layout; does not throw.
  void (*forward)(const ForwardArgs& args);

  // Training: which output channels these channels of the inputs and these weights reach. Null: computed by `forward`.
  ChangedChannels (*reach)(const Params& params, std::span<const TensorType> types,
                           std::span<const ChangedChannels> inputs, std::span<const WeightMove> moves,
                           const LayerWeights* weights) = nullptr;
  // Recomputes the changed channels of a block from the old values and the changes; equals `forward` up to rounding.
  // Where all channels of all inputs changed it reads neither old values nor the old output.
  void (*update)(const UpdateArgs& args) = nullptr;
  // Training by gradients. Where the op has a kink it takes the slope of one side. Null: no gradient, or none yet.
  void (*backward)(const BackwardArgs& args) = nullptr;

  // Splits: how to compute the part `wanted`, not the whole, of the output from parts of the inputs (of these types),
  // to the same bits. Throws OpError, or is null, where every part needs all of the inputs.
  OpPart (*part)(const Params& params, std::span<const TensorType> inputs, PartAxis axis, Range wanted) = nullptr;
  // The parameters in one of `ways` branches, each with 1/ways of the channels (`whole_input`: but reading all of the
  // network's input). Throws OpError where they do not divide. Null: no parameter counts channels.
  Params (*branch)(const Params& params, std::int64_t ways, bool whole_input) = nullptr;
  bool elementwise = false;  // output[i] depends on input[i] only: may run in place and be fused into its producer
  // The interval an elementwise op clamps to; null: it does something else.
  Clamp (*clamp)(const Params& params) = nullptr;
  bool fuses = false;  // `forward` obeys ForwardArgs::add and clamp
  // Halos: how wide a halo around its inputs spares `forward` work. Null: it reads inputs without halos only.
  std::int64_t (*halo)(const Params& params, std::span<const TensorType> inputs) = nullptr;
  bool writes_halo = false;  // `forward` can write an output with a halo
  // Floats that `forward` needs beside its arguments, whatever the batch, if its inputs have halos that wide. Null:
  // none.
  std::int64_t (*scratch)(const Params& params, std::span<const TensorType> inputs, const WeightType& type,
                          std::int64_t halo) = nullptr;
  bool view = false;  // training: shares its input's memory; a changed channel becomes whole channels
};

std::span<const OpDef> op_catalog();

}  // namespace cleave
