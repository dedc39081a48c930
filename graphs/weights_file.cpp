#include "graphs/weights_file.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graphs/int8_array.h"
#include "graphs/safetensors.h"
#include "graphs/sparse_array.h"
#include "ops/core/bytes.h"
#include "ops/core/catalog.h"
#include "ops/core/error.h"
#include "ops/core/half.h"
#include "ops/core/weight_grid.h"

namespace cleave {

namespace {

constexpr std::size_t kMostMismatches = 1000;      // shown
constexpr std::size_t kMostNamesToCompare = 1000;  // for suggestions

using Grid = WeightType::Grid;

// The kind of grid the values of one array lie on, and the grid.
Grid grid_of(const WeightType& type, const WeightSlot& slot) {
  return slot.role == Role::kernel ? type.grid : Grid::real;
}
WeightGrid levels_of(const WeightType& type, const WeightSlot& slot) {
  return slot.role == Role::kernel ? kernel_grid(type, slot.shape) : WeightGrid{};
}

bool is_packed(Grid grid) { return grid == Grid::sign || grid == Grid::bit; }

// The metadata's note on a packed array.
std::string packed_note(Grid grid, const Shape& shape) {
  return fmt::format("binary {} 1 [{}]", grid == Grid::sign ? -1 : 0, fmt::join(shape, ", "));
}

std::string array_name(const Node& node, const WeightSlot& slot) { return node.name + "." + slot.name; }

std::size_t size_of(const WeightSlot& slot) { return static_cast<std::size_t>(element_count(slot.shape)); }

// Values beyond a float's range become infinite and are refused as such.
float from_double(double value) {
  if (std::abs(value) <= std::numeric_limits<float>::max() || std::isnan(value)) return static_cast<float>(value);
  return std::copysign(std::numeric_limits<float>::infinity(), static_cast<float>(value < 0 ? -1 : 1));
}

// Fills `values` from bytes; a function a type, so that large files are read at the speed of memory.
using Decode = void (*)(const std::uint8_t* from, std::span<float> values);

template <class Stored, auto decode>
void decode_all(const std::uint8_t* from, std::span<float> values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = decode(load_little_endian<Stored>(from + i * sizeof(Stored)));
}

// Null: cleave does not read the type as weights.
Decode decoder_of(const std::string& dtype) {
  if (dtype == "F32") return decode_all<std::uint32_t, [](std::uint32_t bits) { return std::bit_cast<float>(bits); }>;
  if (dtype == "F64")
    return decode_all<std::uint64_t, [](std::uint64_t bits) { return from_double(std::bit_cast<double>(bits)); }>;
  if (dtype == "F16") return decode_all<std::uint16_t, [](std::uint16_t bits) { return half_to_float(bits); }>;
  if (dtype == "BF16")
    return decode_all<std::uint16_t,
                      [](std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }>;
  if (dtype == "I8")
    return decode_all<std::uint8_t,
                      [](std::uint8_t bits) { return static_cast<float>(static_cast<std::int8_t>(bits)); }>;
  if (dtype == "U8") return decode_all<std::uint8_t, [](std::uint8_t bits) { return static_cast<float>(bits); }>;
  if (dtype == "BOOL") return decode_all<std::uint8_t, [](std::uint8_t bits) { return bits == 0 ? 0.0F : 1.0F; }>;
  return nullptr;
}

// One reading: the file's arrays by name, and what does not fit.
struct Reading {
  const SafeFile& file;
  std::map<std::string, const SafeArray*> unused;
  std::vector<std::string> mismatches;
  const MappedFile* mapping = nullptr;  // whose bytes need not stay in memory once they are read

  void add(const char* kind, const std::string& name, const std::string& what) {
    mismatches.push_back(fmt::format("{}: {}{}", kind, printable(name), what));
  }
};

std::vector<float> unpacked(Reading& reading, const SafeArray& array, Grid grid, std::size_t count) {
  const ByteSpan bytes = array.bytes;
  if (array.dtype != "U8" || bytes.size() != (count + 7) / 8) {
    reading.add("shape", array.name,
                fmt::format(": {} packed weights need U8 {}, the file has {} {}", count, (count + 7) / 8, array.dtype,
                            to_text(array.shape)));
    return {};
  }
  if (count % 8 != 0 && (bytes.back() >> (count % 8)) != 0)
    reading.add("value", array.name, ": bits behind the last packed weight are set");
  std::vector<float> values(count);
  const float low = grid == Grid::sign ? -1 : 0;
  for (std::size_t i = 0; i < count; ++i) values[i] = ((bytes[i / 8] >> (i % 8)) & 1) != 0 ? 1 : low;
  return values;
}

// Returns what is wrong with the first wrong value, or "".
std::string wrong_value(const std::vector<float>& values, const WeightGrid& grid) {
  constexpr std::uint32_t kExponent = 0x7f800000;  // all its bits are set where a value is not finite
  std::uint32_t bad = 0;
  for (const float value : values) bad |= (std::bit_cast<std::uint32_t>(value) & kExponent) == kExponent ? 1U : 0U;
  if (bad == 0 && grid.is_real()) return "";
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) return fmt::format(": value {} is {}, must be finite", i, values[i]);
    if (!grid.holds(values[i])) return fmt::format(": value {} is {}, must be {}", i, values[i], to_text(grid));
  }
  return "";
}

std::vector<float> plain_values(Reading& reading, const SafeArray& array, const WeightSlot& slot,
                                const WeightGrid& grid) {
  if (array.shape != slot.shape) {
    reading.add("shape", array.name, fmt::format(": file {}, model {}", to_text(array.shape), to_text(slot.shape)));
    return {};
  }
  const Decode decode = decoder_of(array.dtype);
  if (decode == nullptr) {
    reading.add("type", array.name,
                fmt::format(": file {}, weights are F32, F64, F16, BF16, I8, U8 or BOOL", array.dtype));
    return {};
  }
  std::vector<float> values(size_of(slot));
  const std::size_t item = static_cast<std::size_t>(safetensors_bits(array.dtype)) / 8;
  constexpr std::size_t kPiece = std::size_t{1} << 18;
  for (std::size_t done = 0; done < values.size(); done += kPiece) {
    const std::size_t end = std::min(values.size(), done + kPiece);
    decode(array.bytes.data() + done * item, std::span(values).subspan(done, end - done));
    if (reading.mapping != nullptr) reading.mapping->forget(array.bytes.subspan(done * item, (end - done) * item));
  }
  const std::string wrong = wrong_value(values, grid);
  if (!wrong.empty()) reading.add("value", array.name, wrong);
  return values;
}

// Takes an array out of those that nothing has asked for; null when the file has none of the name.
const SafeArray* take(Reading& reading, const std::string& name) {
  const auto found = reading.unused.find(name);
  if (found == reading.unused.end()) return nullptr;
  const SafeArray* array = found->second;
  reading.unused.erase(found);
  return array;
}

// The array `name` from its values and their places.
std::vector<float> sparse_values(Reading& reading, const std::string& name, const std::string& note,
                                 const WeightSlot& slot, const WeightType& type) {
  const bool bitmap = note == sparse_note(SparsePlaces::bitmap, slot.shape);
  if (!bitmap && note != sparse_note(SparsePlaces::indices, slot.shape)) {
    reading.add("shape", name, fmt::format(": file {}, model {}", printable(note), to_text(slot.shape)));
    return {};
  }
  const SafeArray* places = take(reading, name + (bitmap ? ".bitmap" : ".indices"));
  const SafeArray* values = take(reading, name + ".values");
  if (places == nullptr || values == nullptr || places->dtype != (bitmap ? "U8" : "U32") || values->shape.size() != 1) {
    reading.add(
        "type", name,
        fmt::format(": '{}' needs F32 values and {} beside them", note, bitmap ? "a U8 bitmap" : "U32 indices"));
    return {};
  }
  const std::vector<float> kept = plain_values(reading, *values, {"values", slot.role, values->shape}, WeightGrid{});
  std::vector<float> all(size_of(slot));
  if (static_cast<std::int64_t>(kept.size()) != values->shape.front()) return {};  // its type was no float: told
  std::string wrong = expand_sparse(bitmap ? SparsePlaces::bitmap : SparsePlaces::indices, places->bytes, kept, all);
  if (!wrong.empty()) wrong.insert(0, ": ");
  else wrong = wrong_value(all, levels_of(type, slot));
  if (!wrong.empty()) reading.add("value", name, wrong);
  return all;
}

// The array `name` from bytes and a scale per filter.
std::vector<float> int8_values(Reading& reading, const std::string& name, const std::string& note,
                               const WeightSlot& slot, const WeightType& type) {
  if (note != int8_note(slot.shape)) {
    reading.add("shape", name, fmt::format(": file {}, model {}", printable(note), to_text(slot.shape)));
    return {};
  }
  const SafeArray* bytes = take(reading, name);
  const SafeArray* scales = take(reading, name + ".scales");
  const Shape filters{slot.shape.front()};
  if (bytes == nullptr || scales == nullptr || bytes->dtype != "I8" || scales->shape != filters) {
    reading.add(
        "type", name,
        fmt::format(": '{}' needs I8 {} and {} F32 scales beside it", note, to_text(slot.shape), filters.front()));
    return {};
  }
  std::vector<float> values = plain_values(reading, *bytes, slot, WeightGrid{});
  const std::vector<float> factors = plain_values(reading, *scales, {"scales", slot.role, filters}, WeightGrid{});
  if (values.empty() || factors.empty()) return {};  // told
  expand_int8(factors, values);
  const std::string wrong = wrong_value(values, levels_of(type, slot));
  if (!wrong.empty()) reading.add("value", name, wrong);
  return values;
}

std::vector<float> read_array(Reading& reading, const SafeArray& array, const WeightSlot& slot,
                              const WeightType& type) {
  const Grid grid = grid_of(type, slot);
  const auto note = reading.file.metadata.find(array.name);
  const bool packed = note != reading.file.metadata.end() && note->second.starts_with("binary ");
  if (!packed) return plain_values(reading, array, slot, levels_of(type, slot));
  const std::string wanted = is_packed(grid) ? packed_note(grid, slot.shape) : "real " + to_text(slot.shape);
  if (note->second == wanted) return unpacked(reading, array, grid, size_of(slot));
  reading.add("type", array.name, fmt::format(": file {}, model {}", printable(note->second), wanted));
  return {};
}

std::string suggestion(const std::string& name, const Reading& reading) {
  if (reading.unused.size() > kMostNamesToCompare) return "";
  std::vector<std::string> candidates;
  for (const auto& [candidate, array] : reading.unused) candidates.push_back(candidate);
  const std::string closest = closest_name(name, candidates);
  return closest.empty() ? "" : fmt::format("; the file has '{}'", printable(closest));
}

void report(const Reading& reading, const std::string& path, const Graph& graph) {
  const std::vector<std::string>& all = reading.mismatches;
  if (all.empty()) return;
  const std::size_t shown = std::min(all.size(), kMostMismatches);
  std::string text = fmt::format("{}: does not fit the model {}: {} mismatch{}", path, graph.name, all.size(),
                                 all.size() == 1 ? "" : "es");
  for (std::size_t i = 0; i < shown; ++i) text += "\n  " + all[i];
  if (shown < all.size()) text += fmt::format("\n  … and {} more", all.size() - shown);
  throw UserError(text, ExitCode::invalid_model);
}

// Packs the kernel, or writes floats.
Bytes array_bytes(const std::vector<float>& values, bool packed) {
  Bytes bytes(packed ? (values.size() + 7) / 8 : 4 * values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!packed) store_little_endian(std::bit_cast<std::uint32_t>(values[i]), bytes.data() + 4 * i);
    else if (values[i] == 1) bytes[i / 8] = static_cast<std::uint8_t>(bytes[i / 8] | (1U << (i % 8)));
  }
  return bytes;
}

Weights parse(ByteSpan file, const MappedFile* mapping, const std::string& path, const Graph& graph) {
  const SafeFile contents = parse_safetensors(file, path);
  Reading reading{contents, {}, {}, mapping};
  for (const SafeArray& array : contents.arrays) reading.unused.emplace(array.name, &array);
  Weights weights(graph.nodes.size());
  std::vector<std::pair<std::string, std::string>> missing;  // name, shape
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    weights[n].type = node.weight_type;
    for (const WeightSlot& slot : node.weights) {
      const std::string name = array_name(node, slot);
      const auto note = contents.metadata.find(name);
      if (note != contents.metadata.end() && note->second.starts_with("sparse ")) {
        weights[n].arrays.push_back(sparse_values(reading, name, note->second, slot, node.weight_type));
        continue;
      }
      if (note != contents.metadata.end() && note->second.starts_with("int8 ")) {
        weights[n].arrays.push_back(int8_values(reading, name, note->second, slot, node.weight_type));
        continue;
      }
      const SafeArray* array = take(reading, name);
      if (array == nullptr) missing.emplace_back(name, to_text(slot.shape));
      else weights[n].arrays.push_back(read_array(reading, *array, slot, node.weight_type));
    }
  }
  for (const auto& [name, shape] : missing)
    reading.add("missing", name, fmt::format(" ({}){}", shape, suggestion(name, reading)));
  for (const auto& [name, array] : reading.unused)
    reading.add("unexpected", name, fmt::format(" ({})", to_text(array->shape)));
  report(reading, path, graph);
  return weights;
}

// A file to be written: its arrays, and the bytes behind them.
struct Pieces {
  SafeFile contents;
  std::vector<Bytes> storage;
  Bytes head;

  std::vector<ByteSpan> spans() const {
    std::vector<ByteSpan> all = {head};
    for (const SafeArray& array : contents.arrays) all.push_back(array.bytes);
    return all;
  }

  void add(const std::string& name, const char* dtype, Shape shape, Bytes bytes) {
    storage.push_back(std::move(bytes));  // its bytes stay where they are when the vector grows
    contents.arrays.push_back({name, dtype, std::move(shape), storage.back()});
  }
};

// An array that pays is stored sparse where its grid is not packed.
void add_array(Pieces& pieces, const std::string& name, const WeightSlot& slot, Grid grid,
               const std::vector<float>& values) {
  const bool packed = is_packed(grid);
  std::optional<SparseArray> sparse;
  if (slot.role == Role::kernel && !packed) sparse = to_sparse(values);
  if (!sparse) {
    Bytes bytes = array_bytes(values, packed);
    const auto size = static_cast<std::int64_t>(bytes.size());
    pieces.add(name, packed ? "U8" : "F32", packed ? Shape{size} : slot.shape, std::move(bytes));
    if (packed) pieces.contents.metadata[name] = packed_note(grid, slot.shape);
    return;
  }
  const auto on = static_cast<std::int64_t>(sparse->values.size());
  const bool bitmap = sparse->places == SparsePlaces::bitmap;
  pieces.contents.metadata[name] = sparse_note(sparse->places, slot.shape);
  pieces.add(name + ".values", "F32", {on}, array_bytes(sparse->values, false));
  const std::int64_t places = bitmap ? static_cast<std::int64_t>(sparse->place_bytes.size()) : on;
  pieces.add(name + (bitmap ? ".bitmap" : ".indices"), bitmap ? "U8" : "U32", {places}, std::move(sparse->place_bytes));
}

// Stores the kernel of an int8 layer as bytes; false where its weights are not multiples of a scale per filter.
bool add_int8(Pieces& pieces, const std::string& name, const Shape& shape, const std::vector<float>& values) {
  std::optional<Int8Array> array = to_int8(values, shape.front());
  if (!array) return false;
  pieces.contents.metadata[name] = int8_note(shape);
  pieces.add(name + ".scales", "F32", {shape.front()}, array_bytes(array->scales, false));
  pieces.add(name, "I8", shape, std::move(array->bytes));
  return true;
}

Pieces file_pieces(const Graph& graph, const Weights& weights, const std::map<std::string, std::string>& metadata,
                   const std::string& path) {
  Pieces pieces;
  pieces.contents.metadata = metadata;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n)
    for (std::size_t a = 0; a < graph.nodes[n].weights.size(); ++a) {
      const WeightSlot& slot = graph.nodes[n].weights[a];
      const Grid grid = grid_of(graph.nodes[n].weight_type, slot);
      const std::vector<float>& values = weights[n].arrays[a];
      assert(values.size() == size_of(slot));
      const std::string name = array_name(graph.nodes[n], slot);
      const std::string wrong = wrong_value(values, levels_of(graph.nodes[n].weight_type, slot));
      if (!wrong.empty()) throw RunError(fmt::format("{}: cannot write {}{}", path, name, wrong));
      if (is_int8_array(graph.nodes[n], slot) && add_int8(pieces, name, slot.shape, values)) continue;
      add_array(pieces, name, slot, grid, values);
    }
  // Numbers of 4 bytes first: so they stay aligned, as some readers want them.
  std::stable_partition(pieces.contents.arrays.begin(), pieces.contents.arrays.end(),
                        [](const SafeArray& array) { return safetensors_bits(array.dtype) > 8; });
  pieces.head = safetensors_head(pieces.contents);
  return pieces;
}

}  // namespace

Weights read_weights(const std::string& path, const Graph& graph) {
  const MappedFile file(path);
  return parse(file.bytes(), &file, path, graph);
}

Weights parse_weights(ByteSpan file, const std::string& path, const Graph& graph) {
  return parse(file, nullptr, path, graph);
}

void write_weights(const std::string& path, const Graph& graph, const Weights& weights,
                   const std::map<std::string, std::string>& metadata) {
  const Pieces pieces = file_pieces(graph, weights, metadata, path);
  write_file_atomically(path, pieces.spans());
}

Bytes weights_to_bytes(const Graph& graph, const Weights& weights, const std::map<std::string, std::string>& metadata,
                       const std::string& path) {
  const Pieces pieces = file_pieces(graph, weights, metadata, path);
  Bytes file;
  for (const ByteSpan piece : pieces.spans()) file.insert(file.end(), piece.begin(), piece.end());
  return file;
}

}  // namespace cleave
