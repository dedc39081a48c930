// CIFAR-10, binary version (Krizhevsky 2009): records of one label byte and 3x32x32 bytes, planes red, green, blue.
#pragma once

#include <string>
#include <vector>

#include "engine/data/dataset.h"
#include "ops/core/file.h"

namespace cleave {

// Appends the records of one file to `set`. Throws RunError beginning with `path` when the file is empty, is not a
// whole number of records, or holds a label above 9.
void append_cifar10(ByteSpan file, const std::string& path, Dataset& set);

// The catalog's functions. Files: data_batch_1.bin … data_batch_5.bin, test_batch.bin. A `path` to a file means that
// file alone. With a limit only as many batches are read as are needed.
Dataset load_cifar10(const DatasetRequest& request);
std::vector<std::string> cifar10_files(const DatasetRequest& request);

}  // namespace cleave
