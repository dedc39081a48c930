#include "graphs/weights_file.h"

#include <bit>
#include <limits>

#include <gtest/gtest.h>

#include "graphs/safetensors.h"
#include "ops/core/bytes.h"
#include "ops/core/error.h"
#include "tests/support/files.h"

namespace cleave {
namespace {

using Grid = WeightType::Grid;

Node layer(const std::string& name, const WeightType& type, std::vector<WeightSlot> slots) {
  Node node;
  node.name = name;
  node.weight_type = type;
  node.weights = std::move(slots);
  return node;
}

// An input, a real convolution, batch norm, and binary dense layers on both grids.
Graph small_graph() {
  Graph graph;
  graph.name = "small";
  graph.nodes = {
      layer("input", {}, {}),
      layer("stem", {}, {{"weight", Role::kernel, {4, 3, 3, 3}}, {"bias", Role::bias, {4}}}),
      layer("bn1", {}, {{"weight", Role::scale, {4}}, {"running_mean", Role::statistic, {4}}}),
      layer("sign", {Grid::sign, 1}, {{"weight", Role::kernel, {5, 13}}, {"scale", Role::scale, {5}}}),
      layer("bit", {Grid::bit, 1}, {{"weight", Role::kernel, {8, 4}}}),
  };
  return graph;
}

// Only "fc.weight", 2x3.
Graph one_layer(const WeightType& type = {}) {
  Graph graph;
  graph.name = "one";
  graph.nodes = {layer("fc", type, {{"weight", Role::kernel, {2, 3}}})};
  return graph;
}

// A file with this header, as any program may write it.
Bytes file_of(const std::string& header, const Bytes& data) {
  Bytes head(8);
  store_little_endian(std::uint64_t{header.size()}, head.data());
  return head + to_bytes(header) + data;
}

Bytes floats(const std::vector<float>& values) {
  Bytes bytes(4 * values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    store_little_endian(std::bit_cast<std::uint32_t>(values[i]), bytes.data() + 4 * i);
  return bytes;
}

std::string entry(const std::string& dtype, const std::string& shape, std::size_t bytes) {
  return R"({"fc.weight":{"dtype":")" + dtype + R"(","shape":[)" + shape + R"(],"data_offsets":[0,)" +
         std::to_string(bytes) + "]}}";
}

std::vector<float> parsed(const Bytes& file, const WeightType& type = {}) {
  return parse_weights(file, "f", one_layer(type)).front().arrays.front();
}

std::string misfit(const Bytes& file, const Graph& graph) {
  return error_of<UserError>([&] { parse_weights(file, "f", graph); });
}

TEST(WeightsFile, RoundTripKeepsEveryBit) {
  const TestFolder folder;
  const Graph graph = small_graph();
  Weights weights = initial_weights(graph, 5);
  weights[1].arrays[1] = {-0.0F, 1e-45F, std::numeric_limits<float>::max(), 1.0F / 3};
  write_weights(folder.path("w"), graph, weights, {{"model", "small"}});
  const Weights back = read_weights(folder.path("w"), graph);
  EXPECT_EQ(back, weights);
  EXPECT_EQ(weights_hash(graph, back), weights_hash(graph, weights));
}

TEST(WeightsFile, LargeArraysKeepEveryBit) {
  const TestFolder folder;
  Graph graph;
  graph.nodes = {layer("fc", {}, {{"weight", Role::kernel, {3, 200'001}}})};
  Weights weights(1);
  weights[0].arrays.emplace_back(600'003);
  for (std::size_t i = 0; i < 600'003; ++i) weights[0].arrays[0][i] = static_cast<float>(i);
  write_weights(folder.path("large"), graph, weights, {});
  EXPECT_EQ(read_weights(folder.path("large"), graph), weights);
}

TEST(WeightsFile, BinaryKernelsTakeOneBitAWeight) {
  const TestFolder folder;
  const Graph graph = small_graph();
  write_weights(folder.path("w"), graph, initial_weights(graph, 5), {{"model", "small"}});
  const Bytes bytes = read_file(folder.path("w"), 1 << 20);
  const SafeFile file = parse_safetensors(bytes, "w");
  std::map<std::string, std::size_t> sizes;
  for (const SafeArray& array : file.arrays) sizes[array.name] = array.bytes.size();
  EXPECT_EQ(sizes.at("sign.weight"), 9U);  // 65 bits
  EXPECT_EQ(sizes.at("bit.weight"), 4U);   // 32 bits
  EXPECT_EQ(sizes.at("stem.weight"), 4U * 108);
  EXPECT_EQ(file.metadata.at("sign.weight"), "binary -1 1 [5, 13]");
  EXPECT_EQ(file.metadata.at("bit.weight"), "binary 0 1 [8, 4]");
  EXPECT_EQ(file.metadata.at("model"), "small");
}

TEST(WeightsFile, SameWeightsGiveTheSameFile) {
  const TestFolder folder;
  const Graph graph = small_graph();
  for (const char* name : {"a", "b"}) write_weights(folder.path(name), graph, initial_weights(graph, 5), {});
  EXPECT_EQ(read_file(folder.path("a"), 1 << 20), read_file(folder.path("b"), 1 << 20));
}

TEST(WeightsFile, UnpackedBinaryKernelsAreRead) {
  const std::vector<float> values = {1, -1, -1, 1, 1, -1};
  EXPECT_EQ(parsed(file_of(entry("F32", "2,3", 24), floats(values)), {Grid::sign, 1}), values);
  EXPECT_EQ(parsed(file_of(entry("I8", "2,3", 6), {1, 255, 255, 1, 1, 255}), {Grid::sign, 1}), values);
  EXPECT_EQ(parsed(file_of(entry("BOOL", "2,3", 6), {1, 0, 0, 1, 1, 0}), {Grid::bit, 1}),
            (std::vector<float>{1, 0, 0, 1, 1, 0}));
}

// Bit patterns of IEEE 754 binary16 and bfloat16: 1, -2, smallest subnormal half 2^-24, largest half 65504.
TEST(WeightsFile, HalfTypesAreRead) {
  const Bytes halves = {0x00, 0x3C, 0x00, 0xC0, 0x01, 0x00, 0xFF, 0x7B, 0x00, 0x00, 0x00, 0x80};
  EXPECT_EQ(parsed(file_of(entry("F16", "2,3", 12), halves)), (std::vector<float>{1, -2, 0x1p-24F, 65504, 0, -0.0F}));
  const Bytes bfloats = {0x80, 0x3F, 0x00, 0xC0, 0x00, 0x00, 0x40, 0x40, 0x00, 0x80, 0x00, 0x3F};
  EXPECT_EQ(parsed(file_of(entry("BF16", "2,3", 12), bfloats)), (std::vector<float>{1, -2, 0, 3, -0.0F, 0.5F}));
}

TEST(WeightsFile, PythonsHeaderWithSpacesAndAnyOrderIsRead) {
  const std::string header =
      "{\"fc.weight\": {\"data_offsets\": [0, 24], \"shape\": [2, 3], \"dtype\": \"F32\"}, "
      "\"__metadata__\": {\"format\": \"pt\"}}      ";
  EXPECT_EQ(parsed(file_of(header, floats({1, 2, 3, 4, 5, 6}))), (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

// small_graph with a mistake of each kind.
Graph misfitting_graph() {
  Graph graph = small_graph();
  graph.nodes[1].weights[0].shape = {8, 3, 3, 3};
  graph.nodes[1].weights[1].name = "bais";
  graph.nodes[3].weight_type.grid = Grid::bit;
  graph.nodes[4].weight_type = {};
  return graph;
}

TEST(WeightsFile, AllMismatchesAreListedAtOnce) {
  const TestFolder folder;
  const std::string path = folder.path("w");
  write_weights(path, small_graph(), initial_weights(small_graph(), 5), {});
  EXPECT_EQ(error_of<UserError>([&] { read_weights(path, misfitting_graph()); }),
            path +
                ": does not fit the model small: 5 mismatches\n"
                "  shape: stem.weight: file 4x3x3x3, model 8x3x3x3\n"
                "  type: sign.weight: file binary -1 1 [5, 13], model binary 0 1 [5, 13]\n"
                "  type: bit.weight: file binary 0 1 [8, 4], model real 8x4\n"
                "  missing: stem.bais (4); the file has 'stem.bias'\n"
                "  unexpected: stem.bias (4)");
}

TEST(WeightsFile, ForeignTypesSayWhatIsRead) {
  EXPECT_EQ(misfit(file_of(entry("I64", "2,3", 48), Bytes(48)), one_layer()),
            "f: does not fit the model one: 1 mismatch\n"
            "  type: fc.weight: file I64, weights are F32, F64, F16, BF16, I8, U8 or BOOL");
}

TEST(WeightsFile, NonFiniteValuesNameArrayAndIndex) {
  const float infinite = std::numeric_limits<float>::infinity();
  EXPECT_EQ(misfit(file_of(entry("F32", "2,3", 24), floats({1, 2, 3, infinite, 5, 6})), one_layer()),
            "f: does not fit the model one: 1 mismatch\n  value: fc.weight: value 3 is inf, must be finite");
  const Bytes huge = {0, 0, 0, 0, 0, 0, 0xF0, 0x47};  // 2^128 as a double
  EXPECT_NE(misfit(file_of(entry("F64", "2,3", 48), huge + Bytes(40)), one_layer()).find("value 0 is inf"),
            std::string::npos);
}

TEST(WeightsFile, ValuesOffTheGridAreListed) {
  EXPECT_EQ(misfit(file_of(entry("F32", "2,3", 24), floats({1, -1, 0.5F, 1, 1, 1})), one_layer({Grid::sign, 1})),
            "f: does not fit the model one: 1 mismatch\n  value: fc.weight: value 2 is 0.5, must be -1 or 1");
}

TEST(WeightsFile, QuantizedValuesMustBeLevels) {
  const WeightType type{Grid::quantized, 2};  // -4·sqrt(2/3), a third of it …
  const std::vector<float> levels = {-3.2659864F, -1.0886621F, 1.0886621F, 3.2659864F, 1.0886621F, -1.0886621F};
  EXPECT_EQ(parsed(file_of(entry("F32", "2,3", 24), floats(levels)), type), levels);
  EXPECT_NE(misfit(file_of(entry("F32", "2,3", 24), floats({1, 1, 1, 1, 1, 1})), one_layer(type))
                .find("value 0 is 1, must be one of 4 values from -3.266 to 3.266 in steps of 2.2"),
            std::string::npos);
}

TEST(WeightsFile, BrokenPackingIsListed) {
  const std::string note = R"({"__metadata__":{"fc.weight":"binary -1 1 [2, 3]"},)";
  const WeightType type{Grid::sign, 1};
  const auto packed = [&](const Bytes& data, std::size_t bytes) {
    return file_of(note + entry("U8", std::to_string(bytes), bytes).substr(1), data);
  };
  EXPECT_EQ(parsed(packed({0b100110}, 1), type), (std::vector<float>{-1, 1, 1, -1, -1, 1}));
  EXPECT_NE(misfit(packed({0b1100110}, 1), one_layer(type)).find("bits behind the last packed weight are set"),
            std::string::npos);
  EXPECT_NE(misfit(packed({0, 0}, 2), one_layer(type)).find("6 packed weights need U8 1, the file has U8 2"),
            std::string::npos);
}

TEST(WriteWeights, FailuresKeepTheOldFile) {
  const TestFolder folder;
  const Graph graph = one_layer();
  const std::string path = folder.write("w", to_bytes("old"));
  Weights weights = initial_weights(graph, 1);
  weights[0].arrays[0][4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(error_of<RunError>([&] { write_weights(path, graph, weights, {}); }),
            path + ": cannot write fc.weight: value 4 is nan, must be finite");
  EXPECT_EQ(read_file(path, 10), to_bytes("old"));
}

TEST(WriteWeights, MissingFoldersAreNamed) {
  const TestFolder folder;
  const std::string path = folder.path("no/w");
  EXPECT_EQ(error_of<RunError>([&] { write_weights(path, one_layer(), initial_weights(one_layer(), 1), {}); }),
            path + ": cannot write: No such file or directory");
}

TEST(WriteWeights, DevicesAreNotReplaced) {
  EXPECT_EQ(error_of<RunError>([] { write_weights("/dev/full", one_layer(), initial_weights(one_layer(), 1), {}); }),
            "/dev/full: cannot write: is not a regular file");
}

TEST(WeightsToBytes, AreThoseOfTheFile) {
  const Graph graph = small_graph();
  const Weights weights = initial_weights(graph, 1);
  const TestFolder folder;
  write_weights(folder.path("w"), graph, weights, {{"epoch", "3"}});
  const Bytes bytes = weights_to_bytes(graph, weights, {{"epoch", "3"}}, "memory");
  EXPECT_EQ(bytes, read_file(folder.path("w"), 1 << 20));
  EXPECT_EQ(parse_weights(bytes, "memory", graph), weights);
}

}  // namespace
}  // namespace cleave
