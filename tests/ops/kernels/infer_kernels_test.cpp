// The inference kernels of every instruction set against the slow twin, over shapes that fit the tiles and ones that do
// not, with and without halos, added images and clamps.
#include "ops/kernels/infer_kernels.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>

#include "ops/core/catalog.h"
#include "ops/core/rng.h"
#include "ops/defs/common.h"
#include "ops/defs/conv2d_forms.h"
#include "ops/defs/pool.h"
#include "tests/ops/defs/op_samples.h"
#include "tests/ops/kernels/haloed.h"
#include "tests/reference/reference_ops.h"

namespace cleave {
namespace {

constexpr std::uint64_t kShapes = 2000;  // a set

std::int64_t between(Rng& rng, std::int64_t least, std::int64_t most) {
  return least + static_cast<std::int64_t>(rng.below(static_cast<std::uint32_t>(most - least + 1)));
}

bool chance(Rng& rng) { return rng.below(2) == 1; }

// One use of an op with everything that may surround it.
struct KernelCase {
  const OpDef* op = nullptr;
  OpSample sample{};
  LayerWeights weights{};
  std::vector<Tensor> inputs{};
  Tensor add{};  // of no samples: nothing
  Clamp clamp{};
  std::int64_t in_halo = 0, out_halo = 0, add_halo = 0;
};

void set_window(Rng& rng, KernelCase& c, const char* size_name, std::int64_t size) {
  c.sample.params.set(size_name, size);
  c.sample.params.set("stride", between(rng, 1, 3));
  if (size > 1) c.sample.params.set("padding", between(rng, 0, size / 2));
  if (size > 1 && rng.below(4) == 0)
    c.sample.params.set("padding_rows",
                        std::vector<std::int64_t>{between(rng, 0, size - 1), between(rng, 0, size - 1)});
}

// Few channels, some, many; groups now and then, one filter or a few to a channel.
void set_channels(Rng& rng, KernelCase& c, std::int64_t& channels) {
  const std::int64_t groups = rng.below(3) == 0 ? between(rng, 2, 5) : 1;
  const bool many = chance(rng);
  const std::int64_t inputs = many ? between(rng, 1, 9) : between(rng, 1, 40);
  const std::int64_t filters = many ? between(rng, 1, 70) : between(rng, 1, 9);
  const bool depthwise = rng.below(6) == 0;
  channels = depthwise ? inputs : inputs * groups;
  c.sample.params.set("groups", depthwise ? inputs : groups);
  c.sample.params.set("filters", depthwise ? inputs * between(rng, 1, 2) : filters * groups);
}

// What stands around the op, once its parameters are known.
void set_surroundings(Rng& rng, KernelCase& c, std::uint64_t seed) {
  const std::int64_t batch = between(rng, 1, 2);
  c.inputs = random_inputs(c.sample, batch, seed);
  c.weights = random_layer(*c.op, c.sample, {}, seed);
  c.in_halo = chance(rng) ? 0 : c.op->halo(c.sample.params, c.sample.inputs) + between(rng, 0, 1);
  c.out_halo = chance(rng) ? 0 : between(rng, 1, 3);
  if (!c.op->fuses) return;
  const TensorType out = infer_sample(*c.op, c.sample);
  if (chance(rng)) c.add = random_inputs({{}, {out}}, batch, seed + 1).front();
  c.add_halo = chance(rng) ? 0 : between(rng, 1, 2);
  if (chance(rng)) c.clamp = {-0.3F, chance(rng) ? 0.7F : std::numeric_limits<float>::infinity()};
}

KernelCase conv_case(std::uint64_t seed) {
  Rng rng(seed, kTestStream, 0);
  KernelCase c{.op = find(op_catalog(), "conv2d")};
  constexpr std::int64_t kKernels[] = {1, 3, 3, 3, 2, 4, 5, 7, 11};
  std::int64_t channels = 0;
  const std::int64_t kernel = kKernels[rng.below(9)];
  set_window(rng, c, "kernel", kernel);
  if (rng.below(3) == 0) c.sample.params.set("padding", std::string("same"));
  set_channels(rng, c, channels);
  const auto size = [&] { return between(rng, kernel, kernel + (chance(rng) ? 4 : 14)); };
  c.sample.inputs = {{DType::f32, {channels, size(), size()}}};
  set_surroundings(rng, c, seed);
  const std::int64_t taps = kernel * kernel * channels / c.sample.params.integer("groups");
  for (float& w : c.weights.arrays[0]) w /= std::sqrt(static_cast<float>(taps));  // results are about 1
  return c;
}

KernelCase pool_case(const char* op, std::uint64_t seed) {
  Rng rng(seed, kTestStream, 1);
  KernelCase c{.op = find(op_catalog(), op)};
  const std::int64_t size = between(rng, 1, 4);
  set_window(rng, c, "size", size);
  c.sample.inputs = {{DType::f32, {between(rng, 1, 90), between(rng, size, 12), between(rng, size, 12)}}};
  set_surroundings(rng, c, seed);
  return c;
}

// Hands out `threads` parts, the last first.
void run_backwards(std::int64_t count, const void* context, void (*body)(const void*, std::int64_t, std::int64_t)) {
  constexpr std::int64_t kParts = 4;
  for (std::int64_t part = kParts - 1; part >= 0; --part)
    if (const std::int64_t from = count * part / kParts, to = count * (part + 1) / kParts; from < to)
      body(context, from, to);
}

constexpr Parallel kInParts{4, run_backwards};

// Computes the case; the output keeps its halo.
Haloed run_case(const KernelCase& c, const InferKernels& kernels, const Parallel* parallel = nullptr) {
  Haloed input(c.inputs.front(), c.in_halo);
  Haloed add(c.add, c.add.batch == 0 ? 0 : c.add_halo);
  Haloed output(c.inputs.front().batch, infer_sample(*c.op, c.sample).shape, c.out_halo);
  const ConstTensorView view = as_const(input.view());
  PackedWeights packed;
  if (c.op->pack != nullptr)
    packed =
        pack_real(convolution(c.sample.params, c.sample.inputs.front().shape), layer_arrays(c.weights, true), kernels);
  ForwardArgs args{c.sample.params, {&view, 1}, &packed, output.view()};
  std::vector<float> scratch;
  if (c.op->scratch != nullptr)
    scratch.resize(static_cast<std::size_t>(c.op->scratch(c.sample.params, c.sample.inputs, {}, c.in_halo)));
  args.scratch = scratch;
  args.parallel = parallel;
  if (c.add.batch > 0) args.add = as_const(add.view());
  args.clamp = c.clamp;
  const bool largest = std::string_view(c.op->name) == "max_pool";
  if (c.op->pack != nullptr) c.op->forward(args);
  else pool_batch(args, largest ? kernels.pool_largest : kernels.pool_mean);
  return output;
}

Tensor reference(const KernelCase& c) {
  Tensor result = to_nhwc(reference_forward(*c.op, c.sample.params, {to_nchw(c.inputs.front().view())}, c.weights));
  for (std::size_t i = 0; i < result.data.size(); ++i) {
    float& x = result.data[i];
    if (c.add.batch > 0) x += c.add.data[i];
    x = std::min(std::max(x, c.clamp.low), c.clamp.high);
  }
  return result;
}

double distance(const Tensor& a, const Tensor& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.data.size(); ++i)
    most = std::max(most, std::abs(static_cast<double>(a.data[i]) - static_cast<double>(b.data[i])));
  return std::isnan(std::accumulate(a.data.begin(), a.data.end(), 0.0F)) ? 1 : most;
}

bool same_bits(const Haloed& a, const Haloed& b) {
  return a.data.size() == b.data.size() && std::memcmp(a.data.data(), b.data.data(), 4 * a.data.size()) == 0;
}

class InferKernelTables : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (kernels == nullptr) GTEST_SKIP() << GetParam() << ": not on this processor";
  }
  const InferKernels* kernels = infer_kernels_for(GetParam());

  void expect_reference(const KernelCase& c) const {
    Haloed output = run_case(c, *kernels);
    const std::string what = to_text(c.op->name, c.sample);
    ASSERT_LT(distance(output.real(), reference(c)), 3e-5) << what << " halos " << c.in_halo << " " << c.out_halo;
    ASSERT_TRUE(output.is_clean()) << what;
    ASSERT_TRUE(same_bits(output, run_case(c, *kernels, &kInParts))) << what << " in parts";
  }
};

TEST_P(InferKernelTables, ConvolutionsEqualTheReferenceAndDoNotDependOnParts) {
  for (std::uint64_t seed = 0; seed < kShapes && !HasFatalFailure(); ++seed) expect_reference(conv_case(seed));
}

TEST_P(InferKernelTables, PoolsEqualTheReferenceAndDoNotDependOnParts) {
  for (const char* op : {"max_pool", "mean_pool"})
    for (std::uint64_t seed = 0; seed < kShapes && !HasFatalFailure(); ++seed) expect_reference(pool_case(op, seed));
}

// Sets without fused multiply-adds round products by themselves.
TEST_P(InferKernelTables, BitsDoNotDependOnHalosNorOnTheSetWhereThereAreFusedMultiplyAdds) {
  const InferKernels* other = infer_kernels_for("avx2");
  if (other == nullptr || std::string_view(GetParam()) == "baseline") other = kernels;
  for (std::uint64_t seed = 0; seed < kShapes / 4; ++seed) {
    KernelCase c = conv_case(seed);
    Haloed output = run_case(c, *kernels);
    c.in_halo = c.in_halo == 0 ? c.op->halo(c.sample.params, c.sample.inputs) : 0;
    c.add_halo = 1 - std::min<std::int64_t>(c.add_halo, 1);
    ASSERT_TRUE(same_bits(output, run_case(c, *other))) << to_text("conv2d", c.sample);
  }
}

TEST_P(InferKernelTables, NotANumberComesThroughTheClamp) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    KernelCase c = conv_case(seed);
    std::fill(c.inputs[0].data.begin(), c.inputs[0].data.end(), std::numeric_limits<float>::quiet_NaN());
    c.sample.params.set("padding", std::int64_t{0});
    c.sample.params.set("padding_rows", std::vector<std::int64_t>{0, 0});
    c.clamp = {-1, 1};
    for (const float x : run_case(c, *kernels).real().data) ASSERT_TRUE(std::isnan(x)) << to_text("conv2d", c.sample);
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, InferKernelTables, testing::Values("baseline", "avx2", "avx512", "neon"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace cleave
