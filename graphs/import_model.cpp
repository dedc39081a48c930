#include "graphs/import_model.h"

#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "graphs/model_text.h"
#include "graphs/source.h"

namespace cleave {

namespace {

[[noreturn]] void refuse_size(const std::string& path, const std::string& why) {
  throw UserError(fmt::format("{}: cannot be written as a model: {}", path, why), ExitCode::invalid_model);
}

// The weights in the model's order. Throws where a node is not what it was: then its text says something else.
Weights weights_by(const ModelText& text, OnnxNetwork& network, const Graph& model, const std::string& path) {
  if (text.nodes.size() + 1 != model.nodes.size()) refuse_size(path, "it has other layers when it is read again");
  Weights weights(model.nodes.size());
  for (std::size_t n = 1; n < model.nodes.size(); ++n) {
    const NodeId from = text.nodes[n - 1];
    const Node& node = network.graph.node(from);
    if (node.op != model.nodes[n].op || node.type != model.nodes[n].type || node.weights != model.nodes[n].weights)
      refuse_size(path, fmt::format("its layer {} is another one when it is read again", model.nodes[n].name));
    weights[n] = std::move(network.weights[index_of(from)]);
  }
  return weights;
}

}  // namespace

ImportedModel import_model(const OnnxGraph& source, const OnnxImportOptions& options, const std::string& path,
                           const std::string& name, const std::string& weights_file, const Language& language) {
  OnnxNetwork network = convert_onnx(source, options, path);
  const std::string description =
      fmt::format("imported from {}, opset {}", std::filesystem::path(path).filename().string(), source.opset);
  const ModelText text = model_text(network.graph, name, description, weights_file);
  if (text.text.size() > kMaxFileBytes)
    refuse_size(path, fmt::format("{} bytes of text, at most {} are read", text.text.size(), kMaxFileBytes));
  ImportedModel imported{text.text, {}, {}, std::move(network.notes)};
  try {
    imported.model = load_model_text(name + ".yaml", text.text, language);
  } catch (const ModelError& error) {
    refuse_size(path, error.what());
  }
  imported.weights = weights_by(text, network, imported.model.graph, path);
  return imported;
}

}  // namespace cleave
