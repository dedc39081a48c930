#include "engine/data/inventory.h"

#include <algorithm>

#include <zlib.h>

#include "ops/core/error.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

bool knows(const std::vector<std::string>& files, const std::string& file) {
  return std::find(files.begin(), files.end(), file) != files.end();
}

FileCheck check_file(const std::string& path) {
  const MappedFile file(path);
  const ByteSpan bytes = file.bytes();
  const uLong crc = crc32_z(0, bytes.data(), bytes.size());
  return {path, static_cast<std::int64_t>(bytes.size()), static_cast<std::uint32_t>(crc)};
}

SplitCheck check_split(const DatasetDef& def, const DatasetRequest& request) {
  const Dataset set = load_dataset(def.name, request);
  SplitCheck check{request.split, set.count, set.shape, {}, set.class_names};
  check.per_class.resize(static_cast<std::size_t>(set.classes));
  for (const std::int32_t label : set.labels) ++check.per_class[static_cast<std::size_t>(label)];
  return check;
}

DatasetStatus status_of(const DatasetDef& def, const std::vector<std::string>& search) {
  DatasetStatus status{def.name, def.doc, def.splits, def.files == nullptr, {}, 0, ""};
  if (status.generated) return status;
  for (const std::string& split : split_names(def)) {
    DatasetRequest request;
    request.split = split;
    request.search = search;
    try {
      for (const std::string& file : def.files(request)) {
        if (knows(status.files, file)) continue;
        status.files.push_back(file);
        status.bytes += file_bytes(file);
      }
    } catch (const UserError& error) {
      if (status.missing.empty()) status.missing = error.what();
    }
  }
  return status;
}

}  // namespace

std::vector<DatasetStatus> list_datasets(const std::vector<std::string>& search) {
  std::vector<DatasetStatus> all;
  for (const DatasetDef& def : dataset_catalog()) all.push_back(status_of(def, search));
  return all;
}

DatasetCheck check_dataset(std::string_view name, const DatasetRequest& request) {
  const DatasetDef& def = find_dataset(name);
  DatasetCheck check{def.name, {}, {}};
  std::vector<std::string> files;
  const std::vector<std::string> splits =
      request.split.empty() ? split_names(def) : std::vector<std::string>{request.split};
  for (const std::string& split : splits) {
    DatasetRequest part = request;
    part.split = split;
    check.splits.push_back(check_split(def, part));
    if (def.files == nullptr) continue;
    for (const std::string& file : def.files(part))
      if (!knows(files, file)) files.push_back(file);
  }
  for (const std::string& file : files) check.files.push_back(check_file(file));
  return check;
}

}  // namespace cleave
