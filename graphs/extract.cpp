// The checked document -> ModelSpec: a walk that copies values. Nothing is checked here; what has a mistake keeps its
// default, and the mistake was already reported.
#include <filesystem>

#include <fmt/format.h>

#include "graphs/check_doc.h"
#include "graphs/model_reader.h"
#include "ops/core/catalog.h"

namespace cleave {

namespace {

template <class T>
T value_or(const DocNode* node, T fallback) {
  if (node == nullptr || !node->value) return fallback;
  const T* value = std::get_if<T>(&*node->value);
  return value == nullptr ? fallback : *value;
}

std::string text_at(const DocNode& doc, std::string_view path) {
  return value_or<std::string>(find_path(doc, path), "");
}
std::int64_t integer_at(const DocNode& doc, std::string_view path, std::int64_t fallback = 0) {
  return value_or<std::int64_t>(find_path(doc, path), fallback);
}
double real_at(const DocNode& doc, std::string_view path, double fallback = 0) {
  return value_or<double>(find_path(doc, path), fallback);
}

DType dtype_of(const std::string& name) {
  for (const DType dtype : {DType::f16, DType::i8, DType::bit})
    if (name == to_text(dtype)) return dtype;
  return DType::f32;
}

std::optional<Law> law_of(const DocNode* node) {
  if (node == nullptr || !node->is_map() || node->entries.size() != 1) return std::nullopt;
  const DocEntry& entry = node->entries.front();
  return Law{entry.key, params_of(entry.value)};
}

std::optional<WeightType> weight_type_of(const DocNode* node) {
  if (node == nullptr) return std::nullopt;
  using Grid = WeightType::Grid;
  WeightType type;
  if (node->is_scalar()) return node->scalar == "ternary" ? WeightType{Grid::ternary, 2, false} : type;
  const DocNode* binary = node->find("binary");
  const DocNode* quantized = node->find("quantized");
  const DocNode* scale = node->find("scale");
  if (binary == nullptr && quantized == nullptr && scale == nullptr) return std::nullopt;
  if (binary != nullptr) {
    const auto values = value_or<std::vector<std::int64_t>>(binary, {});
    const bool signs = !values.empty() && values.front() == -1;
    type = {signs ? Grid::sign : Grid::bit, 1, false};
  }
  if (quantized != nullptr) type = {Grid::quantized, static_cast<int>(integer_at(*quantized, "bits", 8)), false};
  type.scale_per_filter = scale != nullptr;
  return type;
}

std::optional<SelectSpec> select_of(const DocNode* node, const Language& language) {
  if (node == nullptr || !node->is_map()) return std::nullopt;
  SelectSpec select;
  for (const DocEntry& entry : node->entries) {
    if (find(language.ops, entry.key) != nullptr) {
      if (const std::optional<Law> law = law_of(&entry.value)) select.by_op[entry.key] = *law;
    } else {
      select.law = {entry.key, params_of(entry.value)};
    }
  }
  return select;
}

SettingsSpec settings_of(const DocNode& node, const Language& language) {
  SettingsSpec settings;
  settings.weights = weight_type_of(node.find("weights"));
  settings.prior = law_of(node.find("prior"));
  settings.proposal = law_of(node.find("proposal"));
  settings.select = select_of(node.find("select"), language);
  if (settings.prior) settings.prior_pos = node.find("prior")->entries.front().key_pos;
  if (settings.proposal) settings.proposal_pos = node.find("proposal")->entries.front().key_pos;
  return settings;
}

std::vector<NameRef> names_of_list(const DocNode* node) {
  std::vector<NameRef> names;
  if (node == nullptr) return names;
  if (node->is_scalar()) names.push_back({node->scalar, node->pos});
  for (const DocNode& item : node->items)
    if (item.is_scalar()) names.push_back({item.scalar, item.pos});
  return names;
}

PartSpec part_of(const DocNode* node, const Language& language);

bool is_block(const std::string& op) { return find(block_catalog(), op) != nullptr; }

const DocEntry* op_entry(const DocNode& layer, const Language& language) {
  for (const DocEntry& entry : layer.entries)
    if (find(language.ops, entry.key) != nullptr || is_block(entry.key)) return &entry;
  return nullptr;
}

LayerSpec layer_of(const DocNode& node, const Language& language) {
  LayerSpec layer;
  layer.broken = node.broken;
  layer.pos = node.pos;
  layer.name = text_at(node, "name");
  layer.name_pos = node.find("name") == nullptr ? node.pos : node.find("name")->pos;
  layer.from = names_of_list(node.find("from"));
  layer.settings = settings_of(node, language);
  const DocEntry* op = op_entry(node, language);
  if (op == nullptr) return layer;
  layer.op = op->key;
  layer.pos = op->key_pos;
  layer.params = params_of(op->value);
  if (const DocNode* body = op->value.find("body")) layer.parts.push_back(part_of(body, language));
  if (const DocNode* shortcut = op->value.find("shortcut")) layer.parts.push_back(part_of(shortcut, language));
  if (const DocNode* branches = op->value.find("branches"))
    for (const DocNode& branch : branches->items) layer.parts.push_back(part_of(&branch, language));
  return layer;
}

PartSpec part_of(const DocNode* node, const Language& language) {
  PartSpec part;
  if (node == nullptr) return part;
  const DocNode* layers = node->is_map() ? node->find("layers") : node;
  if (node->is_map()) part.settings = settings_of(*node, language);
  if (layers != nullptr)
    for (const DocNode& layer : layers->items) part.layers.push_back(layer_of(layer, language));
  return part;
}

ModuleSpec module_of(const DocNode& node, const Language& language) {
  ModuleSpec module;
  module.pos = node.find("name") == nullptr ? node.pos : node.find("name")->pos;
  module.name = text_at(node, "name");
  module.body = part_of(node.find("body"), language);
  if (node.find("head") != nullptr) module.head = part_of(node.find("head"), language);
  module.settings = settings_of(node, language);
  module.send = dtype_of(text_at(node, "send.dtype"));
  return module;
}

bool is_fitting(const Shape& shape) {
  double count = 1;
  for (const std::int64_t size : shape) count *= static_cast<double>(size);
  return count >= 1 && count <= kMaxInputValues;
}

InputSpec input_of(const DocNode& network) {
  InputSpec input;
  input.shape = value_or<std::vector<std::int64_t>>(find_path(network, "input.image"), {});
  if (input.shape.empty() && find_path(network, "input.vector") != nullptr)
    input.shape = {integer_at(network, "input.vector", 0)};
  const bool sound = (input.shape.size() == 1 || input.shape.size() == 3) && is_fitting(input.shape);
  if (!sound) input.shape.clear();
  if (const DocNode* node = network.find("input"))
    for (const DocEntry& entry : node->entries)
      if (entry.key == "image" || entry.key == "vector") input.pos = entry.key_pos;
  const auto scale = value_or<std::vector<double>>(find_path(network, "input.scale"), {});
  if (scale.size() == 2) {
    input.low = scale[0];
    input.high = scale[1];
  }
  input.mean = value_or<std::vector<double>>(find_path(network, "input.normalize.mean"), {});
  input.std = value_or<std::vector<double>>(find_path(network, "input.normalize.std"), {});
  if (const DocNode* threshold = find_path(network, "input.threshold")) input.threshold = value_or(threshold, 0.5);
  return input;
}

DataSetSpec data_set_of(const DocNode& doc, const std::string& key) {
  DataSetSpec set;
  const DocNode* node = find_path(doc, "data." + key);
  if (node == nullptr) return set;
  set.pos = node->pos;
  if (const std::optional<Law> law = law_of(node->find("dataset"))) set.dataset = law->name;
  set.split = text_at(*node, "split");
  set.limit = integer_at(*node, "limit");
  set.path = text_at(*node, "path");
  return set;
}

TrainSpec training_of(const DocNode& doc) {
  TrainSpec training;
  training.preset = text_at(doc, "training.preset");
  training.algorithm = text_at(doc, "training.algorithm");
  training.mode = text_at(doc, "training.mode");
  training.batch = integer_at(doc, "training.batch", 1);
  training.epochs = integer_at(doc, "training.epochs", 1);
  training.lambda = real_at(doc, "training.lambda");
  training.steps = integer_at(doc, "training.iterations.max");
  training.pick_body = real_at(doc, "training.pick.body");
  training.pick_head = real_at(doc, "training.pick.head");
  training.stop_early = text_at(doc, "training.iterations.stop_early") == "on_new_input";
  training.states_pace = training.stop_early || find_path(doc, "training.buffer") != nullptr;
  if (const std::string policy = text_at(doc, "training.buffer.policy"); !policy.empty())
    training.buffer_policy = policy;
  training.buffer_capacity = integer_at(doc, "training.buffer.capacity", training.buffer_capacity);
  training.buffer_drops = text_at(doc, "training.buffer.when_full") == "drop_oldest";
  training.temperature_start = real_at(doc, "training.temperature.start", 1);
  training.temperature_end = real_at(doc, "training.temperature.end", 1);
  training.temperature_over = real_at(doc, "training.temperature.over", 1);
  training.warm_up = integer_at(doc, "training.warm_up");
  training.chains = integer_at(doc, "training.chains", 1);
  if (find_path(doc, "training.keep") != nullptr) {
    training.keep_draws = integer_at(doc, "training.keep.draws", 10);
    training.keep_every = integer_at(doc, "training.keep.every", training.keep_every);
  }
  training.learning_rate = real_at(doc, "training.sgd.learning_rate", training.learning_rate);
  training.momentum = real_at(doc, "training.sgd.momentum", training.momentum);
  training.sgd_batch = integer_at(doc, "training.sgd.batch", training.sgd_batch);
  training.checkpoint_every_s = real_at(doc, "training.checkpoint.every", training.checkpoint_every_s);
  training.checkpoint_keep = integer_at(doc, "training.checkpoint.keep", training.checkpoint_keep);
  return training;
}

InferenceSpec inference_of(const DocNode& doc) {
  InferenceSpec inference;
  inference.batch = integer_at(doc, "inference.batch", 1);
  inference.in_flight = integer_at(doc, "inference.in_flight", 4);
  inference.rate_per_s = real_at(doc, "inference.rate");
  inference.mean_of_draws = text_at(doc, "inference.predict") == "mean_of_draws";
  const DocNode* rule = find_path(doc, "inference.early_exit.rule");
  if (rule == nullptr || !rule->is_map() || rule->entries.empty()) return inference;
  const DocEntry& entry = rule->entries.front();
  inference.early_exit = EarlyExitSpec{entry.key, value_or<double>(&entry.value, 0)};
  return inference;
}

// What this version reads but cannot run yet; a key counts when the user (or a preset) has given it.
struct Later {
  const char* path;
  const char* commands;
  const char* fine = nullptr;  // a value that is no obstacle
};
constexpr Later kLater[] = {
    {"inference.rate", "run eval", "max"},
};

void add_not_run_yet(const DocNode& doc, ModelSpec& spec) {
  for (const Later& later : kLater) {
    const DocNode* node = find_path(doc, later.path);
    if (node == nullptr || node->origin == "default" || (later.fine != nullptr && node->scalar == later.fine)) continue;
    const bool of_preset = node->origin.starts_with("preset ");
    spec.not_run_yet.push_back({of_preset ? fmt::format("{} of the {}", later.path, node->origin) : later.path,
                                of_preset ? find_path(doc, "training.preset")->pos : node->pos, later.commands, ""});
  }
}

// A float has an i8 only with a scale that fits the values a network gives.
void refuse_unscaled(const DocNode& modules, ModelSpec& spec) {
  for (const DocNode& module : modules.items)
    if (const DocNode* dtype = find_path(module, "send.dtype"); dtype != nullptr && dtype->scalar == "i8")
      spec.not_run_yet.push_back(
          {"send: {dtype: i8}", dtype->pos, "train run eval", "it needs a calibrated scale; f16 and bit can be sent"});
}

}  // namespace

ModelSpec extract_spec(const DocNode& doc, const std::string& file, const Language& language) {
  ModelSpec spec;
  spec.file = file;
  spec.name = text_at(doc, "name");
  if (spec.name.empty()) spec.name = std::filesystem::path(file).stem().string();
  spec.description = text_at(doc, "description");
  spec.seed = static_cast<std::uint64_t>(integer_at(doc, "seed", 1));
  spec.data = {data_set_of(doc, "train"), data_set_of(doc, "test"), real_at(doc, "data.validation.share"),
               text_at(doc, "data.at")};
  spec.training = training_of(doc);
  spec.inference = inference_of(doc);
  spec.limits = {real_at(doc, "limits.memory"), real_at(doc, "limits.weights")};
  spec.output = {text_at(doc, "output.dir"), integer_at(doc, "output.trace.every", 1)};
  if (const DocNode* devices = doc.find("devices"))
    for (const DocEntry& entry : devices->entries) spec.devices.push_back(entry.key);
  add_not_run_yet(doc, spec);
  const DocNode* network = doc.find("network");
  if (network == nullptr || !network->is_map()) return spec;
  spec.has_network = true;
  spec.input = input_of(*network);
  spec.weights_file = text_at(*network, "weights.load");
  if (const std::optional<Law> loss = law_of(network->find("loss"))) {
    spec.loss = loss->name;
    spec.reduce = loss->params.text("reduce");
  }
  spec.settings = settings_of(*network, language);
  if (const DocNode* layers = network->find("layers")) spec.layers = part_of(layers, language).layers;
  if (const DocNode* modules = network->find("modules")) refuse_unscaled(*modules, spec);
  if (const DocNode* modules = network->find("modules"))
    for (const DocNode& module : modules->items)
      if (module.is_map()) spec.modules.push_back(module_of(module, language));
  return spec;
}

}  // namespace cleave
