// cleave export: a model with its weights, for other programs.
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "engine/cli/command.h"
#include "engine/cli/evaluation_weights.h"
#include "engine/cli/log.h"
#include "graphs/export_onnx.h"
#include "graphs/import_onnx.h"
#include "graphs/onnx_from_graph.h"
#include "graphs/weights_file.h"

namespace cleave {

namespace {

struct Options {
  std::string model, onnx, safetensors;
  WeightOptions weights;
};

void write_onnx(const Options& options, const Model& model, const Weights& weights, Log& log) {
  const OnnxGraph graph = onnx_from_graph(model.graph, weights);
  write_file_atomically(options.onnx, onnx_bytes(graph));
  if (model.graph.modules.size() > 1) log.note("the file holds the last module's answer; early exits are left out");
  const InputSpec& input = model.reading.spec.input;
  if (input.low || input.threshold || !input.mean.empty())
    log.note(
        "the file takes samples as the first layer reads them: what network.input does before is left to its user");
  log.info(fmt::format("wrote {}: {} nodes, opset {}, {} bytes", options.onnx, graph.nodes.size(), kWrittenOpset,
                       file_bytes(options.onnx)));
}

void write_safetensors(const Options& options, const Model& model, const Weights& weights, Log& log) {
  write_weights(
      options.safetensors, model.graph, weights,
      {{"model", model.reading.spec.name}, {"hash", weights_hash(model.graph, weights)}, {"cleave", CLEAVE_VERSION}});
  log.info(fmt::format("wrote {}: {} weights, {} bytes", options.safetensors, weight_count(model.graph),
                       file_bytes(options.safetensors)));
}

ExitCode export_command(const Options& options, const CommonOptions& common) {
  Log log(common);
  if (options.onnx.empty() && options.safetensors.empty())
    throw UserError("say what is written: --onnx FILE, --safetensors FILE or both");
  if (!options.onnx.empty() && !has_onnx()) onnx_bytes({});  // says that this build has none
  const Model model = load_model(options.model, common);
  if (!model.reading.spec.has_network) throw UserError(fmt::format("{}: has no network", options.model));
  const Weights weights = weights_for(model, options.weights, log);
  if (!options.onnx.empty()) write_onnx(options, model, weights, log);
  if (!options.safetensors.empty()) write_safetensors(options, model, weights, log);
  return ExitCode::done;
}

}  // namespace

std::function<ExitCode()> declare_export(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model, "model file")->required()->type_name("FILE");
  app.add_option("--weights", options->weights.weights, "safetensors file; else the model's, else random ones")
      ->type_name("FILE");
  app.add_option("--onnx", options->onnx, "file for the network as ONNX")->type_name("FILE");
  app.add_option("--safetensors", options->safetensors, "file for the weights alone")->type_name("FILE");
  return [options, &common] { return export_command(*options, common); };
}

}  // namespace cleave
