// Data sets: images or vectors with labels, held in memory, and the catalog of the sets cleave knows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ops/core/catalog.h"
#include "ops/core/tensor.h"

namespace cleave {

struct Dataset {
  std::string name;
  Shape shape;  // [C, H, W] or [N]
  std::int64_t count = 0;
  std::int64_t classes = 0;              // labels are 0 … classes-1; 0 when there are no labels
  std::vector<std::uint8_t> bytes;       // [count, C, H, W], 0 … 255; empty for sets of floats
  std::vector<float> values;             // [count, …], finite; empty for sets of bytes
  std::vector<std::int32_t> labels;      // [count]; may be empty
  std::vector<std::string> class_names;  // [classes]; may be empty
};

// Which part of a set is wanted, and where it may be.
struct DatasetRequest {
  std::string split;                // one of the set's splits; empty = its first
  std::int64_t limit = 0;           // the first `limit` samples; 0 = all (generated sets: their usual number)
  std::string path;                 // a folder or file; when given, `search` is not looked at
  std::uint64_t seed = 1;           // of generated sets
  Shape shape;                      // wanted of generated sets; empty = their usual shape
  std::vector<std::string> search;  // folders, see data_search_path
};

// A row of the catalog.
struct DatasetDef {
  const char* name;
  const char* doc;     // one line
  const char* splits;  // "train|test"; the first is the default
  // Returns the wanted part. Throws UserError when the files are not found, RunError when they are damaged.
  // Called with a valid split and limit ≥ 0.
  Dataset (*load)(const DatasetRequest& request);
  // Returns the files that `load` would read. Throws UserError when they are not found. Null: the set is generated.
  std::vector<std::string> (*files)(const DatasetRequest& request);
};

std::span<const DatasetDef> dataset_catalog();

// Returns the names in `splits`: "train|test" gives train, test.
std::vector<std::string> split_names(const DatasetDef& def);

// Returns the row called `name`. Throws UserError with the nearest name.
const DatasetDef& find_dataset(std::string_view name);

// Returns the wanted part of the set called `name`: never empty, at most `limit` samples. Throws UserError for an
// unknown set or split, a path for a generated set, a negative limit and files that are not found; RunError for damaged
// files.
Dataset load_dataset(std::string_view name, DatasetRequest request);

// Returns the folders to look for data in: those of $CLEAVE_DATA (parted by ':', null = not set), then the system's.
std::vector<std::string> data_search_path(const char* cleave_data);

// Keeps the first `limit` samples; 0 keeps all.
void keep_first(Dataset& set, std::int64_t limit);

}  // namespace cleave
