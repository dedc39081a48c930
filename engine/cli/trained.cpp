#include "engine/cli/trained.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "engine/cli/evaluation_weights.h"
#include "engine/cli/train_job.h"
#include "engine/train/run_folder.h"
#include "graphs/weights_file.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

namespace fs = std::filesystem;

Trained load_run(const std::string& path, const std::string& weights_file, const CommonOptions& common) {
  if (!common.sets.empty() || common.seed)
    throw UserError(fmt::format("{} is a run and keeps its own model: --set and --seed are for model files", path));
  const RunFolder folder{path};
  const RunRecord record = read_run_record(folder);
  Trained trained{path, true, model_of_run(folder, record), {}, record.model_words};
  const std::string file = weights_file.empty() ? folder.weights_file() : weights_file;
  if (!is_file(file))
    throw UserError(fmt::format("{} holds no weights yet: they are written after every epoch and at the end", path));
  trained.weights = read_weights(file, trained.model.graph);
  return trained;
}

}  // namespace

Trained load_trained(const std::string& path, const std::string& weights_file, const CommonOptions& common, Log& log) {
  if (is_folder(path)) return load_run(path, weights_file, common);
  if (!is_file(path))
    throw UserError(fmt::format("{}: there is no such run folder or model file; `cleave train` prints its run folder",
                                printable(path)));
  Trained trained{path, false, load_model(path, common), {}, model_words(path, common)};
  if (!trained.model.reading.spec.has_network) throw UserError(fmt::format("{} has no network", path));
  trained.weights = weights_for(trained.model, {.weights = weights_file}, log);
  return trained;
}

std::vector<Weights> load_draws(const Trained& trained) {
  const std::string none = fmt::format(
      "{}: no draws were kept; train with --set training.keep.draws=20 --set training.keep.every=1000, or use --by "
      "magnitude",
      trained.name);
  if (!trained.is_run) throw UserError(none);
  std::vector<std::string> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(fs::path(trained.name) / "draws", error))
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path().string());
  if (files.empty()) throw UserError(none);
  std::sort(files.begin(), files.end());
  std::vector<Weights> draws;
  for (const std::string& file : files) draws.push_back(read_weights(file, trained.model.graph));
  return draws;
}

}  // namespace cleave
