#include "engine/data/cifar10.h"

#include <gtest/gtest.h>

#include "ops/core/error.h"
#include "tests/support/files.h"

namespace cleave {
namespace {

// A record whose pixels are all `pixel`.
Bytes record(std::uint8_t label, std::uint8_t pixel) { return Bytes{label} + Bytes(3072, pixel); }

std::string fault(const Bytes& file) {
  Dataset set;
  return error_of<RunError>([&] { append_cifar10(file, "f", set); });
}

void write_batches(const TestFolder& folder, const std::string& below) {
  for (std::uint8_t i = 1; i <= 5; ++i)
    folder.write(below + "data_batch_" + std::to_string(i) + ".bin", record(i, 1) + record(0, i));
  folder.write(below + "test_batch.bin", record(9, 200));
}

TEST(Cifar10, JoinsTheBatchesInOrder) {
  const TestFolder folder;
  write_batches(folder, "cifar-10-batches-bin/");
  DatasetRequest request;
  request.search = {folder.path()};
  const Dataset set = load_dataset("cifar10", request);
  EXPECT_EQ(set.labels, (std::vector<std::int32_t>{1, 0, 2, 0, 3, 0, 4, 0, 5, 0}));
  EXPECT_EQ(set.shape, (Shape{3, 32, 32}));
  ASSERT_EQ(set.bytes.size(), 10U * 3072);
  EXPECT_EQ(set.bytes[3 * 3072], 2);
  request.split = "test";
  EXPECT_EQ(load_dataset("cifar10", request).count, 1);
}

TEST(Cifar10, LimitStopsInsideABatch) {
  const TestFolder folder;
  write_batches(folder, "");
  DatasetRequest request;
  request.path = folder.path();
  request.limit = 3;
  EXPECT_EQ(load_dataset("cifar10", request).labels, (std::vector<std::int32_t>{1, 0, 2}));
}

TEST(Cifar10, APathToAFileMeansThatFile) {
  const TestFolder folder;
  DatasetRequest request;
  request.path = folder.write("mine.bin", record(8, 1));
  EXPECT_EQ(load_dataset("cifar10", request).labels, (std::vector<std::int32_t>{8}));
}

TEST(Cifar10, BrokenRecordsAreErrors) {
  Bytes file = record(1, 1) + record(2, 2);
  file.pop_back();
  EXPECT_EQ(fault(file),
            "f: 6145 bytes: truncated or not CIFAR-10's binary version, whose records have 3073 bytes "
            "(3072 bytes are left over)");
  EXPECT_EQ(fault(record(1, 1) + record(10, 1)), "f: label 1 is 10, expected 0 to 9");
  EXPECT_NE(fault({}), "nothing thrown");
}

TEST(Cifar10, NotFoundSaysWhereToPutIt) {
  const TestFolder folder;
  DatasetRequest request;
  request.search = {folder.path()};
  const std::string message = error_of<UserError>([&] { load_dataset("cifar10", request); });
  EXPECT_NE(message.find(folder.path("cifar-10-batches-bin")), std::string::npos) << message;
  EXPECT_NE(message.find("unpack cifar-10-binary.tar.gz"), std::string::npos) << message;
}

}  // namespace
}  // namespace cleave
