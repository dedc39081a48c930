#include "engine/data/dataset.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/data/cifar10.h"
#include "engine/data/idx.h"
#include "engine/data/npy.h"
#include "engine/data/shapes.h"
#include "engine/data/two_moons.h"
#include "ops/core/error.h"

namespace cleave {

namespace {

constexpr DatasetDef kDatasets[] = {
    {"fashion_mnist", "70 000 grey 28x28 pictures of clothes, 10 classes (IDX)", "train|test", load_fashion_mnist,
     fashion_mnist_files},
    {"mnist", "70 000 grey 28x28 handwritten digits, 10 classes (IDX)", "train|test", load_mnist, mnist_files},
    {"cifar10", "60 000 colour 32x32 photographs, 10 classes (binary version)", "train|test", load_cifar10,
     cifar10_files},
    {"npy", "your own arrays: images.npy and labels.npy", "train|test", load_npy, npy_files},
    {"two_moons", "generated: points on two half circles, 2 classes", "train|test", make_two_moons, nullptr},
    {"shapes", "generated: small noisy pictures of drawn shapes, 10 classes", "train|test", make_shapes, nullptr},
};

// Returns ", did you mean 'x'?" or "".
std::string did_you_mean(std::string_view name, const std::vector<std::string>& names) {
  const std::string closest = closest_name(name, names);
  return closest.empty() ? "" : fmt::format(", did you mean '{}'?", closest);
}

std::vector<std::string> parts_of(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

}  // namespace

std::span<const DatasetDef> dataset_catalog() { return kDatasets; }

std::vector<std::string> split_names(const DatasetDef& def) { return parts_of(def.splits, '|'); }

const DatasetDef& find_dataset(std::string_view name) {
  const DatasetDef* def = find(dataset_catalog(), name);
  if (def != nullptr) return *def;
  const std::vector<std::string> names = names_of(dataset_catalog());
  throw UserError(
      fmt::format("there is no data set '{}' (known: {}){}", name, fmt::join(names, ", "), did_you_mean(name, names)));
}

Dataset load_dataset(std::string_view name, DatasetRequest request) {
  const DatasetDef& def = find_dataset(name);
  const std::vector<std::string> splits = split_names(def);
  if (request.split.empty()) request.split = splits.front();
  if (std::find(splits.begin(), splits.end(), request.split) == splits.end())
    throw UserError(fmt::format("data set {} has no split '{}' (it has {}){}", def.name, request.split,
                                fmt::join(splits, ", "), did_you_mean(request.split, splits)));
  if (request.limit < 0)
    throw UserError(fmt::format("data set {}: limit {} is negative; 0 means all", def.name, request.limit));
  if (def.files == nullptr && !request.path.empty())
    throw UserError(fmt::format("data set {} is generated and reads no files; remove the path", def.name));
  return def.load(request);
}

std::vector<std::string> data_search_path(const char* cleave_data) {
  std::vector<std::string> folders = parts_of(cleave_data == nullptr ? "" : cleave_data, ':');
  folders.emplace_back("/usr/share/datasets");
  folders.emplace_back("/usr/local/share/datasets");
  return folders;
}

void keep_first(Dataset& set, std::int64_t limit) {
  if (limit == 0 || limit >= set.count) return;
  const auto kept = static_cast<std::size_t>(limit * element_count(set.shape));
  set.count = limit;
  if (!set.bytes.empty()) set.bytes.resize(kept);
  if (!set.values.empty()) set.values.resize(kept);
  if (!set.labels.empty()) set.labels.resize(static_cast<std::size_t>(limit));
  set.bytes.shrink_to_fit();
  set.values.shrink_to_fit();
}

}  // namespace cleave
