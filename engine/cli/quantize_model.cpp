// A model file with int8 layers, from one without.
#include <filesystem>

#include "engine/cli/quantization.h"
#include "graphs/doc_text.h"
#include "graphs/int8_array.h"
#include "ops/defs/int8_layer.h"

namespace cleave {

namespace {

namespace fs = std::filesystem;

DocNode text_node(const std::string& text) {
  DocNode node;
  node.type = DocNode::Type::scalar;
  node.scalar = text;
  return node;
}

void set_entry(DocNode& map, const std::string& key, DocNode value) {
  if (DocNode* found = map.find(key)) *found = std::move(value);
  else map.entries.push_back({key, {}, std::move(value)});
}

// Every layer of the document that stands where one of `layers` stands gets its scale.
void set_scales(DocNode& node, const std::vector<QuantizedLayer>& layers) {
  for (DocNode& item : node.items) set_scales(item, layers);
  for (DocEntry& entry : node.entries) {
    for (const QuantizedLayer& layer : layers) {
      const SourcePos& pos = entry.key_pos;
      const bool here = pos.file == layer.pos.file && pos.line == layer.pos.line && pos.col == layer.pos.col;
      if (here && entry.value.is_map()) set_entry(entry.value, kInputScaleField.name, text_node(layer.input_scale));
    }
    set_scales(entry.value, layers);
  }
}

// Names a file as seen from another folder.
void rebase(DocNode* node, const ModelSpec& spec, const fs::path& folder) {
  if (node == nullptr || !node->is_scalar() || fs::path(node->scalar).is_absolute()) return;
  node->scalar = fs::absolute(beside_model(spec, node->scalar)).lexically_relative(folder).string();
}

DocNode* at(DocNode& doc, std::initializer_list<const char*> path) {
  DocNode* node = &doc;
  for (const char* key : path) node = node == nullptr ? nullptr : node->find(key);
  return node;
}

void name_weights(DocNode& network, const std::string& file) {
  DocNode* weights = network.find("weights");
  const bool real = weights == nullptr || (weights->is_scalar() && weights->scalar == "real");
  if (!real && !weights->is_map()) return;
  DocNode map = real ? DocNode{} : *weights;
  map.type = DocNode::Type::map;
  set_entry(map, "load", text_node(file));
  set_entry(network, "weights", std::move(map));
}

}  // namespace

std::string quantized_yaml(const Model& model, const std::vector<QuantizedLayer>& layers, const std::string& output,
                           const std::string& weights_file) {
  const ModelSpec& spec = model.reading.spec;
  DocNode doc = model.reading.doc;
  const fs::path folder = fs::absolute(output).parent_path();
  rebase(at(doc, {"data", "train", "path"}), spec, folder);
  rebase(at(doc, {"data", "test", "path"}), spec, folder);
  rebase(at(doc, {"placement", "costs", "from"}), spec, folder);
  set_scales(doc, layers);
  name_weights(*doc.find("network"), fs::path(weights_file).filename().string());
  return doc_to_yaml(doc, false);
}

void round_weights(const Graph& graph, Weights& weights) {
  for (std::size_t n = 0; n < graph.nodes.size(); ++n)
    for (std::size_t a = 0; a < graph.nodes[n].weights.size(); ++a) {
      const WeightSlot& slot = graph.nodes[n].weights[a];
      if (is_int8_array(graph.nodes[n], slot)) round_to_int8(weights[n].arrays[a], slot.shape.front());
    }
}

}  // namespace cleave
