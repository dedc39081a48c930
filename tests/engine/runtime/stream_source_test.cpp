#include "engine/runtime/stream_source.h"

#include <cstring>
#include <memory>
#include <numeric>

#include <gtest/gtest.h>

#include "ops/core/error.h"
#include "ops/core/rng.h"

namespace cleave {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

// A file with these bytes, at its start.
File file_with(const std::string& bytes) {
  File file(std::tmpfile());
  std::fwrite(bytes.data(), 1, bytes.size(), file.get());
  std::rewind(file.get());
  return file;
}

std::string npy(int version, const std::string& dictionary, const std::string& data) {
  std::string bytes("\x93NUMPY", 6);
  bytes += static_cast<char>(version);
  bytes += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) bytes += static_cast<char>(dictionary.size() >> (8 * i) & 0xFF);
  return bytes + dictionary + data;
}

std::string npy_of(const std::string& type, const std::string& shape, const std::string& data) {
  return npy(1, "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }\n", data);
}

std::string counting_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  std::iota(bytes.begin(), bytes.end(), '\0');
  return bytes;
}

// All values, read in batches of two samples.
std::vector<float> read_all(const std::string& bytes, StreamFormat format, const Shape& sample) {
  const File file = file_with(bytes);
  SampleStream stream(file.get(), "stdin", format, sample);
  Tensor batch(2, sample);
  std::vector<float> values;
  for (std::int64_t count = 2; count > 0;) {
    count = stream.read(batch.view());
    values.insert(values.end(), batch.data.begin(), batch.data.begin() + count * element_count(sample));
  }
  return values;
}

// What reading says is wrong; "" when nothing is.
template <class Error>
std::string fault(const std::string& bytes, StreamFormat format, const Shape& sample) {
  try {
    read_all(bytes, format, sample);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(SampleStream, PutsChannelsInnermostAndScalesBytes) {
  const std::vector<float> values = read_all(counting_bytes(12), StreamFormat::raw_u8, {2, 1, 2});
  ASSERT_EQ(values.size(), 12U);
  const std::vector<float> expected{0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11};
  for (std::size_t i = 0; i < 12; ++i) EXPECT_EQ(values[i], expected[i] / 255);
}

TEST(SampleStream, KeepsFloatsAsTheyAre) {
  const std::vector<float> values{-1.5F, 3e9F, 0.25F, 7};
  std::string bytes(16, '\0');
  std::memcpy(bytes.data(), values.data(), 16);
  EXPECT_EQ(read_all(bytes, StreamFormat::raw_f32, {2}), values);
  EXPECT_EQ(read_all(npy_of("<f4", "(2, 2)", bytes), StreamFormat::npy, {2}), values);
}

TEST(SampleStream, NpyGivesWhatRawGives) {
  const std::string data = counting_bytes(12);
  const std::vector<float> raw = read_all(data, StreamFormat::raw_u8, {1, 2, 2});
  for (const char* shape : {"(3, 1, 2, 2)", "(3,2,2)", "(3, 4)"})
    EXPECT_EQ(read_all(npy_of("|u1", shape, data), StreamFormat::npy, {1, 2, 2}), raw) << shape;
  const std::string header = "{'shape': (3, 4), 'fortran_order': False, 'descr': '|u1'}";
  EXPECT_EQ(read_all(npy(2, header, data), StreamFormat::npy, {4}), raw);
}

TEST(SampleStream, AnEmptyStreamHasNoSamples) {
  EXPECT_TRUE(read_all("", StreamFormat::raw_u8, {4}).empty());
  EXPECT_TRUE(read_all(npy_of("|u1", "(0, 4)", ""), StreamFormat::npy, {4}).empty());
}

TEST(SampleStream, SaysWhereATruncatedStreamEnds) {
  EXPECT_EQ(fault<RunError>(counting_bytes(10), StreamFormat::raw_u8, {4}),
            "stdin: ends within sample 2: 2 of 4 bytes");
  const std::string five = npy_of("|u1", "(5, 4)", counting_bytes(8));
  EXPECT_EQ(fault<RunError>(five, StreamFormat::npy, {4}), "stdin: ends after 2 of 5 samples");
}

TEST(SampleStream, RefusesNpyThatDoesNotFit) {
  const auto refused = [](const std::string& bytes) { return fault<UserError>(bytes, StreamFormat::npy, {3, 2, 2}); };
  EXPECT_EQ(refused(npy_of("|u1", "(5, 2, 2, 3)", "")), "stdin: npy array of 5x2x2x3, the model's input needs Nx3x2x2");
  EXPECT_NE(refused(npy_of("<f8", "(5, 12)", "")), "");
  EXPECT_NE(refused(npy_of("|u1", "(5, 99999999999999999999)", "")), "");
  EXPECT_NE(refused(npy_of("|u1", "(5, -12)", "")), "");
  EXPECT_NE(refused(npy(1, "{'descr': '|u1', 'fortran_order': True, 'shape': (5, 12)}", "")), "");
  EXPECT_NE(refused(npy(1, "{}", "")), "");
  EXPECT_NE(refused(npy(3, "{}", "")), "");
  EXPECT_NE(refused("PK\x03\x04"), "");
}

TEST(SampleStream, SurvivesDamagedNpyHeaders) {
  const std::string good = npy_of("|u1", "(3, 4)", counting_bytes(12));
  Rng rng(1, kTestStream, 0);
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = good.substr(0, static_cast<std::size_t>(rng.below(static_cast<std::int64_t>(good.size()))));
    for (char& byte : bytes)
      if (rng.below(40) == 0) byte = static_cast<char>(rng.below(256));
    refused += fault<std::runtime_error>(bytes, StreamFormat::npy, {4}).empty() ? 0 : 1;
  }
  EXPECT_GT(refused, 1900);
}

}  // namespace
}  // namespace cleave
