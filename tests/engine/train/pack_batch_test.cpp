#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "engine/train/module_trainer.h"
#include "ops/core/rng.h"

namespace cleave {
namespace {

// A batch with values of every size, ±0, infinities and denormals among them, and rubbish behind the last image.
BlockBatch batch_of(const Shape& shape, std::int64_t images, std::int64_t lanes) {
  BlockBatch batch;
  resize_batch(batch, shape, images, lanes);
  Rng rng(7, kTestStream, static_cast<std::uint64_t>(images));
  const float odd[] = {0.0F, -0.0F, 1e-40F, 65519.0F, 65520.0F, -1e30F, std::numeric_limits<float>::infinity(), 126.5F};
  for (float& value : batch.values)
    value = rng.below(4) == 0 ? odd[rng.below(8)] : static_cast<float>(rng.normal() * std::exp(4 * rng.normal()));
  for (std::int64_t i = 0; i < images; ++i)
    batch.labels[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(rng.below(10));
  return batch;
}

BlockBatch there_and_back(const BlockBatch& batch, DType dtype) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(packed_bytes(batch.shape, dtype, batch.images)),
                               std::byte{0xAB});
  pack_batch(batch, dtype, bytes);
  BlockBatch back;
  resize_batch(back, {3}, 5, 16);  // what was there before does not matter
  std::fill(back.values.begin(), back.values.end(), 9.0F);
  unpack_batch(bytes, batch.shape, dtype, batch.lanes, back);
  return back;
}

void expect_same(const BlockBatch& a, const BlockBatch& b) {
  EXPECT_EQ(a.shape, b.shape);
  EXPECT_EQ(a.images, b.images);
  EXPECT_EQ(a.lanes, b.lanes);
  EXPECT_EQ(a.labels, b.labels);
  ASSERT_EQ(a.values.size(), b.values.size());
  EXPECT_EQ(std::memcmp(a.values.data(), b.values.data(), 4 * a.values.size()), 0);
}

TEST(PackBatch, GivesBackWhatRoundingGives) {
  for (const DType dtype : {DType::f32, DType::f16, DType::i8, DType::bit})
    for (const std::int64_t images : {1, 7, 16, 31, 32, 33, 80})
      for (const Shape& shape : {Shape{1}, Shape{13}, Shape{3, 2, 2}}) {
        BlockBatch batch = batch_of(shape, images, 16);
        const BlockBatch back = there_and_back(batch, dtype);
        round_batch(batch, dtype);
        expect_same(back, batch);
        expect_same(there_and_back(back, dtype), back);
      }
}

TEST(PackBatch, RoundsToTheNearest) {
  BlockBatch batch = batch_of({4}, 1, 16);
  const auto rounded = [&](float value, DType dtype) {
    batch.values[0] = value;
    round_batch(batch, dtype);
    return batch.values[0];
  };
  EXPECT_EQ(rounded(0.1F, DType::f32), 0.1F);
  EXPECT_EQ(rounded(0.1F, DType::f16), 0.0999755859375F);
  EXPECT_EQ(rounded(2.6F, DType::i8), 3.0F);
  EXPECT_EQ(rounded(-200.0F, DType::i8), -128.0F);
  EXPECT_EQ(rounded(0.0F, DType::bit), -1.0F);
}

TEST(PackBatch, CountsBytesByImage) {
  EXPECT_EQ(packed_bytes({32, 8, 8}, DType::f32, 512), 512 * (8192 + 4));
  EXPECT_EQ(packed_bytes({32, 8, 8}, DType::f16, 512), 512 * (4096 + 4));
  EXPECT_EQ(packed_bytes({13}, DType::bit, 3), 3 * (2 + 4));
}

TEST(PackBatch, ALengthThatFitsNoImagesIsRefused) {
  BlockBatch batch;
  for (const std::size_t size : {std::size_t{0}, std::size_t{55}, std::size_t{57}})
    EXPECT_THROW(unpack_batch(std::vector<std::byte>(size), {13}, DType::f32, 16, batch), RunError);
  unpack_batch(std::vector<std::byte>(112), {13}, DType::f32, 16, batch);
  EXPECT_EQ(batch.images, 2);
}

}  // namespace
}  // namespace cleave
