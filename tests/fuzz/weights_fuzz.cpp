// Any bytes as a safetensors file for a graph with real, ±1 and {0, 1} layers.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "graphs/weights_file.h"
#include "tests/fuzz/fuzz.h"

namespace {

cleave::Node layer(const char* name, cleave::WeightType::Grid grid) {
  cleave::Node node;
  node.name = name;
  node.weight_type.grid = grid;
  node.weights = {{"weight", cleave::Role::kernel, {2, 3}}, {"bias", cleave::Role::bias, {2}}};
  return node;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cleave::Graph graph;
  graph.nodes = {layer("fc", cleave::WeightType::Grid::real), layer("sign", cleave::WeightType::Grid::sign),
                 layer("bit", cleave::WeightType::Grid::bit)};
  cleave::expect_only_promised_errors([&] { cleave::parse_weights({data, size}, "fuzz", graph); });
  return 0;
}
