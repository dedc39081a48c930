// Binary layers of every instruction set and form against plain integer sums: every bit has to agree.
#include "ops/defs/binary_layer.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "ops/core/rng.h"
#include "tests/ops/defs/word_cases.h"

namespace cleave {
namespace {

using Grid = WeightType::Grid;

constexpr Grid kGrids[] = {Grid::sign, Grid::bit, Grid::ternary};
constexpr const char* kIsas[] = {"baseline", "avx2", "avx512", "avx512_popcnt", "neon"};

float random_sign(Rng& rng) { return rng.below(2) == 0 ? -1.0F : 1.0F; }

float random_weight(Rng& rng, Grid grid) {
  if (grid == Grid::sign) return random_sign(rng);
  return static_cast<float>(rng.below(grid == Grid::bit ? 2 : 3)) - (grid == Grid::bit ? 0.0F : 1.0F);
}

WordCase random_case(Rng& rng, Grid grid) {
  return random_word_case(
      rng, [&] { return random_sign(rng); }, [&] { return random_weight(rng, grid); });
}

std::vector<float> compute(const WordCase& c, const BinaryPlan& plan, const Parallel* parallel) {
  const LineBytes panel = pack_binary(c.conv, plan, c.layer());
  std::vector<float> scratch(static_cast<std::size_t>(binary_scratch(c.conv)), -7.0F);
  std::vector<float> output(c.output_size(), -7.0F);
  WordJob job = c.job(output.data());
  job.parallel = parallel;
  forward_binary(c.conv, panel, job, scratch);
  return output;
}

class BinaryLayers : public testing::TestWithParam<const char*> {
 protected:
  const BinaryKernels* kernels = binary_kernels_for(GetParam());
};

TEST_P(BinaryLayers, GiveTheExactSumsOfRandomShapes) {
  if (kernels == nullptr) GTEST_SKIP() << "not on this processor";
  Rng rng(1, kTestStream, 0);
  for (int i = 0; i < shapes_to_try(); ++i) {
    const Grid grid = kGrids[i % 3];
    const WordCase c = random_case(rng, grid);
    const std::vector<float> wanted = c.expected();
    BinaryPlan plan = plan_binary(*kernels, c.conv, {grid, 1, true});
    for (const BinaryForm form : forms_of(*kernels, plan.weights)) {
      plan.form = form;
      ASSERT_EQ(compute(c, plan, nullptr), wanted) << c.text() << ", form " << static_cast<int>(form);
    }
  }
}

TEST_P(BinaryLayers, GiveTheSameBitsInAnyNumberOfParts) {
  if (kernels == nullptr) GTEST_SKIP() << "not on this processor";
  Rng rng(2, kTestStream, 0);
  for (int i = 0; i < 50; ++i) {
    const WordCase c = random_case(rng, Grid::sign);
    const BinaryPlan plan = plan_binary(*kernels, c.conv, {Grid::sign, 1, true});
    ASSERT_EQ(compute(c, plan, &kBackwards), compute(c, plan, nullptr)) << c.text();
  }
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, BinaryLayers, testing::ValuesIn(kIsas),
                         [](const testing::TestParamInfo<const char*>& isa) { return std::string(isa.param); });

}  // namespace
}  // namespace cleave
