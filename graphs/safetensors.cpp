// The header is read event by event (nlohmann's SAX interface) into records instead of a JSON tree: nothing nests
// deeper than the format allows, duplicate names are seen (a tree would keep the last silently), and memory is bounded
// by the header's length, which is checked against the file's before anything is set aside.
#include "graphs/safetensors.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "ops/core/bytes.h"
#include "ops/core/error.h"

namespace cleave {

namespace {

using nlohmann::json;

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeader = std::uint64_t{64} << 20;
constexpr std::size_t kMaxSizes = 16;  // of one shape
constexpr const char* kMetadata = "__metadata__";
constexpr std::pair<const char*, int> kTypes[] = {{"BOOL", 8}, {"U8", 8},   {"I8", 8},   {"F8_E5M2", 8}, {"F8_E4M3", 8},
                                                  {"I16", 16}, {"U16", 16}, {"F16", 16}, {"BF16", 16},   {"I32", 32},
                                                  {"U32", 32}, {"F32", 32}, {"F64", 64}, {"I64", 64},    {"U64", 64}};

// One entry of the header, as written.
struct Entry {
  std::string name;
  std::string dtype;
  std::vector<std::uint64_t> shape;
  std::vector<std::uint64_t> offsets;
  std::set<std::string> keys;  // seen so far
};

// Collects the header. Every function returns false to stop, with the reason in `fault`.
class HeaderReader {
 public:
  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;
  std::string fault;

  bool null() { return stop("null"); }
  bool boolean(bool) { return stop("a boolean"); }
  bool number_integer(std::int64_t) { return stop("a negative number"); }
  bool number_float(double, const std::string&) { return stop("a number that is not whole"); }
  bool binary(json::binary_t&) { return stop("binary data"); }

  bool number_unsigned(std::uint64_t number) {
    if (!in_list_) return stop("a number");
    std::vector<std::uint64_t>& list = key_ == "shape" ? entries.back().shape : entries.back().offsets;
    if (list.size() == kMaxSizes) return stop("a longer list");
    list.push_back(number);
    return true;
  }

  bool string(std::string& text) {
    if (depth_ == 2 && in_metadata_) metadata[key_] = text;
    else if (depth_ == 2 && key_ == "dtype") entries.back().dtype = text;
    else return stop("a string");
    return true;
  }

  bool start_object(std::size_t) {
    if (depth_ == 2 || in_list_) return stop("a map");
    ++depth_;
    if (depth_ == 2 && !in_metadata_) entries.push_back({name_, {}, {}, {}, {}});
    return true;
  }

  bool end_object() {
    const bool entry = depth_ == 2 && !in_metadata_;
    if (entry && entries.back().keys.size() != 3) return fail("lacks one of dtype, shape, data_offsets");
    --depth_;
    in_metadata_ = false;
    return true;
  }

  bool start_array(std::size_t) {
    if (depth_ != 2 || in_list_ || in_metadata_ || key_ == "dtype") return stop("a list");
    in_list_ = true;
    return true;
  }

  bool end_array() {
    in_list_ = false;
    return true;
  }

  bool key(std::string& text) {
    if (depth_ == 1) {
      name_ = text;
      in_metadata_ = text == kMetadata;
      return names_.insert(text).second || fail("stands there twice");
    }
    key_ = text;
    if (in_metadata_) return metadata.emplace(text, "").second || fail("has a key twice");
    if (text != "dtype" && text != "shape" && text != "data_offsets")
      return fail(fmt::format("has an unknown key '{}'", printable(text)));
    return entries.back().keys.insert(text).second || fail(fmt::format("has '{}' twice", text));
  }

  bool parse_error(std::size_t at, const std::string&, const json::exception&) {
    fault = fmt::format("its header is not JSON (at byte {})", at);
    return false;
  }

 private:
  bool fail(const std::string& what) {
    fault = fmt::format("its header's '{}' {}", printable(name_), what);
    return false;
  }

  bool stop(const char* what) {
    if (depth_ == 0) fault = "its header is not a map";
    else fail(fmt::format("holds {} where the format has none", what));
    return false;
  }

  int depth_ = 0;  // 1 in the header, 2 in an entry
  bool in_metadata_ = false;
  bool in_list_ = false;
  std::string name_;  // of the entry
  std::string key_;   // in it
  std::set<std::string> names_;
};

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
  throw RunError(fmt::format("{}: not a sound safetensors file: {}", path, what));
}

[[noreturn]] void refuse(const std::string& path, const Entry& entry, const std::string& what) {
  refuse(path, fmt::format("'{}' {}", printable(entry.name), what));
}

// Returns the bytes of dtype and shape, nothing when they are beyond `most` or no whole number.
std::optional<std::uint64_t> bytes_of(const Entry& entry, std::uint64_t most) {
  const std::vector<std::uint64_t>& shape = entry.shape;
  if (std::find(shape.begin(), shape.end(), 0U) != shape.end()) return 0;
  std::uint64_t count = 1;
  for (const std::uint64_t size : shape) {
    if (size > 8 * most / count) return std::nullopt;
    count *= size;
  }
  const auto bits = static_cast<std::uint64_t>(safetensors_bits(entry.dtype));
  if (count > 8 * most / bits || count * bits % 8 != 0) return std::nullopt;
  return count * bits / 8;
}

void check_entry(const Entry& entry, std::uint64_t data_bytes, const std::string& path) {
  if (safetensors_bits(entry.dtype) == 0)
    refuse(path, entry, fmt::format("has the unknown type '{}'", printable(entry.dtype)));
  if (entry.offsets.size() != 2) refuse(path, entry, "has not two data_offsets");
  const std::uint64_t begin = entry.offsets[0];
  const std::uint64_t end = entry.offsets[1];
  if (begin > end || end > data_bytes)
    refuse(path, entry, fmt::format("stands at bytes {} to {} of {}", begin, end, data_bytes));
  for (const std::uint64_t size : entry.shape)
    if (size > (std::uint64_t{1} << 48)) refuse(path, entry, fmt::format("has the impossible size {}", size));
  const std::optional<std::uint64_t> wanted = bytes_of(entry, data_bytes);
  if (!wanted || *wanted != end - begin)
    refuse(path, entry, fmt::format("has {} bytes, which is not what its type and shape need", end - begin));
}

HeaderReader read_header(ByteSpan header, const std::string& path) {
  if (header.empty() || header.front() != '{') refuse(path, "its header does not begin with '{'");
  HeaderReader reader;
  const bool sound = json::sax_parse(header.begin(), header.end(), &reader);
  if (!sound) refuse(path, reader.fault);
  return reader;
}

}  // namespace

int safetensors_bits(const std::string& dtype) {
  for (const auto& [name, bits] : kTypes)
    if (dtype == name) return bits;
  return 0;
}

SafeFile parse_safetensors(ByteSpan file, const std::string& path) {
  if (file.size() < kLengthBytes) refuse(path, fmt::format("{} bytes are too few", file.size()));
  const std::uint64_t length = load_little_endian<std::uint64_t>(file.data());
  if (length > kMaxHeader)
    refuse(path, fmt::format("its header has {} bytes, at most {} are read", length, kMaxHeader));
  if (length > file.size() - kLengthBytes)
    refuse(path, fmt::format("truncated: a header of {} bytes in a file of {}", length, file.size()));
  const auto header_bytes = static_cast<std::size_t>(length);
  HeaderReader header = read_header(file.subspan(kLengthBytes, header_bytes), path);
  const ByteSpan data = file.subspan(kLengthBytes + header_bytes);
  for (const Entry& entry : header.entries) check_entry(entry, data.size(), path);
  std::stable_sort(header.entries.begin(), header.entries.end(),
                   [](const Entry& a, const Entry& b) { return a.offsets < b.offsets; });
  SafeFile contents;
  contents.metadata = std::move(header.metadata);
  std::uint64_t at = 0;
  for (const Entry& entry : header.entries) {
    if (entry.offsets[0] != at)
      refuse(path, entry, fmt::format("begins at byte {}, the array before it ends at {}", entry.offsets[0], at));
    const ByteSpan bytes = data.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(entry.offsets[1] - at));
    contents.arrays.push_back({entry.name, entry.dtype, Shape(entry.shape.begin(), entry.shape.end()), bytes});
    at = entry.offsets[1];
  }
  if (at != data.size()) refuse(path, fmt::format("its last array ends at byte {} of {}", at, data.size()));
  return contents;
}

Bytes safetensors_head(const SafeFile& contents) {
  json header = json::object();
  if (!contents.metadata.empty()) header[kMetadata] = contents.metadata;
  std::size_t at = 0;
  for (const SafeArray& array : contents.arrays) {
    header[array.name] = {
        {"dtype", array.dtype}, {"shape", array.shape}, {"data_offsets", {at, at + array.bytes.size()}}};
    at += array.bytes.size();
  }
  std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  Bytes head(kLengthBytes + text.size());
  store_little_endian<std::uint64_t>(text.size(), head.data());
  std::copy(text.begin(), text.end(), head.begin() + kLengthBytes);
  return head;
}

}  // namespace cleave
