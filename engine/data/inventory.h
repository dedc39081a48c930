// What data there is on this machine: the facts behind `cleave data list` and `cleave data check`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/data/dataset.h"

namespace cleave {

// One row of the catalog and where its files are.
struct DatasetStatus {
  std::string name, doc, splits;
  bool generated = false;          // needs no files
  std::vector<std::string> files;  // of all splits that were found
  std::int64_t bytes = 0;          // of those files
  std::string missing;             // why a split was not found; empty when all were
};

// Returns one status per row, in the catalog's order. Looks for the files, does not read them.
std::vector<DatasetStatus> list_datasets(const std::vector<std::string>& search);

struct FileCheck {
  std::string path;
  std::int64_t bytes = 0;
  std::uint32_t crc32 = 0;  // of the file as it is (gzip not undone), as `crc32` and gzip -l -v count it

  bool operator==(const FileCheck&) const = default;
};

struct SplitCheck {
  std::string split;
  std::int64_t count = 0;
  Shape shape;
  std::vector<std::int64_t> per_class;   // samples of each class; empty without labels
  std::vector<std::string> class_names;  // may be empty
};

struct DatasetCheck {
  std::string name;
  std::vector<SplitCheck> splits;
  std::vector<FileCheck> files;  // each once
};

// Loads the split of the request (all splits when it is empty) and counts. Throws what load_dataset throws.
DatasetCheck check_dataset(std::string_view name, const DatasetRequest& request);

}  // namespace cleave
