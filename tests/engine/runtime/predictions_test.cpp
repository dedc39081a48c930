#include "engine/runtime/predictions.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "ops/core/error.h"

namespace cleave {
namespace {

std::string temporary(const std::string& name) { return ::testing::TempDir() + "cleave_" + name; }

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

template <class T>
T value_at(const std::string& bytes, std::size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

void write_two(PredictionWriter& writer) {
  writer.write({0, 3, 3, 0.75F, 1});
  writer.write({1, -1, 2, 0.5F, 0});
}

TEST(PredictionWriter, WritesCsvWithEmptyUnknownLabels) {
  const std::string path = temporary("predictions.csv");
  PredictionWriter writer(path, prediction_format(path));
  write_two(writer);
  writer.finish();
  EXPECT_EQ(content(path), "sample,label,class,probability,module\n0,3,3,0.75,1\n1,,2,0.5,0\n");
}

TEST(PredictionWriter, WritesNpyRecordsBehindAnAlignedHeader) {
  const std::string path = temporary("predictions.npy");
  PredictionWriter writer(path, prediction_format(path));
  write_two(writer);
  writer.finish();
  const std::string bytes = content(path);
  ASSERT_EQ(bytes.size(), 256U + 2 * 24);
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  EXPECT_EQ(10 + value_at<std::uint16_t>(bytes, 8), 256);
  EXPECT_NE(bytes.find("'shape': (2,), }"), std::string::npos);
  EXPECT_EQ(value_at<std::int64_t>(bytes, 256 + 24), 1);
  EXPECT_EQ(value_at<std::int32_t>(bytes, 256 + 24 + 8), -1);
  EXPECT_EQ(value_at<float>(bytes, 256 + 24 + 16), 0.5F);
}

TEST(PredictionWriter, LeavesNothingBehindUnlessFinished) {
  const std::string path = temporary("unfinished.csv");
  {
    PredictionWriter writer(path, PredictionFormat::csv);
    write_two(writer);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
}

TEST(PredictionWriter, KeepsTheOldFileUntilFinished) {
  const std::string path = temporary("old.csv");
  std::ofstream(path) << "old";
  PredictionWriter writer(path, PredictionFormat::csv);
  write_two(writer);
  EXPECT_EQ(content(path), "old");
  writer.finish();
  EXPECT_NE(content(path), "old");
}

TEST(PredictionWriter, DiskErrorsAreRunErrors) {
  EXPECT_THROW(PredictionWriter("/nowhere/at/all.csv", PredictionFormat::csv), RunError);
  EXPECT_THROW(PredictionWriter(::testing::TempDir(), PredictionFormat::csv), RunError);
  PredictionWriter full("/dev/full", PredictionFormat::csv);
  write_two(full);
  EXPECT_THROW(full.finish(), RunError);
}

TEST(PredictionWriter, LeavesNothingBehindWhenTheNameIsTaken) {
  const std::string path = temporary("taken.csv");
  PredictionWriter writer(path, PredictionFormat::csv);
  std::filesystem::create_directory(path);
  EXPECT_THROW(writer.finish(), RunError);
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
  std::filesystem::remove(path);
}

TEST(PredictionWriter, KnowsCsvAndNpyOnly) {
  EXPECT_THROW(prediction_format("answers.txt"), UserError);
  EXPECT_THROW(PredictionWriter("/dev/null", PredictionFormat::npy), UserError);
}

}  // namespace
}  // namespace cleave
