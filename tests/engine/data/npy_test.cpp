#include "engine/data/npy.h"

#include <bit>
#include <limits>

#include <gtest/gtest.h>

#include "ops/core/bytes.h"
#include "ops/core/error.h"
#include "tests/support/files.h"

namespace cleave {
namespace {

// A file as numpy.save writes it: the header filled up with spaces to a multiple of 64.
Bytes npy(const std::string& descr, const std::string& shape, const Bytes& data, std::uint8_t version = 1) {
  std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  const std::size_t before = version == 1 ? 10 : 12;
  header.resize((before + header.size() + 64) / 64 * 64 - before - 1, ' ');
  header += '\n';
  Bytes file = to_bytes("\x93NUMPY") + Bytes{version, 0};
  file.resize(before);
  if (version == 1) store_little_endian(static_cast<std::uint16_t>(header.size()), file.data() + 8);
  else store_little_endian(static_cast<std::uint32_t>(header.size()), file.data() + 8);
  return file + to_bytes(header) + data;
}

Bytes floats(const std::vector<float>& values) {
  Bytes bytes(4 * values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    store_little_endian(std::bit_cast<std::uint32_t>(values[i]), bytes.data() + 4 * i);
  return bytes;
}

std::string fault(const Bytes& file) {
  return error_of<RunError>([&] { parse_npy_images(file, "f"); });
}

std::string label_fault(const Bytes& file) {
  return error_of<RunError>([&] { parse_npy_labels(file, "f"); });
}

TEST(NpyImages, DimensionsGiveTheShape) {
  EXPECT_EQ(parse_npy_images(npy("|u1", "2, 12", Bytes(24)), "f").shape, (Shape{12}));
  EXPECT_EQ(parse_npy_images(npy("|u1", "2, 3, 4", Bytes(24)), "f").shape, (Shape{1, 3, 4}));
  const Dataset set = parse_npy_images(npy("|u1", "2, 3, 2, 2", Bytes(24, 7), 2), "f");
  EXPECT_EQ(set.shape, (Shape{3, 2, 2}));
  EXPECT_EQ(set.count, 2);
  EXPECT_EQ(set.bytes, Bytes(24, 7));
}

TEST(NpyImages, FloatsComeBackBitForBit) {
  const std::vector<float> values = {0.1F, -2.5F, 1e-40F, 3e38F};
  EXPECT_EQ(parse_npy_images(npy("<f4", "2, 2", floats(values)), "f").values, values);
}

TEST(NpyImages, NonFiniteValuesAreErrorsWithTheirIndex) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(fault(npy("<f4", "2, 2", floats({0, 0, 0, nan}))), "f: value 1 of sample 1 is nan, values must be finite");
}

TEST(NpyImages, WrongLengthSaysFoundAndExpected) {
  EXPECT_EQ(fault(npy("|u1", "2, 3", Bytes(5))),
            "f: truncated: only 5 bytes behind the header, which states 6 (2x3 of |u1)");
  EXPECT_EQ(fault(npy("|u1", "2, 3", Bytes(7))), "f: has 7 bytes behind the header, which states 6 (2x3 of |u1)");
}

TEST(NpyImages, GiganticShapesAreRefusedBeforeAllocating) {
  EXPECT_EQ(
      fault(npy("<f4", "9223372036854775807, 9223372036854775807", {})),
      "f: its header states 9223372036854775807x9223372036854775807 numbers: more than the 4294967296 bytes a file "
      "may have");
  EXPECT_EQ(fault(npy("|u1", "0, 9223372036854775807, 9223372036854775807", {})),
            "f: holds no samples: 0x9223372036854775807x9223372036854775807");
}

TEST(NpyImages, ForeignTypesSayWhatToUse) {
  EXPECT_EQ(fault(npy("<f8", "1, 1", Bytes(8))),
            "f: samples of type '<f8', expected |u1 or <f4 (numpy: .astype('float32'))");
  EXPECT_EQ(fault(npy(">f4", "1, 1", Bytes(4))), "f: type '>f4' is not read; use u1 or f4, little-endian");
  EXPECT_EQ(fault(npy("|O", "1, 1", Bytes(4))), "f: type '|O' is not read; use u1 or f4, little-endian");
}

TEST(NpyImages, FortranOrderSaysWhatToDo) {
  Bytes file = npy("|u1", "2, 3", Bytes(6));
  const std::string text(file.begin(), file.end());
  file = to_bytes(text.substr(0, text.find("False")) + "True " + text.substr(text.find("False") + 5));
  EXPECT_EQ(fault(file), "f: is in Fortran order; save it with numpy.ascontiguousarray");
}

TEST(NpyImages, EveryTruncationIsAnError) {
  const Bytes whole = npy("|u1", "1, 3", Bytes(3));
  for (std::size_t kept = 0; kept < whole.size(); ++kept)
    EXPECT_NE(fault(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(kept))), "nothing thrown") << kept;
}

TEST(NpyImages, BadHeadersAreErrors) {
  for (const char* header : {"", "{}", "{'descr': '|u1'}", "{'descr': '|u1', 'descr': '|u1'}", "{'shape': (1, -2)}",
                             "{'descr': '|u1', 'fortran_order': 0, 'shape': (1,)}", "{'x': 1}", "[1]"}) {
    const std::string text(header);
    const Bytes file = to_bytes("\x93NUMPY") + Bytes{1, 0, static_cast<std::uint8_t>(text.size()), 0} + to_bytes(text);
    EXPECT_NE(fault(file).find("f: its header is not {'descr'"), std::string::npos) << header;
  }
}

TEST(NpyLabels, AnyWidthOfWholeNumbers) {
  const std::vector<std::int32_t> expected = {1, 0};
  EXPECT_EQ(parse_npy_labels(npy("|u1", "2,", {1, 0}), "f"), expected);
  EXPECT_EQ(parse_npy_labels(npy("<i2", "2,", {1, 0, 0, 0}), "f"), expected);
  EXPECT_EQ(parse_npy_labels(npy("<u4", "2,", {1, 0, 0, 0, 0, 0, 0, 0}), "f"), expected);
  EXPECT_EQ(parse_npy_labels(npy("<i8", "2,", Bytes{1} + Bytes(15)), "f"), expected);
}

TEST(NpyLabels, NegativeFloatAndHugeLabelsAreErrors) {
  EXPECT_EQ(label_fault(npy("|i1", "2,", {1, 255})), "f: label 1 is -1, expected 0 to 65535");
  EXPECT_EQ(label_fault(npy("<u8", "1,", Bytes(8, 255))), "f: label 0 is -1, expected 0 to 65535");
  EXPECT_EQ(label_fault(npy("<f4", "1,", Bytes(4))),
            "f: labels of type '<f4', expected whole numbers (numpy: .astype('uint8'))");
  EXPECT_EQ(label_fault(npy("|u1", "1, 1", Bytes(1))), "f: labels have 2 dimensions, expected one");
}

TEST(Npy, SplitsHaveFilesOfTheirOwn) {
  const TestFolder folder;
  folder.write("train_images.npy", npy("|u1", "2, 3", Bytes(6)));
  folder.write("train_labels.npy", npy("|u1", "2,", {0, 4}));
  folder.write("test_images.npy", npy("|u1", "1, 3", Bytes(3)));
  DatasetRequest request;
  request.path = folder.path();
  EXPECT_EQ(load_dataset("npy", request).classes, 5);
  request.split = "test";
  const Dataset test = load_dataset("npy", request);
  EXPECT_EQ(test.count, 1);
  EXPECT_TRUE(test.labels.empty());
}

TEST(Npy, CountsMustAgree) {
  const TestFolder folder;
  const std::string images = folder.write("images.npy", npy("|u1", "2, 3", Bytes(6)));
  const std::string labels = folder.write("labels.npy", npy("|u1", "3,", Bytes(3)));
  DatasetRequest request;
  request.path = images;
  EXPECT_EQ(error_of<RunError>([&] { load_dataset("npy", request); }),
            images + " has 2 samples, but " + labels + " has 3 labels");
}

}  // namespace
}  // namespace cleave
