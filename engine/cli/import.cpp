// cleave import: a network from an ONNX file, as a model and its weights.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "engine/cli/command.h"
#include "engine/cli/log.h"
#include "graphs/import_model.h"
#include "graphs/import_onnx.h"
#include "graphs/model_text.h"
#include "graphs/weights_file.h"

namespace cleave {

namespace {

namespace fs = std::filesystem;

struct Options {
  std::string file, name, output;
  std::vector<std::string> shapes;
  bool force = false;
};

// "input=1,3,224,224"
void add_shape(std::map<std::string, Shape>& shapes, const std::string& text) {
  const std::size_t equals = text.rfind('=');
  Shape shape;
  const char* at = text.data() + (equals == std::string::npos ? text.size() : equals + 1);
  const char* const end = text.data() + text.size();
  while (at < end) {
    std::int64_t& size = shape.emplace_back(0);
    const auto [last, error] = std::from_chars(at, end, size);
    const bool more = last != end && *last == ',' && last + 1 != end;
    if (error != std::errc() || size < 1 || (last != end && !more)) shape.clear(), at = end;
    else at = more ? last + 1 : end;
  }
  if (shape.empty() || equals == 0)
    throw UserError(fmt::format("--shape {}: write the input's name and its sizes, as in input=1,3,224,224", text));
  shapes[text.substr(0, equals)] = shape;
}

// Where the model goes: -o names a folder or a .yaml file.
fs::path model_path(const Options& options, const CommonOptions& common) {
  const fs::path out = common.out_dir;
  if (out.extension() == ".yaml" || out.extension() == ".yml") return out;
  const std::string name =
      model_name(options.name.empty() ? fs::path(options.file).stem().string() : options.name, "imported");
  return out / (name + ".yaml");
}

void refuse_overwriting(const fs::path& path, bool force) {
  std::error_code unknown;
  if (!force && fs::exists(path, unknown))
    throw UserError(fmt::format("{} is there already; --force replaces it", path.string()));
}

ExitCode import_command(const Options& options, const CommonOptions& common) {
  Log log(common);
  OnnxImportOptions how;
  how.output = options.output;
  for (const std::string& shape : options.shapes) add_shape(how.shapes, shape);
  const fs::path model = model_path(options, common);
  const fs::path weights = fs::path(model).replace_extension(".safetensors");
  refuse_overwriting(model, options.force);
  refuse_overwriting(weights, options.force);
  const std::string name = model_name(options.name.empty() ? model.stem().string() : options.name, "imported");
  const ImportedModel imported =
      import_model(read_onnx(options.file), how, options.file, name, weights.filename().string(), cleave_language());
  if (std::error_code failed; !model.parent_path().empty()) fs::create_directories(model.parent_path(), failed);
  write_weights(
      weights.string(), imported.model.graph, imported.weights,
      {{"model", name}, {"hash", weights_hash(imported.model.graph, imported.weights)}, {"cleave", CLEAVE_VERSION}});
  write_file_atomically(model.string(),
                        ByteSpan(reinterpret_cast<const std::uint8_t*>(imported.text.data()), imported.text.size()));
  for (const std::string& note : imported.notes) log.note(note);
  log.info(fmt::format("wrote {} ({} layers) and {} ({} weights); try: cleave show --stage graph {}", model.string(),
                       imported.model.graph.nodes.size() - 1, weights.string(), weight_count(imported.model.graph),
                       shell_word(model.string())));
  return ExitCode::done;
}

}  // namespace

std::function<ExitCode()> declare_import(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("FILE", options->file, "ONNX file")->required()->type_name("FILE");
  app.add_option("--shape", options->shapes, "sizes of the input, the batch first, where the file leaves them open")
      ->type_name("NAME=N,C,H,W");
  app.add_option("--output-name", options->output, "which of several outputs is computed")->type_name("NAME");
  app.add_option("--name", options->name, "what the model is called; else as the file")->type_name("NAME");
  app.add_flag("--force", options->force, "replace files that are there");
  return [options, &common] { return import_command(*options, common); };
}

}  // namespace cleave
