#include "engine/data/cifar10.h"

#include <fmt/format.h>

#include "engine/data/locate.h"
#include "ops/core/error.h"

namespace cleave {

namespace {

constexpr std::size_t kImageBytes = 3 * 32 * 32;
constexpr std::size_t kRecordBytes = 1 + kImageBytes;
constexpr int kClasses = 10;
constexpr int kTrainBatches = 5;
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 30;

}  // namespace

void append_cifar10(ByteSpan file, const std::string& path, Dataset& set) {
  if (file.empty() || file.size() % kRecordBytes != 0)
    throw RunError(
        fmt::format("{}: {} bytes: truncated or not CIFAR-10's binary version, whose records have {} bytes "
                    "({} bytes are left over)",
                    path, file.size(), kRecordBytes, file.size() % kRecordBytes));
  const std::size_t count = file.size() / kRecordBytes;
  set.bytes.reserve(set.bytes.size() + count * kImageBytes);
  for (std::size_t i = 0; i < count; ++i) {
    const ByteSpan record = file.subspan(i * kRecordBytes, kRecordBytes);
    if (record[0] >= kClasses)
      throw RunError(fmt::format("{}: label {} is {}, expected 0 to {}", path, i, record[0], kClasses - 1));
    set.labels.push_back(record[0]);
    set.bytes.insert(set.bytes.end(), record.begin() + 1, record.end());
  }
  set.count += static_cast<std::int64_t>(count);
}

std::vector<std::string> cifar10_files(const DatasetRequest& request) {
  if (is_file(request.path)) return {request.path};
  FilePlaces places{"cifar10",
                    {"cifar-10-batches-bin", "cifar10", "cifar-10", "cifar10/cifar-10-batches-bin"},
                    {},
                    {},
                    "unpack cifar-10-binary.tar.gz (the binary version) into one of these folders, or name the folder "
                    "of data_batch_1.bin by 'path' or $CLEAVE_DATA"};
  if (request.split == "test") places.files.push_back({"test_batch.bin"});
  else
    for (int i = 1; i <= kTrainBatches; ++i) places.files.push_back({fmt::format("data_batch_{}.bin", i)});
  return locate_files(request, places);
}

Dataset load_cifar10(const DatasetRequest& request) {
  Dataset set;
  set.name = "cifar10";
  set.shape = {3, 32, 32};
  set.classes = kClasses;
  set.class_names = {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
  for (const std::string& path : cifar10_files(request)) {
    if (request.limit != 0 && set.count >= request.limit) break;
    append_cifar10(read_file(path, kMaxBytes), path, set);
  }
  keep_first(set, request.limit);
  return set;
}

}  // namespace cleave
