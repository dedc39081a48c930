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

RunRecord record_of(const DocNode& model) {
  RunRecord record;
  record.model = &model;
  record.model_file = "/models/a b.yaml";
  record.model_words = "'a b.yaml' --seed 3";
  record.arguments = {"train", "a b.yaml"};
  record.seed = 9'000'000'000'000'000;
  record.threads = 3;
  record.started = "2026-11-20T15:38:00Z";
  record.status = "stopped";
  record.resumed = {"2026-11-21T15:38:00Z"};
  return record;
}

TEST_F(RunFolders, GiveBackTheRecordOfTheRun) {
  const DocNode model;
  const RunRecord record = record_of(model);
  write_run_record({root_}, record);
  const RunRecord back = read_run_record({root_});
  EXPECT_EQ(back.model_file, record.model_file);
  EXPECT_EQ(back.model_words, record.model_words);
  EXPECT_EQ(back.arguments, record.arguments);
  EXPECT_EQ(back.seed, record.seed);
  EXPECT_EQ(back.threads, record.threads);
  EXPECT_EQ(back.started, record.started);
  EXPECT_EQ(back.status, record.status);
  EXPECT_EQ(back.resumed, record.resumed);
}

TEST_F(RunFolders, WithoutASoundRecordAreRefused) {
  EXPECT_THROW(read_run_record({root_}), UserError);
  const DocNode model;
  write_run_record({root_}, record_of(model));
  fs::resize_file(root_ / "run.json", fs::file_size(root_ / "run.json") / 2);
  EXPECT_THROW(read_run_record({root_}), RunError);
}

TEST_F(RunFolders, AreOneRunsAtATime) {
  {
    const RunLock ours({root_});
    EXPECT_THROW(RunLock({root_}), RunError);
  }
  const RunLock again({root_});
}

}  // namespace
}  // namespace cleave
