#include "engine/train/run_checkpoint.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/train/cascade.h"
#include "engine/train/hashed_bytes.h"
#include "tests/support/quarters.h"

namespace cleave {
namespace {

namespace fs = std::filesystem;

using Trainer = TrainReport (*)(const Graph&, Weights&, const BatchSource&, const TrainOptions&, const TrainHooks&,
                                const RunCheckpoint*);

// A run of two epochs of three batches, with every checkpoint it gives.
struct Pupils {
  explicit Pupils(const TrainOptions& with = options_for(2)) : options(with) {
    hooks.on_checkpoint = [this](const RunCheckpoint& checkpoint, bool) { saved.push_back(checkpoint); };
    hooks.on_step = [this](ModuleId module, const TraceRow& row) { rows[index_of(module)].push_back(row.loss); };
  }
  TrainReport go(Trainer trainer = train, const RunCheckpoint* from = nullptr) {
    return trainer(graph, weights, data.source(), options, hooks, from);
  }
  std::string hash() const { return weights_hash(graph, weights); }

  Quarters data;
  Graph graph = three_modules();
  Weights weights = initial_weights(graph, 3);
  TrainOptions options;
  TrainHooks hooks;
  std::vector<RunCheckpoint> saved;
  std::vector<double> rows[3];
};

TrainOptions often() {
  TrainOptions options = options_for(2);
  options.checkpoint_every_s = 1e-9;  // whenever none is on its way
  return options;
}

// Goes on from every checkpoint of a run and expects its end, to the bit.
void expect_same_end(Trainer trainer, Trainer second) {
  Pupils whole(often());
  const TrainReport report = whole.go(trainer);
  ASSERT_GE(whole.saved.size(), 2U);
  for (const RunCheckpoint& checkpoint : whole.saved) {
    Pupils rest;
    const TrainReport end = rest.go(second, &checkpoint);
    EXPECT_EQ(rest.hash(), whole.hash());
    EXPECT_EQ(end.batches, report.batches);
    EXPECT_EQ(rest.saved.back().modules, whole.saved.back().modules);
    EXPECT_GT(rest.saved.back().seconds, checkpoint.seconds);
    for (std::size_t m = 0; m < 3; ++m) {
      const auto steps = static_cast<std::ptrdiff_t>(checkpoint.modules[m].counts.steps);
      EXPECT_EQ(rest.rows[m], std::vector<double>(whole.rows[m].begin() + steps, whole.rows[m].end()));
    }
  }
}

TEST(RunCheckpoint, LockstepGoesOnFromAnyOfThemToTheBit) {
  expect_same_end(train, train);
  expect_same_end(train_cascade, train_cascade);
  expect_same_end(train, train_cascade);
}

TEST(RunCheckpoint, AStoppedRunGoesOnToTheSameEnd) {
  Pupils whole, stopped, rest;
  whole.go();
  std::atomic<bool> stop = false;
  stopped.options.stop = &stop;
  stopped.hooks.on_batch = [&](const BatchProgress& progress) { stop = stop || progress.number == 3; };
  EXPECT_TRUE(stopped.go().stopped);
  ASSERT_EQ(stopped.saved.size(), 1U);
  EXPECT_LT(stopped.saved[0].place.number, 6);
  rest.go(train, stopped.saved.data());
  EXPECT_EQ(rest.hash(), whole.hash());
}

TEST(RunCheckpoint, OfAFinishedRunLeavesNothingToDo) {
  Pupils whole, again;
  const TrainReport report = whole.go();
  const TrainReport end = again.go(train, &whole.saved.back());
  EXPECT_EQ(again.hash(), whole.hash());
  EXPECT_EQ(end.modules[2].loss, report.modules[2].loss);
  EXPECT_TRUE(again.rows[0].empty());
}

TEST(RunCheckpoint, AnAsyncRunGoesOnWhereItsFirstModuleWas) {
  TrainOptions options = often();
  options.mode = TrainMode::async;
  options.buffer = {BufferPolicy::latest, 2, true};
  options.epoch_batches = 3;
  Pupils whole(options), rest(options);
  whole.go(train_cascade);
  const RunCheckpoint& first = whole.saved.front();
  EXPECT_EQ(first.place.number, first.modules[0].next);
  const TrainReport end = rest.go(train_cascade, &first);
  EXPECT_EQ(end.modules[0].batches, 6);
  EXPECT_EQ(end.modules[0].counts.steps, 6 * 300);
}

// A folder of the test's own, removed in the end, and a finished run.
class RunCheckpointFile : public testing::Test {
 protected:
  RunCheckpointFile()
      : folder_(fs::temp_directory_path() /
                (std::string("cleave_ckpt_") + testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(folder_);
    run_.go();
  }
  ~RunCheckpointFile() override { fs::remove_all(folder_); }

  RunCheckpoint at(std::int64_t number) const {
    RunCheckpoint checkpoint = run_.saved.back();
    checkpoint.place.number = number;
    checkpoint.data = "quarters";
    return checkpoint;
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
  // The bytes of one of them with byte `place` changed.
  void damage(const fs::path& file, std::size_t place) const {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(place));
    const auto byte = static_cast<char>(stream.get() ^ 1);
    stream.seekp(static_cast<std::streamoff>(place));
    stream.put(byte);
  }
  std::string refusal() const {
    try {
      read_newest_checkpoint(folder_, run_.graph);
    } catch (const std::exception& error) {
      return error.what();
    }
    return "";
  }

  Pupils run_;
  fs::path folder_;
};

TEST_F(RunCheckpointFile, ComesBackAsItWasWritten) {
  EXPECT_EQ(write_run_checkpoint(folder_, at(62)), folder_ / "000062.ckpt");
  const FoundCheckpoint found = read_newest_checkpoint(folder_, run_.graph);
  EXPECT_EQ(found.checkpoint, at(62));
  EXPECT_EQ(found.file, folder_ / "000062.ckpt");
  EXPECT_TRUE(found.bad.empty());
}

TEST_F(RunCheckpointFile, OnlyTheNewestStay) {
  std::ofstream(folder_.string() + "x") << "";
  for (const std::int64_t number : {8, 9, 10, 1234567}) write_run_checkpoint(folder_, at(number), 3);
  EXPECT_EQ(files(), (std::vector<std::string>{"000009.ckpt", "000010.ckpt", "1234567.ckpt"}));
  EXPECT_EQ(read_newest_checkpoint(folder_, run_.graph).checkpoint.place.number, 1234567);
  fs::remove(folder_.string() + "x");
}

TEST_F(RunCheckpointFile, WhatAKilledProgramLeftIsRemovedAndNeverRead) {
  write_run_checkpoint(folder_, at(1));
  std::ofstream(folder_ / "000002.ckpt.tmp-99") << "half";
  EXPECT_EQ(read_newest_checkpoint(folder_, run_.graph).checkpoint.place.number, 1);
  write_run_checkpoint(folder_, at(3));
  EXPECT_EQ(files(), (std::vector<std::string>{"000001.ckpt", "000003.ckpt"}));
}

TEST_F(RunCheckpointFile, ADamagedOneIsLeftForTheOlderWhereverItIsDamaged) {
  write_run_checkpoint(folder_, at(1));
  const fs::path newest = write_run_checkpoint(folder_, at(2));
  const std::size_t size = fs::file_size(newest);
  for (std::size_t place = 0; place < size; place += size / 20) {
    write_run_checkpoint(folder_, at(2));
    damage(newest, place);
    const FoundCheckpoint found = read_newest_checkpoint(folder_, run_.graph);
    EXPECT_EQ(found.checkpoint.place.number, 1);
    ASSERT_EQ(found.bad.size(), 1U);
    EXPECT_NE(found.bad[0].find("000002.ckpt: the checkpoint"), std::string::npos) << found.bad[0];
  }
  EXPECT_EQ(files(), (std::vector<std::string>{"000001.ckpt", "000002.ckpt.bad"}));
}

TEST_F(RunCheckpointFile, ACutOneIsLeftForTheOlderWhereverItIsCut) {
  const std::size_t size = to_bytes(at(2)).size();
  for (std::size_t left = 0; left < size; left += size / 20) {
    write_run_checkpoint(folder_, at(1));
    fs::resize_file(write_run_checkpoint(folder_, at(2)), left);
    EXPECT_EQ(read_newest_checkpoint(folder_, run_.graph).checkpoint.place.number, 1);
  }
}

TEST_F(RunCheckpointFile, WhenAllAreDamagedOrThereIsNoneTheReasonIsSaid) {
  EXPECT_EQ(refusal(), folder_.string() + ": there is no checkpoint to go on from");
  damage(write_run_checkpoint(folder_, at(1)), 100);
  damage(write_run_checkpoint(folder_, at(2)), 100);
  EXPECT_NE(refusal().find("no checkpoint can be gone on from: "), std::string::npos);
  EXPECT_NE(refusal().find("000001.ckpt: the checkpoint is damaged"), std::string::npos);
  EXPECT_EQ(files(), (std::vector<std::string>{"000001.ckpt", "000002.ckpt"}));
}

TEST_F(RunCheckpointFile, OfAnotherModelOrVersionIsRefusedNotPassedOver) {
  std::vector<std::byte> bytes = to_bytes(at(1));
  EXPECT_THROW(parse_run_checkpoint(bytes, modules_in_a_row(3)), UserError);
  bytes[8] = std::byte{7};
  bytes.resize(bytes.size() - sizeof(std::uint64_t));
  end_hashed(bytes);
  write_run_checkpoint(folder_, at(1));
  std::ofstream(folder_ / "000009.ckpt", std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  EXPECT_NE(refusal().find("000009.ckpt: the checkpoint is of version 7, this program reads version 1"),
            std::string::npos);
}

// Files of this process can grow no larger while it lives; as a full disk, writing fails.
struct FullDisk {
  rlimit before{};
  explicit FullDisk(std::size_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small{static_cast<rlim_t>(bytes), before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before); }
};

TEST_F(RunCheckpointFile, AFullDiskLeavesTheOlderOnesAsTheyAre) {
  write_run_checkpoint(folder_, at(1));
  write_run_checkpoint(folder_, at(2));
  {
    const FullDisk full(1000);
    EXPECT_THROW(write_run_checkpoint(folder_, at(3)), RunError);
  }
  EXPECT_EQ(files(), (std::vector<std::string>{"000001.ckpt", "000002.ckpt"}));
  EXPECT_EQ(read_newest_checkpoint(folder_, run_.graph).checkpoint, at(2));
}

}  // namespace
}  // namespace cleave
