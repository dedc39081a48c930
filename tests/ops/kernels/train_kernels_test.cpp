#include "ops/kernels/train_kernels.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "ops/core/rng.h"

namespace cleave {
namespace {

constexpr std::int64_t kClasses = 7;
constexpr std::int64_t kTestLanes = 48;

// Every table this processor can run, one test run each.
class TrainKernelTables : public testing::TestWithParam<const char*> {
 protected:
  const TrainKernels* kernels = train_kernels_for(GetParam());
  bool missing() const { return kernels == nullptr; }
};

// Logits of a block with everything cross_entropy wants around them.
struct LossBlock {
  std::vector<float> logits, cache, fresh;
  std::vector<const float*> rows, terms;
  std::vector<std::int32_t> labels;
  std::int64_t used;

  LossBlock(float size, std::int64_t images)
      : logits(kClasses * kTestLanes), cache((kClasses + 2) * kTestLanes), fresh(cache.size()), used(images) {
    Rng rng(11, kTestStream, 0);
    for (float& logit : logits) logit = size * static_cast<float>(rng.normal());
    for (std::int64_t l = 0; l < kTestLanes; ++l)
      labels.push_back(l < used ? static_cast<std::int32_t>(rng.below(kClasses)) : -1);
    for (std::int64_t c = 0; c < kClasses; ++c) {
      rows.push_back(logits.data() + c * kTestLanes);
      terms.push_back(cache.data() + (c + 2) * kTestLanes);
    }
  }

  CrossEntropyArgs args(const std::vector<std::int32_t>& changed) {
    for (std::size_t k = 0; k < changed.size(); ++k)
      terms[static_cast<std::size_t>(changed[k])] = fresh.data() + (static_cast<std::int64_t>(k) + 2) * kTestLanes;
    return {rows.data(),
            kClasses,
            kTestLanes,
            used,
            labels.data(),
            changed.data(),
            static_cast<std::int64_t>(changed.size()),
            terms.data(),
            fresh.data() + 2 * kTestLanes,
            cache.data() + kTestLanes,
            fresh.data() + kTestLanes,
            cache.data(),
            fresh.data()};
  }

  double reference() const {
    double sum = 0;
    for (std::size_t l = 0; l < static_cast<std::size_t>(used); ++l) {
      double largest = -1e300;
      double terms_sum = 0;
      for (const float* row : rows) largest = std::max(largest, static_cast<double>(row[l]));
      for (const float* row : rows) terms_sum += std::exp(row[l] - largest);
      sum += largest + std::log(terms_sum) - static_cast<double>(rows[static_cast<std::size_t>(labels[l])][l]);
    }
    return sum;
  }
};

TEST_P(TrainKernelTables, ExponentialIsAccurateToThreeTenMillionths) {
  if (missing()) return;
  std::vector<float> x, y(176000);
  for (int i = 0; i < 176000; ++i) x.push_back(-87.0F + static_cast<float>(i) * 0.000994F);
  kernels->exponential(y.data(), x.data(), 176000);
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(y[i]) / std::exp(static_cast<double>(x[i])) - 1.0));
  EXPECT_LT(worst, 3e-7);
}

TEST_P(TrainKernelTables, CrossEntropyEqualsTheReferenceForAnyNumberOfImages) {
  if (missing()) return;
  for (std::int64_t images = 1; images <= kTestLanes; ++images) {
    LossBlock block(3.0F, images);
    EXPECT_NEAR(kernels->cross_entropy(block.args({})), block.reference(), 1e-5 * block.reference() + 1e-6) << images;
  }
}

TEST_P(TrainKernelTables, CrossEntropyIsFiniteOnExtremeLogits) {
  if (missing()) return;
  LossBlock block(1e30F, 40);
  EXPECT_NEAR(kernels->cross_entropy(block.args({})) / block.reference(), 1.0, 1e-5);
}

TEST_P(TrainKernelTables, CrossEntropyOfLogitsThatAreNotFiniteIsNaN) {
  if (missing()) return;
  for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    LossBlock block(1.0F, 40);
    block.logits[3 * kTestLanes + 5] = bad;
    EXPECT_TRUE(std::isnan(kernels->cross_entropy(block.args({}))));
  }
}

TEST_P(TrainKernelTables, AFewChangedLogitsGiveTheSameCrossEntropyAsAll) {
  if (missing()) return;
  LossBlock block(3.0F, 37);
  kernels->cross_entropy(block.args({}));
  block.cache = block.fresh;
  for (float* logit = block.logits.data() + 2 * kTestLanes; logit != block.logits.data() + 3 * kTestLanes; ++logit)
    *logit += 1.5F;
  const std::vector<std::int32_t> changed = {2};
  EXPECT_NEAR(kernels->cross_entropy_part(block.args(changed)), block.reference(), 1e-5 * block.reference());
}

TEST_P(TrainKernelTables, TermsOutOfRangeAreReportedAsNaN) {
  if (missing()) return;
  LossBlock block(1.0F, 40);
  kernels->cross_entropy(block.args({}));
  block.cache = block.fresh;
  block.logits[2 * kTestLanes] = 80.0F;
  const std::vector<std::int32_t> changed = {2};
  EXPECT_TRUE(std::isnan(kernels->cross_entropy_part(block.args(changed))));
}

// Returns pointers to the rows of a matrix with rows of `size`.
template <class Float>
std::vector<Float*> rows_of(std::vector<float>& matrix, std::size_t size) {
  std::vector<Float*> rows;
  for (std::size_t at = 0; at < matrix.size(); at += size) rows.push_back(matrix.data() + at);
  return rows;
}

TEST_P(TrainKernelTables, DenseEqualsPlainSumsOnOddSizes) {
  if (missing()) return;
  std::vector<float> w(7 * 13), x(13 * kTestLanes), y(7 * kTestLanes);
  Rng rng(5, kTestStream, 1);
  for (float& v : w) v = static_cast<float>(rng.normal());
  for (float& v : x) v = static_cast<float>(rng.normal());
  kernels->dense(rows_of<float>(y, kTestLanes).data(), rows_of<const float>(w, 13).data(),
                 rows_of<const float>(x, kTestLanes).data(), 7, 13, kTestLanes);
  for (std::size_t at = 0; at < y.size(); ++at) {
    double sum = 0;
    for (std::size_t i = 0; i < 13; ++i)
      sum +=
          static_cast<double>(w[at / kTestLanes * 13 + i]) * static_cast<double>(x[i * kTestLanes + at % kTestLanes]);
    EXPECT_NEAR(y[at], sum, 1e-5);
  }
}

TEST_P(TrainKernelTables, NegativeZeroIsZeroAndItsSignIsPlus) {
  if (missing()) return;
  std::vector<float> x(16, -0.0F), y(16);
  kernels->sign(y.data(), x.data(), 16);
  EXPECT_EQ(y[7], 1.0F);
  EXPECT_TRUE(kernels->equal(x.data(), std::vector<float>(16, 0.0F).data(), 16));
}

INSTANTIATE_TEST_SUITE_P(Isa, TrainKernelTables, testing::Values("baseline", "avx2", "avx512"),
                         [](const auto& param) { return std::string(param.param); });

TEST(TrainKernels, TheDefaultTableIsOneOfTheNamedOnes) {
  EXPECT_EQ(train_kernels_for(train_kernels().isa_name), &train_kernels());
  EXPECT_EQ(train_kernels_for("mmx"), nullptr);
}

}  // namespace
}  // namespace cleave
