#include "tests/support/models.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "engine/cli/command.h"

namespace cleave {

namespace {

const std::filesystem::path kRoot = CLEAVE_SOURCE_DIR;

void add_models(const std::filesystem::path& folder, std::vector<std::filesystem::path>& files) {
  std::error_code missing;
  for (const std::filesystem::directory_entry& entry : std::filesystem::directory_iterator(folder, missing))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
}

}  // namespace

Model model_of(const std::string& text, const std::vector<std::string>& sets) {
  return load_model_text("test.yaml", text, cleave_language(), sets);
}

std::vector<Diagnostic> mistakes_in(const std::string& text, const std::vector<std::string>& sets) {
  try {
    model_of(text, sets);
  } catch (const ModelError& error) {
    return error.diagnostics();
  }
  return {};
}

Model layers_of(const std::string& layers, const std::string& settings) {
  return model_of("version: 1\nnetwork:\n  input: {image: [2, 8, 8]}\n" + settings + "  layers: " + layers + "\n");
}

std::vector<std::string> node_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) names.push_back(node.name);
  return names;
}

std::vector<std::filesystem::path> all_model_files() {
  std::vector<std::filesystem::path> files;
  add_models(kRoot / "graphs" / "models", files);
  add_models(kRoot / "tests" / "models", files);
  std::sort(files.begin(), files.end());
  return files;
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::string golden(const std::string& name, const std::string& text) {
  const std::filesystem::path path = kRoot / "tests" / "golden" / name;
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  return text_of(path);
}

}  // namespace cleave
