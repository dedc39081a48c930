#include "engine/data/dataset.h"

#include <gtest/gtest.h>

#include "engine/data/inventory.h"
#include "ops/core/error.h"
#include "tests/support/files.h"

namespace cleave {
namespace {

TEST(DatasetCatalog, RowsAreComplete) {
  for (const DatasetDef& def : dataset_catalog()) {
    EXPECT_NE(std::string(def.doc), "") << def.name;
    EXPECT_NE(def.load, nullptr) << def.name;
    EXPECT_EQ(split_names(def), (std::vector<std::string>{"train", "test"})) << def.name;
  }
}

TEST(LoadDataset, UnknownNamesGetTheNearest) {
  EXPECT_EQ(
      error_of<UserError>([] { load_dataset("fashion-mnist", {}); }),
      "there is no data set 'fashion-mnist' (known: fashion_mnist, mnist, cifar10, npy, two_moons, shapes), did you "
      "mean 'fashion_mnist'?");
  DatasetRequest request;
  request.split = "tset";
  EXPECT_EQ(error_of<UserError>([&] { load_dataset("shapes", request); }),
            "data set shapes has no split 'tset' (it has train, test), did you mean 'test'?");
}

TEST(LoadDataset, NegativeLimitsAreErrors) {
  DatasetRequest request;
  request.limit = -1;
  EXPECT_EQ(error_of<UserError>([&] { load_dataset("two_moons", request); }),
            "data set two_moons: limit -1 is negative; 0 means all");
}

TEST(LoadDataset, NotFoundListsThePlacesAndWhatToDo) {
  DatasetRequest request;
  request.search = {"/nowhere", "/else"};
  EXPECT_EQ(error_of<UserError>([&] { load_dataset("fashion_mnist", request); }),
            "data set fashion_mnist not found: train-images-idx3-ubyte, train-labels-idx1-ubyte are missing\n"
            "  looked in: /nowhere/fashion-mnist, /nowhere/fashion_mnist, /nowhere/FashionMNIST/raw, "
            "/nowhere/FashionMNIST, /nowhere, /else/fashion-mnist, /else/fashion_mnist, /else/FashionMNIST/raw, "
            "/else/FashionMNIST, /else\n"
            "  install it with 'apt-get install dataset-fashion-mnist', or name its folder by 'path' or $CLEAVE_DATA");
}

TEST(LoadDataset, HalfASetSaysWhatIsMissing) {
  const TestFolder folder;
  folder.write("train-images-idx3-ubyte", Bytes(1));
  DatasetRequest request;
  request.path = folder.path();
  const std::string message = error_of<UserError>([&] { load_dataset("mnist", request); });
  EXPECT_NE(message.find(folder.path() + " has no train-labels-idx1-ubyte"), std::string::npos) << message;
}

TEST(DataSearchPath, EnvironmentComesBeforeTheSystem) {
  EXPECT_EQ(data_search_path("/a::/b:"),
            (std::vector<std::string>{"/a", "/b", "/usr/share/datasets", "/usr/local/share/datasets"}));
  EXPECT_EQ(data_search_path(nullptr).size(), 2U);
}

TEST(Inventory, ListsWhereSetsAreAndWhatIsMissing) {
  const TestFolder folder;
  folder.write("cifar10/test_batch.bin", Bytes(3073));
  for (const DatasetStatus& status : list_datasets({folder.path()})) {
    if (status.name == "cifar10") {
      EXPECT_EQ(status.files, (std::vector<std::string>{folder.path("cifar10/test_batch.bin")}));
      EXPECT_EQ(status.bytes, 3073);
    }
    EXPECT_EQ(status.missing.empty(), status.generated) << status.name;
  }
}

TEST(Inventory, CheckCountsClassesAndSumsFiles) {
  const TestFolder folder;
  DatasetRequest request;
  request.path = folder.write("mine.bin", Bytes(2 * 3073));
  request.split = "test";
  const DatasetCheck check = check_dataset("cifar10", request);
  ASSERT_EQ(check.splits.size(), 1U);
  EXPECT_EQ(check.splits[0].per_class, (std::vector<std::int64_t>{2, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  // CRC-32 of 6146 zero bytes, by Python's zlib.crc32.
  EXPECT_EQ(check.files, (std::vector<FileCheck>{{request.path, 6146, 0x1B6A6137}}));
}

TEST(Inventory, CheckWithoutASplitTakesAll) {
  const DatasetCheck check = check_dataset("two_moons", {});
  ASSERT_EQ(check.splits.size(), 2U);
  EXPECT_EQ(check.splits[1].split, "test");
  EXPECT_EQ(check.splits[1].per_class, (std::vector<std::int64_t>{500, 500}));
  EXPECT_TRUE(check.files.empty());
}

}  // namespace
}  // namespace cleave
