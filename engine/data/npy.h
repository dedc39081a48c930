// NumPy's array files (.npy, versions 1 to 3) as data sets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/data/dataset.h"
#include "ops/core/file.h"

namespace cleave {

// What stands before the numbers.
struct NpyHeader {
  std::string descr;  // "|u1", "<f4" …
  Shape shape;
  std::size_t data_at = 0;  // where the numbers begin

  bool operator==(const NpyHeader&) const = default;
};

// Returns the header of a .npy file. Throws RunError beginning with `path` when it is damaged, in Fortran order, of a
// type that is not a plain number, or when the file's length is not what the header states.
NpyHeader parse_npy_header(ByteSpan file, const std::string& path);

// Returns samples without labels from an array of u1 (bytes) or f4 (values): [count, N], [count, H, W] as one channel,
// or [count, C, H, W]. Throws RunError, also for values that are not finite (with their index).
Dataset parse_npy_images(ByteSpan file, const std::string& path);

// Returns labels from an array [count] of whole numbers of any width, 0 … 65535. Throws RunError.
std::vector<std::int32_t> parse_npy_labels(ByteSpan file, const std::string& path);

// The catalog's functions. `path` names a folder with SPLIT_images.npy and SPLIT_labels.npy (SPLIT is train or test),
// or images.npy and labels.npy, which serve either split; or it names the file of samples itself, whose labels stand
// beside it with "labels" for "images" in the name. The labels may be missing: then the set has no classes.
Dataset load_npy(const DatasetRequest& request);
std::vector<std::string> npy_files(const DatasetRequest& request);

}  // namespace cleave
