#include "ops/kernels/sparse_kernels.h"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "ops/core/rng.h"

namespace cleave {
namespace {

constexpr std::int64_t kInputs = 200, kRows = 9, kSamples = 7;

// Row r has r blocks; its result stands at place kRows - 1 - r.
struct Case {
  std::vector<float> values, bias, input;
  std::vector<std::int32_t> firsts, ends, places;

  Case() {
    Rng rng(2, kTestStream, 0);
    for (std::int32_t r = 0; r < kRows; ++r) {
      for (std::int64_t b = 0; b < r; ++b)
        firsts.push_back(static_cast<std::int32_t>(rng.below(kInputs - kSparseBlock)));
      ends.push_back(static_cast<std::int32_t>(firsts.size()));
      places.push_back(static_cast<std::int32_t>(kRows) - 1 - r);
      bias.push_back(static_cast<float>(rng.normal()));
    }
    for (std::size_t i = 0; i < firsts.size() * kSparseBlock; ++i) values.push_back(static_cast<float>(rng.normal()));
    for (std::int64_t i = 0; i < kSamples * kInputs; ++i) input.push_back(static_cast<float>(rng.normal()));
  }

  std::vector<float> run(const SparseKernels* kernels) const {
    std::vector<float> output(static_cast<std::size_t>(kSamples * kRows));
    kernels->block_rows({kRows, values.data(), firsts.data(), ends.data(), bias.data(), places.data()}, input.data(),
                        kInputs, kSamples, output.data(), kRows);
    return output;
  }
};

TEST(SparseKernels, GiveTheSameBitsForEveryInstructionSet) {
  const Case blocks;
  const std::vector<float> wanted = blocks.run(sparse_kernels_for("baseline"));
  EXPECT_EQ(wanted[8], blocks.bias[0]) << "a row without blocks is its bias";
  for (const char* isa : {"avx2", "avx512"}) {
    const SparseKernels* kernels = sparse_kernels_for(isa);
    if (kernels == nullptr) continue;
    EXPECT_EQ(std::memcmp(blocks.run(kernels).data(), wanted.data(), 4 * wanted.size()), 0) << isa;
  }
}

}  // namespace
}  // namespace cleave
