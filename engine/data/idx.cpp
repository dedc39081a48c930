#include "engine/data/idx.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "engine/data/locate.h"
#include "ops/core/error.h"

namespace cleave {

namespace {

constexpr std::int64_t kClasses = 10;
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 30;

std::int64_t big_endian(ByteSpan bytes, std::size_t at) {
  std::int64_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = (number << 8) | bytes[at + i];
  return number;
}

// Returns the bytes the header states, itself included; clamped, so that no product overflows.
std::int64_t stated_bytes(ByteSpan head, std::int64_t head_bytes) {
  std::int64_t size = 1;
  for (std::int64_t at = 4; at < head_bytes; at += 4) {
    const std::int64_t factor = big_endian(head, static_cast<std::size_t>(at));
    size = factor != 0 && size > (kMaxBytes / factor) ? kMaxBytes : size * factor;
  }
  return std::min(kMaxBytes, size + head_bytes);
}

const char* meaning_of(std::int64_t magic) {
  if (magic == 0x803) return ", a file of pictures";
  if (magic == 0x801) return ", a file of labels";
  return "";
}

void check_head(ByteSpan file, std::int64_t head_bytes, std::int64_t magic, const std::string& path) {
  if (static_cast<std::int64_t>(file.size()) < head_bytes)
    throw RunError(fmt::format("{}: truncated: {} bytes, an IDX header has {}", path, file.size(), head_bytes));
  const std::int64_t found = big_endian(file, 0);
  if (found != magic)
    throw RunError(fmt::format("{}: begins with {:08x}{}, expected {:08x}{}", path, found, meaning_of(found), magic,
                               meaning_of(magic)));
  const std::int64_t stated = stated_bytes(file, head_bytes);
  if (stated >= kMaxBytes)
    throw RunError(fmt::format("{}: its header states {} entries: more than the {} bytes a file may have", path,
                               big_endian(file, 4), kMaxBytes));
  const auto size = static_cast<std::int64_t>(file.size());
  if (size < stated) throw RunError(fmt::format("{}: truncated: {} bytes, its header states {}", path, size, stated));
  if (size > stated) throw RunError(fmt::format("{}: more bytes than the {} its header states", path, stated));
}

Bytes read_idx(const std::string& path, std::int64_t head_bytes) {
  const OpenFile file(path);
  return inflate_idx(file, head_bytes, path);
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.rfind(what);
  return at == std::string::npos ? text : text.replace(at, what.size(), by);
}

// The labels' file for a file of pictures named by the user.
std::vector<std::string> files_beside(const std::string& images) {
  const std::filesystem::path path(images);
  const std::string name = replaced(replaced(path.filename().string(), "images", "labels"), "idx3", "idx1");
  const std::string labels = (path.parent_path() / name).string();
  if (labels == images)
    throw UserError(fmt::format("{}: name the folder, or a file with 'images' in its name", images));
  if (!is_file(labels)) throw UserError(fmt::format("{}: its labels are missing: no {}", images, labels));
  return {images, labels};
}

std::vector<std::string> find_idx(const DatasetRequest& request, FilePlaces places) {
  if (is_file(request.path)) return files_beside(request.path);
  const char* prefix = request.split == "test" ? "t10k" : "train";
  for (const char* kind : {"images{}idx3-ubyte", "labels{}idx1-ubyte"}) {
    const std::string dashed = fmt::format("{}-{}", prefix, replaced(kind, "{}", "-"));
    const std::string dotted = fmt::format("{}-{}", prefix, replaced(kind, "{}", "."));
    places.files.push_back({dashed, dashed + ".gz", dotted, dotted + ".gz"});
  }
  return locate_files(request, places);
}

Dataset load_idx(const DatasetRequest& request, const char* name, const std::vector<std::string>& files) {
  Dataset set = parse_idx_images(read_idx(files[0], kIdxImagesHead), files[0]);
  set.name = name;
  set.classes = kClasses;
  set.labels = parse_idx_labels(read_idx(files[1], kIdxLabelsHead), kClasses, files[1]);
  if (static_cast<std::int64_t>(set.labels.size()) != set.count)
    throw RunError(
        fmt::format("{} has {} pictures, but {} has {} labels", files[0], set.count, files[1], set.labels.size()));
  keep_first(set, request.limit);
  return set;
}

}  // namespace

Dataset parse_idx_images(Bytes file, const std::string& path) {
  check_head(file, kIdxImagesHead, 0x803, path);
  Dataset set;
  set.count = big_endian(file, 4);
  set.shape = {1, big_endian(file, 8), big_endian(file, 12)};
  if (set.count == 0 || set.shape[1] == 0 || set.shape[2] == 0)
    throw RunError(
        fmt::format("{}: holds no pictures: its header states {} of {} pixels", path, set.count, to_text(set.shape)));
  file.erase(file.begin(), file.begin() + kIdxImagesHead);
  set.bytes = std::move(file);
  return set;
}

std::vector<std::int32_t> parse_idx_labels(ByteSpan file, std::int64_t classes, const std::string& path) {
  check_head(file, kIdxLabelsHead, 0x801, path);
  const ByteSpan bytes = file.subspan(kIdxLabelsHead);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    if (bytes[i] >= classes)
      throw RunError(fmt::format("{}: label {} is {}, expected 0 to {}", path, i, bytes[i], classes - 1));
  return {bytes.begin(), bytes.end()};
}

Bytes inflate_idx(const ByteSource& file, std::int64_t head_bytes, const std::string& path) {
  if (!is_gzip(file)) {
    if (file.size > kMaxBytes)
      throw RunError(fmt::format("{}: has {} bytes, at most {} are read", path, file.size, kMaxBytes));
    Bytes all(static_cast<std::size_t>(file.size));
    all.resize(file.read_at(0, all));
    return all;
  }
  // The header is read first: it says how many bytes there may be, so a gzip bomb is not inflated.
  Bytes head = gunzip_prefix(file, head_bytes, path);
  if (static_cast<std::int64_t>(head.size()) < head_bytes) return head;
  // A header that will be refused says nothing about the size; the parser explains it.
  const std::int64_t magic = 0x800 + head_bytes / 4 - 1;
  const std::int64_t stated = stated_bytes(head, head_bytes);
  if (big_endian(head, 0) != magic || stated >= kMaxBytes) return head;
  return gunzip(file, stated, path);
}

std::vector<std::string> mnist_files(const DatasetRequest& request) {
  return find_idx(request, {"mnist",
                            {"mnist", "MNIST/raw", "MNIST"},
                            {"fashion-mnist", "fashion_mnist", "FashionMNIST"},
                            {},
                            "put the four IDX files into a folder 'mnist' there, or name their folder by 'path' or "
                            "$CLEAVE_DATA"});
}

std::vector<std::string> fashion_mnist_files(const DatasetRequest& request) {
  return find_idx(request, {"fashion_mnist",
                            {"fashion-mnist", "fashion_mnist", "FashionMNIST/raw", "FashionMNIST"},
                            {"mnist", "MNIST"},
                            {},
                            "install it with 'apt-get install dataset-fashion-mnist', or name its folder by 'path' or "
                            "$CLEAVE_DATA"});
}

Dataset load_mnist(const DatasetRequest& request) {
  Dataset set = load_idx(request, "mnist", mnist_files(request));
  set.class_names = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  return set;
}

Dataset load_fashion_mnist(const DatasetRequest& request) {
  Dataset set = load_idx(request, "fashion_mnist", fashion_mnist_files(request));
  set.class_names = {"T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"};
  return set;
}

}  // namespace cleave
