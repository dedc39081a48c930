#include "engine/train/run_folder.h"

#include <filesystem>
#include <fstream>
#include <limits>

#include <gtest/gtest.h>

#include "ops/core/error.h"

namespace cleave {
namespace {

namespace fs = std::filesystem;

// A folder of the test's own, removed in the end.
class RunFolders : public testing::Test {
 protected:
  RunFolders()
      : root_(fs::temp_directory_path() /
              (std::string("cleave_run_folder_") + testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(root_);
    fs::create_directory(root_);
  }
  ~RunFolders() override { fs::remove_all(root_); }
  fs::path root_;
};

TEST(RunFolderName, IsTimeAndAFitName) {
  EXPECT_EQ(run_folder_name(0, "my model/2"), "19700101T000000Z-my_model_2");
  EXPECT_EQ(run_folder_name(0, ".."), "19700101T000000Z-_..");
  EXPECT_EQ(utc_text(86399), "1970-01-01T23:59:59Z");
}

TEST_F(RunFolders, NeverTakeOneThatHoldsSomething) {
  EXPECT_EQ(make_run_folder(root_ / "a" / "run", 0).path, root_ / "a" / "run");
  EXPECT_EQ(make_run_folder(root_ / "a" / "run/", 0).path, root_ / "a" / "run-2");
  EXPECT_EQ(make_run_folder(root_ / "a" / "run", 0).path, root_ / "a" / "run-3");
  EXPECT_TRUE(fs::is_directory(root_ / "a" / "run-3" / "trace"));
}

TEST_F(RunFolders, TakeAnEmptyOne) {
  fs::create_directory(root_ / "empty");
  EXPECT_EQ(make_run_folder(root_ / "empty", 0).path, root_ / "empty");
}

TEST_F(RunFolders, RefuseAFullDiskAndAFileInTheWay) {
  EXPECT_THROW(make_run_folder(root_ / "run", std::numeric_limits<std::int64_t>::max()), RunError);
  std::ofstream(root_ / "file") << "x";
  EXPECT_THROW(make_run_folder(root_ / "file" / "run", 0), RunError);
}

TEST_F(RunFolders, TraceFilesOfModulesThatLookAlikeDiffer) {
  Graph graph;
  graph.modules = {Module{.name = "a/b"}, Module{.name = "a_b"}, Module{.name = "c"}};
  const RunFolder folder{root_};
  const std::vector<fs::path> files = trace_files(folder, graph);
  EXPECT_EQ(files[0], root_ / "trace" / "a_b.csv");
  EXPECT_EQ(files[1], root_ / "trace" / "a_b-2.csv");
  EXPECT_EQ(files[2], root_ / "trace" / "c.csv");
}

}  // namespace
}  // namespace cleave
