// IDX files: the format of MNIST and Fashion-MNIST (LeCun's site; all numbers big-endian).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/data/gzip.h"
#include "ops/core/file.h"

namespace cleave {

inline constexpr std::int64_t kIdxImagesHead = 16;  // bytes: magic, count, rows, columns
inline constexpr std::int64_t kIdxLabelsHead = 8;   // magic, count

// Returns the pictures of an inflated IDX file of bytes, `00 00 08 03 count rows cols …`, as [1, rows, cols], without
// labels. Throws RunError beginning with `path` when magic, sizes or length are wrong.
Dataset parse_idx_images(Bytes file, const std::string& path);

// Returns the labels of an inflated IDX file, `00 00 08 01 count …`. Throws RunError, also for labels not below
// `classes`.
std::vector<std::int32_t> parse_idx_labels(ByteSpan file, std::int64_t classes, const std::string& path);

// Returns the bytes of an IDX file, inflated if it is a gzip file; of one whose header the parsers will refuse, only
// the header. `head_bytes` is the header's size. Throws RunError when the gzip data is damaged or longer than the
// header states.
Bytes inflate_idx(const ByteSource& file, std::int64_t head_bytes, const std::string& path);

// The catalog's functions. Files: {train,t10k}-{images-idx3,labels-idx1}-ubyte, also with .idx3/.idx1, also .gz. A
// `path` to a file names the pictures; their labels are looked for beside it.
Dataset load_mnist(const DatasetRequest& request);
std::vector<std::string> mnist_files(const DatasetRequest& request);
Dataset load_fashion_mnist(const DatasetRequest& request);
std::vector<std::string> fashion_mnist_files(const DatasetRequest& request);

}  // namespace cleave
