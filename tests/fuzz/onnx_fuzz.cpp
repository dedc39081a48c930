// Any bytes as an ONNX file: a model with its weights or an error, and what was taken can be written and taken again.
#include <cstddef>
#include <cstdint>

#include "engine/cli/command.h"
#include "graphs/export_onnx.h"
#include "graphs/import_model.h"
#include "graphs/import_onnx.h"
#include "graphs/onnx_from_graph.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const cleave::Language language = cleave::cleave_language();
  cleave::expect_only_promised_errors([&] {
    const cleave::OnnxGraph graph = cleave::parse_onnx({data, size}, "fuzz.onnx", "");
    const cleave::ImportedModel model =
        cleave::import_model(graph, {}, "fuzz.onnx", "fuzz", "fuzz.safetensors", language);
    cleave::onnx_bytes(cleave::onnx_from_graph(model.model.graph, model.weights));
  });
  return 0;
}
