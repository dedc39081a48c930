// A module's checkpoint as bytes, little endian:
//   "CLVMODUL" | u32 version | u32 layers | i64 next, counts (6), batches, accepted since refresh | f64 loss
//   | u32 length, name | by layer: u8 grid, u8 bits, u8 scale per filter, u8 zero, u32 arrays, by array: u64 count,
//   f32s | u32 scales, f64s | u32 draws, by draw: i64 step, layers as above | u64 momenta, f32s | u64 xxh64 of all
//   before
// The hash is checked first, so whatever comes after it was written by a program of ours; lengths are checked against
// the graph all the same before anything is made of them.
#include <fmt/format.h>

#include "engine/train/hashed_bytes.h"
#include "engine/train/module_trainer.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

constexpr std::string_view kMagic = "CLVMODUL";
constexpr std::uint32_t kVersion = 2;
constexpr const char* kWhat = "a module's checkpoint";
constexpr std::size_t kLongestName = 4096;

[[noreturn]] void refuse(const std::string& what) { throw RunError(fmt::format("{} {}", kWhat, what)); }

LayerWeights read_layer(ByteReader& reader, const Node& node) {
  LayerWeights layer;
  std::uint8_t type[4] = {};
  reader.get(type, 4);
  layer.type = {static_cast<WeightType::Grid>(type[0]), static_cast<int>(type[1]), type[2] != 0};
  const std::uint32_t arrays = reader.get<std::uint32_t>();
  if (layer.type != node.weight_type || arrays != node.weights.size())
    refuse(fmt::format("is of another model: layer '{}' has other weights", node.name));
  for (const WeightSlot& slot : node.weights) {
    if (reader.get<std::uint64_t>() != static_cast<std::uint64_t>(element_count(slot.shape)))
      refuse(fmt::format("is of another model: '{}' of layer '{}' has another size", slot.name, node.name));
    std::vector<float>& values = layer.arrays.emplace_back(static_cast<std::size_t>(element_count(slot.shape)));
    reader.get(values.data(), values.size());
  }
  return layer;
}

std::vector<LayerWeights> read_layers(ByteReader& reader, const Graph& graph, const std::vector<NodeId>& layers) {
  std::vector<LayerWeights> all;
  for (const NodeId node : layers) all.push_back(read_layer(reader, graph.node(node)));
  return all;
}

// Returns a count whose values are still to come, each of at least `bytes` bytes.
std::size_t read_count(ByteReader& reader, std::uint64_t count, std::size_t bytes) {
  if (count > reader.left.size() / bytes) refuse("is cut short");
  return static_cast<std::size_t>(count);
}

void put_layers(std::vector<std::byte>& bytes, const std::vector<LayerWeights>& layers) {
  for (const LayerWeights& layer : layers) {
    const std::uint8_t type[4] = {static_cast<std::uint8_t>(layer.type.grid),
                                  static_cast<std::uint8_t>(layer.type.bits),
                                  static_cast<std::uint8_t>(layer.type.scale_per_filter ? 1 : 0), 0};
    put(bytes, type, 4);
    put(bytes, static_cast<std::uint32_t>(layer.arrays.size()));
    for (const std::vector<float>& array : layer.arrays) {
      put(bytes, static_cast<std::uint64_t>(array.size()));
      put(bytes, array.data(), array.size());
    }
  }
}

void read_extras(ByteReader& reader, const Graph& graph, const std::vector<NodeId>& layers, ModuleCheckpoint& to) {
  to.scales.resize(read_count(reader, reader.get<std::uint32_t>(), sizeof(double)));
  reader.get(to.scales.data(), to.scales.size());
  to.draws.resize(read_count(reader, reader.get<std::uint32_t>(), sizeof(std::int64_t)));
  for (Draw& draw : to.draws) {
    draw.step = reader.get<std::int64_t>();
    draw.weights = read_layers(reader, graph, layers);
  }
  to.momentum.resize(read_count(reader, reader.get<std::uint64_t>(), sizeof(float)));
  reader.get(to.momentum.data(), to.momentum.size());
}

void put_extras(std::vector<std::byte>& bytes, const ModuleCheckpoint& checkpoint) {
  put(bytes, static_cast<std::uint32_t>(checkpoint.scales.size()));
  put(bytes, checkpoint.scales.data(), checkpoint.scales.size());
  put(bytes, static_cast<std::uint32_t>(checkpoint.draws.size()));
  for (const Draw& draw : checkpoint.draws) {
    put(bytes, draw.step);
    put_layers(bytes, draw.weights);
  }
  put(bytes, static_cast<std::uint64_t>(checkpoint.momentum.size()));
  put(bytes, checkpoint.momentum.data(), checkpoint.momentum.size());
}

void read_counts(ByteReader& reader, ModuleCheckpoint& to) {
  std::int64_t n[9] = {};
  reader.get(n, 9);
  for (const std::int64_t number : n)
    if (number < 0) refuse("holds a negative count");
  to.next = n[0];
  to.counts = {n[1], n[2], n[3], n[4], n[5], n[6]};
  to.batches = n[7];
  to.accepted_since_refresh = n[8];
  to.loss = reader.get<double>();
}

}  // namespace

std::vector<NodeId> layers_of(const Graph& graph, ModuleId module) {
  std::vector<NodeId> layers;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (graph.nodes[i].module == module && !graph.nodes[i].weights.empty()) layers.push_back(static_cast<NodeId>(i));
  return layers;
}

void restore_weights(const ModuleCheckpoint& checkpoint, const Graph& graph, ModuleId module, Weights& weights) {
  const std::vector<NodeId> layers = layers_of(graph, module);
  if (checkpoint.weights.size() != layers.size()) refuse("is of another model: it has another number of layers");
  for (std::size_t i = 0; i < layers.size(); ++i) weights[index_of(layers[i])] = checkpoint.weights[i];
}

std::vector<std::byte> to_bytes(const ModuleCheckpoint& checkpoint) {
  std::vector<std::byte> bytes = begin_hashed(kMagic, kVersion);
  put(bytes, static_cast<std::uint32_t>(checkpoint.weights.size()));
  const ChainCounts& c = checkpoint.counts;
  for (const std::int64_t number :
       {checkpoint.next, c.steps, c.body_steps, c.body_accepted, c.head_steps, c.head_accepted, c.not_finite,
        checkpoint.batches, checkpoint.accepted_since_refresh})
    put(bytes, number);
  put(bytes, checkpoint.loss);
  put_text(bytes, checkpoint.module);
  put_layers(bytes, checkpoint.weights);
  put_extras(bytes, checkpoint);
  end_hashed(bytes);
  return bytes;
}

ModuleCheckpoint parse_module_checkpoint(std::span<const std::byte> bytes, const Graph& graph, ModuleId module) {
  ByteReader reader = open_hashed(bytes, kMagic, kWhat);
  const std::uint32_t version = reader.get<std::uint32_t>();
  if (version != kVersion) throw RunError(other_version(kWhat, version, kVersion));
  const std::vector<NodeId> layers = layers_of(graph, module);
  const std::uint32_t count = reader.get<std::uint32_t>();
  ModuleCheckpoint checkpoint;
  read_counts(reader, checkpoint);
  checkpoint.module = reader.get_text(kLongestName);
  if (checkpoint.module != graph.module(module).name)
    refuse(fmt::format("is of module '{}', not of '{}'", printable(checkpoint.module), graph.module(module).name));
  if (count != layers.size()) refuse("is of another model: it has another number of layers");
  checkpoint.weights = read_layers(reader, graph, layers);
  read_extras(reader, graph, layers, checkpoint);
  if (!reader.left.empty()) refuse("has bytes behind its end");
  return checkpoint;
}

}  // namespace cleave
