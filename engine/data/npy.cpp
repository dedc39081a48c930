#include "engine/data/npy.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "engine/data/locate.h"
#include "ops/core/bytes.h"
#include "ops/core/error.h"

namespace cleave {

namespace {

constexpr std::int64_t kMaxBytes = std::int64_t{1} << 32;
constexpr std::size_t kMaxHeader = 65536;
constexpr std::int64_t kMaxLabel = 65535;

// Reads the header's Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }. Each function
// returns false when the text is something else.
class DictReader {
 public:
  explicit DictReader(std::string_view text) : text_(text) {}

  bool read(NpyHeader& header, bool& fortran) {
    if (!take('{')) return false;
    int seen = 0;
    while (!take('}')) {
      std::string key;
      if (!quoted(key) || !take(':') || !value(key, header, fortran, seen)) return false;
      if (!take(',') && !next_is('}')) return false;
    }
    skip_space();
    return seen == 7 && text_.empty();
  }

 private:
  bool value(const std::string& key, NpyHeader& header, bool& fortran, int& seen) {
    const int bit = key == "descr" ? 1 : key == "fortran_order" ? 2 : key == "shape" ? 4 : 0;
    if (bit == 0 || (seen & bit) != 0) return false;
    seen |= bit;
    if (bit == 1) return quoted(header.descr);
    if (bit == 4) return tuple(header.shape);
    fortran = word("True");
    return fortran || word("False");
  }

  bool tuple(Shape& shape) {
    if (!take('(')) return false;
    while (!take(')')) {
      skip_space();
      std::int64_t size = 0;
      const std::from_chars_result result = std::from_chars(text_.data(), text_.data() + text_.size(), size);
      if (result.ec != std::errc() || size < 0 || shape.size() == 4) return false;
      text_.remove_prefix(static_cast<std::size_t>(result.ptr - text_.data()));
      shape.push_back(size);
      if (!take(',') && !next_is(')')) return false;
    }
    return true;
  }

  bool quoted(std::string& into) {
    skip_space();
    if (text_.empty() || (text_[0] != '\'' && text_[0] != '"')) return false;
    const std::size_t end = text_.find(text_[0], 1);
    if (end == std::string_view::npos) return false;
    into = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return true;
  }

  bool word(std::string_view wanted) {
    skip_space();
    if (!text_.starts_with(wanted)) return false;
    text_.remove_prefix(wanted.size());
    return true;
  }

  void skip_space() { text_.remove_prefix(std::min(text_.find_first_not_of(" \n\t"), text_.size())); }

  bool next_is(char c) {
    skip_space();
    return text_.starts_with(c);
  }

  bool take(char c) {
    if (!next_is(c)) return false;
    text_.remove_prefix(1);
    return true;
  }

  std::string_view text_;
};

// Returns the bytes of one number, 0 for types cleave does not read.
std::int64_t item_bytes(std::string_view descr) {
  for (const char* known : {"|u1", "|i1", "|b1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f4", "<f8"})
    if (descr == known) return descr[2] - '0';
  return 0;
}

// Returns the product of the sizes, nothing when it exceeds what a file may hold.
std::optional<std::int64_t> bounded_count(const Shape& shape) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  std::int64_t count = 1;
  for (const std::int64_t size : shape) {
    if (size > kMaxBytes / count) return std::nullopt;
    count *= size;
  }
  return count;
}

void check_length(ByteSpan file, const NpyHeader& header, std::int64_t item, const std::string& path) {
  const std::optional<std::int64_t> count = bounded_count(header.shape);
  if (!count || *count > kMaxBytes / item)
    throw RunError(fmt::format("{}: its header states {} numbers: more than the {} bytes a file may have", path,
                               to_text(header.shape), kMaxBytes));
  const auto found = static_cast<std::int64_t>(file.size() - header.data_at);
  const std::int64_t stated = *count * item;
  if (found == stated) return;
  throw RunError(fmt::format("{}: {} {} bytes behind the header, which states {} ({} of {})", path,
                             found < stated ? "truncated: only" : "has", found, stated, to_text(header.shape),
                             header.descr));
}

Shape sample_shape(const Shape& array, const std::string& path) {
  if (array.size() == 2) return {array[1]};
  if (array.size() == 3) return {1, array[1], array[2]};
  if (array.size() == 4) return {array[1], array[2], array[3]};
  throw RunError(
      fmt::format("{}: has {} dimensions, expected [count, N], [count, H, W] or [count, C, H, W]", path, array.size()));
}

std::vector<float> finite_values(ByteSpan data, std::int64_t sample_size, const std::string& path) {
  std::vector<float> values(data.size() / 4);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = std::bit_cast<float>(load_little_endian<std::uint32_t>(data.data() + 4 * i));
    if (std::isfinite(values[i])) continue;
    const auto at = static_cast<std::int64_t>(i);
    throw RunError(fmt::format("{}: value {} of sample {} is {}, values must be finite", path, at % sample_size,
                               at / sample_size, values[i]));
  }
  return values;
}

// One label of any width; unsigned numbers above the signed range come out negative and are refused like all others.
std::int64_t label_at(const std::uint8_t* at, std::string_view descr) {
  const bool is_signed = descr[1] == 'i';
  switch (descr[2]) {
    case '1': return is_signed ? static_cast<std::int8_t>(*at) : std::int64_t{*at};
    case '2': {
      const std::uint16_t number = load_little_endian<std::uint16_t>(at);
      return is_signed ? static_cast<std::int16_t>(number) : std::int64_t{number};
    }
    case '4': {
      const std::uint32_t number = load_little_endian<std::uint32_t>(at);
      return is_signed ? static_cast<std::int32_t>(number) : std::int64_t{number};
    }
    default: return static_cast<std::int64_t>(load_little_endian<std::uint64_t>(at));
  }
}

std::string labels_beside(const std::string& images) {
  const std::filesystem::path path(images);
  std::string name = path.filename().string();
  const std::size_t at = name.rfind("images");
  if (at == std::string::npos) return "";
  const std::string labels = (path.parent_path() / name.replace(at, 6, "labels")).string();
  return is_file(labels) ? labels : "";
}

}  // namespace

NpyHeader parse_npy_header(ByteSpan file, const std::string& path) {
  constexpr std::string_view kMagic = "\x93NUMPY";
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (!text.starts_with(kMagic))
    throw RunError(fmt::format("{}: is not a .npy file: it does not begin with \\x93NUMPY", path));
  const std::size_t length_bytes = file.size() > 6 && file[6] == 1 ? 2 : 4;
  const std::size_t head = 8 + length_bytes;
  if (file.size() < head) throw RunError(fmt::format("{}: truncated: {} bytes", path, file.size()));
  if (file[6] < 1 || file[6] > 3) throw RunError(fmt::format("{}: .npy version {}, expected 1, 2 or 3", path, file[6]));
  const std::size_t length = length_bytes == 2 ? load_little_endian<std::uint16_t>(file.data() + 8)
                                               : load_little_endian<std::uint32_t>(file.data() + 8);
  if (length > kMaxHeader || length > file.size() - head)
    throw RunError(
        fmt::format("{}: truncated or damaged: a header of {} bytes in a file of {}", path, length, file.size()));
  NpyHeader header;
  header.data_at = head + length;
  bool fortran = false;
  if (!DictReader(text.substr(head, length)).read(header, fortran))
    throw RunError(
        fmt::format("{}: its header is not {{'descr': …, 'fortran_order': …, 'shape': (…)}} of at most 4 sizes", path));
  const std::int64_t item = item_bytes(header.descr);
  if (item == 0)
    throw RunError(
        fmt::format("{}: type '{}' is not read; use u1 or f4, little-endian", path, printable(header.descr)));
  if (fortran) throw RunError(fmt::format("{}: is in Fortran order; save it with numpy.ascontiguousarray", path));
  check_length(file, header, item, path);
  return header;
}

Dataset parse_npy_images(ByteSpan file, const std::string& path) {
  const NpyHeader header = parse_npy_header(file, path);
  if (header.descr != "|u1" && header.descr != "<f4")
    throw RunError(
        fmt::format("{}: samples of type '{}', expected |u1 or <f4 (numpy: .astype('float32'))", path, header.descr));
  Dataset set;
  set.name = "npy";
  set.shape = sample_shape(header.shape, path);
  set.count = header.shape.front();
  const ByteSpan data = file.subspan(header.data_at);
  if (data.empty()) throw RunError(fmt::format("{}: holds no samples: {}", path, to_text(header.shape)));
  if (header.descr == "|u1") set.bytes.assign(data.begin(), data.end());
  else set.values = finite_values(data, element_count(set.shape), path);
  return set;
}

std::vector<std::int32_t> parse_npy_labels(ByteSpan file, const std::string& path) {
  const NpyHeader header = parse_npy_header(file, path);
  if (header.shape.size() != 1)
    throw RunError(fmt::format("{}: labels have {} dimensions, expected one", path, header.shape.size()));
  if (header.descr[1] != 'u' && header.descr[1] != 'i')
    throw RunError(
        fmt::format("{}: labels of type '{}', expected whole numbers (numpy: .astype('uint8'))", path, header.descr));
  const std::size_t item = static_cast<std::size_t>(item_bytes(header.descr));
  std::vector<std::int32_t> labels(static_cast<std::size_t>(header.shape.front()));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::int64_t label = label_at(file.data() + header.data_at + i * item, header.descr);
    if (label < 0 || label > kMaxLabel)
      throw RunError(fmt::format("{}: label {} is {}, expected 0 to {}", path, i, label, kMaxLabel));
    labels[i] = static_cast<std::int32_t>(label);
  }
  return labels;
}

std::vector<std::string> npy_files(const DatasetRequest& request) {
  std::string images = request.path;
  if (!is_file(images)) {
    const FilePlaces places{"npy",
                            {"npy"},
                            {},
                            {{request.split + "_images.npy", "images.npy"}},
                            "name the folder of images.npy and labels.npy, or of train_images.npy …, by 'path'"};
    images = locate_files(request, places).front();
  }
  const std::string labels = labels_beside(images);
  return labels.empty() ? std::vector{images} : std::vector{images, labels};
}

Dataset load_npy(const DatasetRequest& request) {
  const std::vector<std::string> files = npy_files(request);
  Dataset set = parse_npy_images(MappedFile(files[0]).bytes(), files[0]);
  if (files.size() == 2) {
    set.labels = parse_npy_labels(MappedFile(files[1]).bytes(), files[1]);
    if (static_cast<std::int64_t>(set.labels.size()) != set.count)
      throw RunError(
          fmt::format("{} has {} samples, but {} has {} labels", files[0], set.count, files[1], set.labels.size()));
    set.classes = 1 + *std::max_element(set.labels.begin(), set.labels.end());
  }
  keep_first(set, request.limit);
  return set;
}

}  // namespace cleave
