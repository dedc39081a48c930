#include "engine/train/trace_reader.h"

#include <cmath>

#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/train/run_folder.h"
#include "ops/core/error.h"

namespace cleave {
namespace {

namespace fs = std::filesystem;

fs::path file_of(const std::string& text) {
  const fs::path path = fs::path(testing::TempDir()) / (std::to_string(::getpid()) + "read_trace.csv");
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

const std::string kHeader =
    "# trace version: 2\n# every: 5\nstep,batch,part,layer,accepted,loss,log_prior,log_ratio,jump,lambda\n";
const std::string kRows = "0,0,body,a,1,2.5,-1,0.5,0.125,100\n5,0,head,b,0,2.5,-1,nan,0,100\n";

TEST(ReadTrace, GivesBackWhatWasWritten) {
  const fs::path path = file_of("");
  const std::string layer = "h1/dense";
  TraceWriter(path, {{"every", "3"}}).write({6, 2, Part::head, &layer, true, 1.5, -3.25, 0.125, 0.5, 100});
  const Trace trace = read_trace(path);
  ASSERT_EQ(trace.steps.size(), 1u);
  const RecordedStep& step = trace.steps[0];
  EXPECT_EQ(trace.every, 3);
  EXPECT_EQ(trace.layers[0].name, layer);
  EXPECT_EQ(trace.layers[0].part, Part::head);
  EXPECT_TRUE(step.step == 6 && step.batch == 2 && step.accepted && step.log_ratio == 0.125 && step.jump == 0.5);
  EXPECT_EQ(step.energy(), 150 + 3.25);
}

TEST(ReadTrace, AcceptsAnUnfinishedLastLine) {
  for (const char* end : {"", "1", "10,0,body,a,1,2.5,-1,0.5,0.125,10", "10,0"})
    EXPECT_EQ(read_trace(file_of(kHeader + kRows + end)).steps.size(), 2u) << end;
  EXPECT_TRUE(read_trace(file_of("# trace ver")).steps.empty());
}

TEST(ReadTrace, ReadsVersionOne) {
  const Trace trace = read_trace(
      file_of("# lambda: 7\nstep,batch,part,layer,accepted,loss,log_prior,log_ratio\n0,0,body,a,1,2.5,-1,0.5\n"));
  ASSERT_EQ(trace.steps.size(), 1u);
  EXPECT_TRUE(std::isnan(trace.steps[0].jump));
  EXPECT_EQ(trace.steps[0].lambda, 7);
}

TEST(ReadTrace, RefusesANewerVersionByName) {
  try {
    read_trace(file_of("# trace version: 3\nstep,batch,more\n0,0,0\n"));
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("trace version 3"), std::string::npos) << error.what();
  }
}

TEST(ReadTrace, NamesTheLineThatIsDamaged) {
  for (const char* row : {"5,0,head,b,0,2.5,-1\n", "x,0,head,b,0,2.5,-1,0,0,1\n", "5,0,head,b,0,two,-1,0,0,1\n"}) try {
      read_trace(file_of(kHeader + row));
      FAIL() << row;
    } catch (const RunError& error) {
      EXPECT_NE(std::string(error.what()).find("read_trace.csv:4"), std::string::npos) << error.what();
    }
}

BatchProgress batch_of(std::int64_t number, const BufferCounts& counts) {
  BatchProgress batch{.number = 99, .epoch = 1, .batch = number, .images = 50, .module = ModuleId{0}, .loss = 2};
  batch.steps = 10;
  batch.not_finite = 1;
  batch.buffer = counts;
  return batch;
}

TEST(BatchWriter, WritesWhatEachBatchAddsToTheCounts) {
  const fs::path path = file_of("");
  {
    BatchWriter writer(path, {}, 100);
    writer.write(batch_of(0, {.arrived = 3, .taken = 1, .dropped = 1, .waiting = 1, .take_wait_s = 0.5}));
    writer.write(batch_of(2, {.arrived = 3, .taken = 2, .dropped = 1, .reused = 1, .take_wait_s = 0.75}));
  }
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_EQ(text.str(), "# trace version: 2\n" + std::string(kBatchColumns) +
                            "\n100,1,0,50,10,0,0,2,0,1,1,0.500000,2,1,0\n102,1,2,50,10,0,0,2,0,1,0,0.250000,0,0,1\n");
  EXPECT_EQ(sum_of_column(path, "not_finite"), 2);
  EXPECT_EQ(sum_of_column(path, "nothing"), 0);
}

TEST(BatchesFile, OfOneModuleIsNoTraceOfAnother) {
  Graph graph;
  graph.modules.resize(2);
  graph.modules[0].name = "m";
  graph.modules[1].name = "m.batches";
  const std::vector<fs::path> files = trace_files(RunFolder{"run"}, graph);
  EXPECT_EQ(batches_file(files[0]), "run/trace/m.batches.csv");
  EXPECT_NE(batches_file(files[0]), files[1]);
}

}  // namespace
}  // namespace cleave
