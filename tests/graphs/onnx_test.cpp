// Reading and writing ONNX's bytes. What networks compute is compared in tests/onnx.
#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "graphs/export_onnx.h"
#include "graphs/import_model.h"
#include "graphs/import_onnx.h"
#include "graphs/onnx_from_graph.h"
#include "graphs/onnx_tensor.h"
#include "graphs/onnx_wire.h"
#include "tests/support/files.h"
#include "tests/support/models.h"

namespace cleave {
namespace {

OnnxGraph small_graph() {
  const Graph graph = layers_of("[{conv2d: {filters: 3, kernel: 3}}, relu, flatten, {dense: {units: 2}}]").graph;
  return onnx_from_graph(graph, initial_weights(graph, 1));
}

std::string parse_fault(ByteSpan bytes) {
  return error_of<UserError>([&] { parse_onnx(bytes, "f.onnx", ""); });
}

class OnnxFile : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_onnx()) GTEST_SKIP() << "this build has no ONNX";
  }
};

TEST_F(OnnxFile, IsReadAsItWasWritten) {
  for (const auto& path : all_model_files()) {
    const Graph graph = load_model(path.string(), cleave_language()).graph;
    if (graph.output == NodeId::none || weight_count(graph) > 1'000'000) continue;
    const OnnxGraph written = onnx_from_graph(graph, initial_weights(graph, 2));
    EXPECT_TRUE(parse_onnx(onnx_bytes(written), "f.onnx", "") == written) << path;
  }
}

TEST_F(OnnxFile, CutAnywhereIsRefusedOrHasLess) {
  const Bytes whole = onnx_bytes(small_graph());
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE(parse_fault(ByteSpan(whole).first(size)).find("f.onnx: "), std::string::npos) << size;
}

// One field of bytes.
Bytes field_of(std::size_t number, const Bytes& content) {
  const std::size_t size = content.size();
  return Bytes{static_cast<std::uint8_t>(8 * number + 2), static_cast<std::uint8_t>(size % 128 + 128),
               static_cast<std::uint8_t>(size / 128)} +
         content;
}

TEST_F(OnnxFile, NestedTooDeepIsRefused) {
  Bytes graph;  // graphs (6) of attributes (5) of nodes (1), 20 deep
  for (int depth = 0; depth < 20; ++depth) graph = field_of(1, field_of(5, field_of(6, graph)));
  EXPECT_NE(parse_fault(field_of(7, graph)).find("nest too deep"), std::string::npos);
}

TEST_F(OnnxFile, WithTooManyFieldsIsRefusedBeforeItIsParsed) {
  Bytes file;
  for (int i = 0; i < 1'000'001; ++i) file.insert(file.end(), {66, 0});  // opset imports without a word
  EXPECT_NE(parse_fault(file).find("more than 1000000 fields"), std::string::npos);
}

TEST(OnnxTensor, DecodesEveryTypeOfNumber) {
  const Bytes raw{0x00, 0x3C, 0x00, 0xC0};  // 1 and -2 as halves
  EXPECT_EQ(decode_tensor({"t", {2}, 10, raw}, "f").reals, (std::vector<float>{1, -2}));
  EXPECT_EQ(decode_tensor({"t", {1}, 16, Bytes{0x80, 0x3F}}, "f").reals, (std::vector<float>{1}));
  EXPECT_EQ(decode_tensor({"t", {2}, 5, raw}, "f").integers, (std::vector<std::int64_t>{0x3C00, -0x4000}));
  EXPECT_EQ(decode_tensor({"t", {}, 3, Bytes{0xFF}}, "f").integers, (std::vector<std::int64_t>{-1}));
  EXPECT_EQ(decode_tensor({"t", {4}, 8, raw}, "f").kind, OnnxTensor::Kind::other);  // strings
}

TEST(OnnxTensor, SizesMustAgreeWithTheBytes) {
  const auto fault = [](const Shape& shape) {
    return error_of<UserError>([&] { decode_tensor({"w", shape, 1, Bytes(8)}, "f"); });
  };
  EXPECT_EQ(fault({3}), "f: the tensor 'w' has 8 bytes, its sizes 3 need 12");
  EXPECT_EQ(fault({-2}), "f: the tensor 'w' has the size -2");
  EXPECT_EQ(fault({1 << 30, 1 << 30, 1 << 30}),
            "f: the tensor 'w' has sizes that overflow: 1073741824x1073741824x1073741824");
}

// One row of the conversion's own: what has no twin in ONNX is listed with all others.
TEST(OnnxFromGraph, ListsWhatOnnxHasNoOpFor) {
  Graph graph = layers_of("[relu, tanh]").graph;
  OpDef own = *graph.nodes[1].op;
  own.name = "mine";
  graph.nodes[1].op = &own;
  EXPECT_EQ(error_of<UserError>([&] { onnx_from_graph(graph, initial_weights(graph, 1)); }),
            "the model test cannot be written as ONNX:\n  'relu': ONNX has no mine");
}

TEST(ImportModel, GivesBackWhatWasExported) {
  const Graph graph = layers_of("[{conv2d: {filters: 3, kernel: 3}}, sign, flatten, {dense: {units: 2}}]").graph;
  const Weights weights = initial_weights(graph, 1);
  const ImportedModel model = import_model(onnx_from_graph(graph, weights), {}, "f.onnx", "m", "w", cleave_language());
  EXPECT_EQ(model.model.graph.nodes.size(), graph.nodes.size());
  EXPECT_EQ(model.weights, weights);
  EXPECT_TRUE(model.notes.empty());
}

}  // namespace
}  // namespace cleave
