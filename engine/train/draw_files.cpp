#include "engine/train/draw_files.h"

#include <algorithm>
#include <limits>
#include <map>
#include <system_error>

#include <fmt/format.h>

#include "graphs/weights_file.h"
#include "ops/core/error.h"

namespace cleave {

namespace fs = std::filesystem;

namespace {

fs::path file_of(const fs::path& folder, std::size_t number) {
  return folder / fmt::format("{:03}.safetensors", number);
}

std::size_t fewest_draws(const std::vector<ModuleCheckpoint>& modules) {
  std::size_t fewest = std::numeric_limits<std::size_t>::max();
  for (const ModuleCheckpoint& module : modules) fewest = std::min(fewest, module.draws.size());
  return modules.empty() ? 0 : fewest;
}

// Entries of a folder whose names end so, by name; none where there is no folder.
std::vector<fs::path> entries_of(const fs::path& folder, const std::string& extension) {
  std::vector<fs::path> entries;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored))
    if (entry.path().extension() == extension) entries.push_back(entry.path());
  // Numbers of more digits are larger ones.
  std::sort(entries.begin(), entries.end(), [](const fs::path& a, const fs::path& b) {
    const std::string x = a.filename().string(), y = b.filename().string();
    return x.size() != y.size() ? x.size() < y.size() : x < y;
  });
  return entries;
}

void write_draw(const fs::path& file, const Graph& graph, const std::vector<ModuleCheckpoint>& modules,
                std::size_t number, const std::string& model) {
  Weights weights(graph.nodes.size());
  std::map<std::string, std::string> metadata = {{"model", model}, {"cleave", CLEAVE_VERSION}};
  for (std::size_t m = 0; m < modules.size(); ++m) {
    const Draw& draw = modules[m].draws[modules[m].draws.size() - number];
    const std::vector<NodeId> layers = layers_of(graph, static_cast<ModuleId>(m));
    for (std::size_t i = 0; i < layers.size(); ++i) weights[index_of(layers[i])] = draw.weights[i];
    metadata[fmt::format("step of {}", modules[m].module)] = fmt::format("{}", draw.step);
  }
  write_weights(file.string(), graph, weights, metadata);
}

}  // namespace

void write_draws(const fs::path& folder, const Graph& graph, const std::vector<ModuleCheckpoint>& modules,
                 const std::string& model) {
  const std::size_t draws = fewest_draws(modules);
  std::error_code error;
  if (draws > 0) fs::create_directories(folder, error);
  if (error) throw RunError(fmt::format("{}: cannot make the folder: {}", folder.string(), error.message()));
  for (std::size_t number = 1; number <= draws; ++number)
    write_draw(file_of(folder, number), graph, modules, number, model);
  for (std::size_t number = draws + 1; fs::remove(file_of(folder, number), error); ++number) continue;
}

std::vector<std::string> find_draws(const std::string& run_or_folder) {
  const fs::path path = run_or_folder;
  std::error_code ignored;
  if (!fs::is_directory(path, ignored))
    throw UserError(
        fmt::format("{} is no folder: draws are in a run folder, or in one of its folders draws", path.string()));
  const bool is_run = fs::is_regular_file(path / "run.json", ignored) || fs::is_directory(path / "draws", ignored) ||
                      fs::is_directory(path / "chains", ignored);
  std::vector<fs::path> files = entries_of(is_run ? path / "draws" : path, ".safetensors");
  for (const fs::path& chain : entries_of(path / "chains", "")) {
    const std::vector<fs::path> own = entries_of(chain / "draws", ".safetensors");
    files.insert(files.end(), own.begin(), own.end());
  }
  if (files.empty())
    throw UserError(
        fmt::format("{} holds no draws; to keep some, train with training: {{keep: {{draws: 20, every: "
                    "1000}}}}",
                    path.string()));
  std::vector<std::string> names;
  for (const fs::path& file : files) names.push_back(file.string());
  return names;
}

}  // namespace cleave
