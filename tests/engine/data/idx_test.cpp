#include "engine/data/idx.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "ops/core/error.h"
#include "tests/support/files.h"

namespace cleave {
namespace {

Bytes big_endian(std::vector<std::uint32_t> numbers) {
  Bytes bytes;
  for (const std::uint32_t number : numbers)
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(number >> shift));
  return bytes;
}

// `count` pictures of 2x3 pixels.
Bytes images(std::uint32_t count) {
  Bytes file = big_endian({0x803, count, 2, 3});
  for (std::uint32_t i = 0; i < 6 * count; ++i) file.push_back(static_cast<std::uint8_t>(i));
  return file;
}

Bytes labels(const Bytes& values) { return big_endian({0x801, static_cast<std::uint32_t>(values.size())}) + values; }

std::string image_fault(const Bytes& file) {
  return error_of<RunError>([&] { parse_idx_images(file, "f"); });
}

std::string label_fault(const Bytes& file) {
  return error_of<RunError>([&] { parse_idx_labels(file, 10, "f"); });
}

DatasetRequest in_folder(const TestFolder& folder, const std::string& split = "train") {
  DatasetRequest request;
  request.path = folder.path();
  request.split = split;
  return request;
}

TEST(IdxImages, KeepCountShapeAndBytes) {
  const Dataset set = parse_idx_images(images(2), "f");
  EXPECT_EQ(set.count, 2);
  EXPECT_EQ(set.shape, (Shape{1, 2, 3}));
  EXPECT_EQ(set.bytes, (Bytes{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
}

TEST(IdxImages, WrongLengthSaysFoundAndExpected) {
  Bytes file = images(2);
  file.push_back(0);
  EXPECT_EQ(image_fault(file), "f: more bytes than the 28 its header states");
  file.resize(27);
  EXPECT_EQ(image_fault(file), "f: truncated: 27 bytes, its header states 28");
  EXPECT_EQ(image_fault(Bytes(15)), "f: truncated: 15 bytes, an IDX header has 16");
}

TEST(IdxImages, WrongMagicSaysWhatTheFileIs) {
  EXPECT_EQ(image_fault(labels(Bytes(20))),
            "f: begins with 00000801, a file of labels, expected 00000803, a file of pictures");
  EXPECT_EQ(image_fault(to_bytes("<!DOCTYPE html> and so on")),
            "f: begins with 3c21444f, expected 00000803, a file of pictures");
}

TEST(IdxImages, GiganticCountsAreRefusedBeforeAllocating) {
  EXPECT_EQ(image_fault(big_endian({0x803, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF})),
            "f: its header states 4294967295 entries: more than the 1073741824 bytes a file may have");
}

TEST(IdxImages, NoPicturesIsAnError) {
  EXPECT_EQ(image_fault(big_endian({0x803, 0, 28, 28})), "f: holds no pictures: its header states 0 of 1x28x28 pixels");
  EXPECT_EQ(image_fault(big_endian({0x803, 5, 0, 0xFFFFFFFF})),
            "f: holds no pictures: its header states 5 of 1x0x4294967295 pixels");
}

TEST(IdxLabels, OutOfRangeNamesTheIndex) {
  EXPECT_EQ(label_fault(labels({0, 9, 10})), "f: label 2 is 10, expected 0 to 9");
  EXPECT_EQ(parse_idx_labels(labels({0, 9}), 10, "f"), (std::vector<std::int32_t>{0, 9}));
}

TEST(InflateIdx, StopsAtWhatTheHeaderStates) {
  const Bytes bomb = gzipped(big_endian({0x803, 1, 2, 3}) + Bytes(50'000'000));
  EXPECT_EQ(error_of<RunError>([&] { inflate_idx(bomb, kIdxImagesHead, "f"); }), "f: inflates to more than 22 bytes");
}

TEST(InflateIdx, AWrongHeaderIsLeftToTheParser) {
  const Bytes swapped = inflate_idx(gzipped(labels(Bytes(100))), kIdxImagesHead, "f");
  EXPECT_EQ(image_fault(swapped), "f: begins with 00000801, a file of labels, expected 00000803, a file of pictures");
  const Bytes huge = inflate_idx(gzipped(big_endian({0x801, 0xFFFFFFFF}) + Bytes(1'000'000)), kIdxLabelsHead, "f");
  EXPECT_EQ(label_fault(huge),
            "f: its header states 4294967295 entries: more than the 1073741824 bytes a file may have");
}

TEST(Mnist, ReadsPlainAndGzippedFilesAlike) {
  const TestFolder folder;
  folder.write("train-images-idx3-ubyte", images(3));
  folder.write("train-labels-idx1-ubyte.gz", gzipped(labels({7, 0, 9})));
  const Dataset set = load_dataset("mnist", in_folder(folder));
  EXPECT_EQ(set.bytes.size(), 18U);
  EXPECT_EQ(set.labels, (std::vector<std::int32_t>{7, 0, 9}));
  EXPECT_EQ(set.classes, 10);
}

TEST(Mnist, CountsOfPicturesAndLabelsMustAgree) {
  const TestFolder folder;
  const std::string pictures = folder.write("train-images-idx3-ubyte", images(3));
  const std::string names = folder.write("train-labels-idx1-ubyte", labels({1, 2}));
  EXPECT_EQ(error_of<RunError>([&] { load_dataset("mnist", in_folder(folder)); }),
            pictures + " has 3 pictures, but " + names + " has 2 labels");
}

TEST(Mnist, APathToAFileFindsTheLabelsBesideIt) {
  const TestFolder folder;
  DatasetRequest request;
  request.path = folder.write("my-images.idx3-ubyte", images(2));
  folder.write("my-labels.idx1-ubyte", labels({4, 5}));
  EXPECT_EQ(load_dataset("mnist", request).labels, (std::vector<std::int32_t>{4, 5}));
}

TEST(Mnist, LimitKeepsTheFirst) {
  const TestFolder folder;
  folder.write("t10k-images-idx3-ubyte", images(3));
  folder.write("t10k-labels-idx1-ubyte", labels({7, 0, 9}));
  DatasetRequest request = in_folder(folder, "test");
  request.limit = 2;
  const Dataset set = load_dataset("mnist", request);
  EXPECT_EQ(set.count, 2);
  EXPECT_EQ(set.bytes.size(), 12U);
  EXPECT_EQ(set.labels, (std::vector<std::int32_t>{7, 0}));
}

TEST(Mnist, IsNotTakenFromAFolderOfFashionMnist) {
  const TestFolder folder;
  folder.write("fashion-mnist/train-images-idx3-ubyte", images(1));
  folder.write("fashion-mnist/train-labels-idx1-ubyte", labels({1}));
  DatasetRequest request;
  request.search = {folder.path("fashion-mnist"), folder.path()};
  EXPECT_EQ(load_dataset("fashion_mnist", request).count, 1);
  EXPECT_NE(error_of<UserError>([&] { load_dataset("mnist", request); }), "nothing thrown");
}

// The set of Debian's package dataset-fashion-mnist: 60 000 and 10 000 pictures, evenly spread over 10 classes
// (Xiao, Rasul and Vollgraf 2017).
TEST(FashionMnist, IsWhole) {
  DatasetRequest request;
  request.search = data_search_path(nullptr);
  for (const std::string split : {"train", "test"}) {
    request.split = split;
    const Dataset set = load_dataset("fashion_mnist", request);
    const std::int64_t per_class = split == "train" ? 6000 : 1000;
    EXPECT_EQ(set.count, 10 * per_class);
    EXPECT_EQ(set.shape, (Shape{1, 28, 28}));
    for (std::int32_t c = 0; c < 10; ++c)
      EXPECT_EQ(std::count(set.labels.begin(), set.labels.end(), c), per_class) << split << " class " << c;
  }
}

}  // namespace
}  // namespace cleave
