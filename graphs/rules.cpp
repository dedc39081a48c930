// What the table cannot say. One small function per section; each reports and goes on.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "graphs/model_reader.h"
#include "graphs/scalars.h"
#include "ops/core/catalog.h"

namespace cleave {

namespace {

// Names that may be referred to, for "did you mean".
void check_known(const DocNode& node, const std::string& name, const char* what, const std::vector<std::string>& known,
                 Diagnostics& found) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  const std::string near = found.too_many() ? "" : closest_name(name, known);
  const std::string hint = near.empty() ? (known.empty() ? fmt::format("the file has no {}s", what)
                                                         : fmt::format("known: {}", some_of(known)))
                                        : fmt::format("did you mean '{}'?", near);
  found.add(node.pos, fmt::format("there is no {} '{}'", what, name), hint, near);
}

bool is_name(const std::string& text) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= kMaxNameLength && std::all_of(text.begin(), text.end(), good);
}

void check_name(const std::string& name, const SourcePos& pos, Diagnostics& found) {
  if (name.empty() || is_name(name)) return;
  std::string better;
  for (const char c : name) better += is_name(std::string(1, c)) ? c : '_';
  found.add(pos, fmt::format("'{}' is not a name", name), "letters, digits, '_' and '-'",
            is_name(better) ? better : "");
}

// "keep one of them" for keys of one map that exclude each other.
void check_one_of(const DocNode& map, const std::vector<const char*>& keys, bool needed, const char* owner,
                  Diagnostics& found) {
  const DocEntry* first = nullptr;
  for (const DocEntry& entry : map.entries) {
    if (std::none_of(keys.begin(), keys.end(), [&](const char* key) { return entry.key == key; })) continue;
    if (first == nullptr) first = &entry;
    else
      found.add(entry.key_pos, fmt::format("{} has '{}' and '{}'", owner, first->key, entry.key),
                "keep one of the two");
  }
  if (first == nullptr && needed && !map.broken)
    found.add(map.pos, fmt::format("{} needs one of: {}", owner, fmt::join(keys, ", ")));
}

void check_scale(const DocNode& input, Diagnostics& found) {
  const DocNode* scale = input.find("scale");
  if (scale == nullptr || !scale->value) return;
  const auto& range = std::get<std::vector<double>>(*scale->value);
  if (range.size() != 2) found.add(scale->pos, "scale needs two numbers", "write [0, 1]");
  else if (range[0] >= range[1]) found.add(scale->pos, "scale needs the lower number first", "write [0, 1]");
}

void check_normalize(const DocNode& input, std::int64_t channels, Diagnostics& found) {
  for (const char* key : {"normalize.mean", "normalize.std"}) {
    const DocNode* list = find_path(input, key);
    if (list == nullptr || !list->value) continue;
    const auto count = static_cast<std::int64_t>(std::get<std::vector<double>>(*list->value).size());
    if (count != channels && channels > 0)
      found.add(list->pos, fmt::format("normalize has {} numbers for {} channels", count, channels));
  }
}

void check_image(const DocNode& image, Diagnostics& found) {
  const auto& sizes = std::get<std::vector<std::int64_t>>(*image.value);
  double count = 1;
  for (const std::int64_t size : sizes) count *= static_cast<double>(size);
  if (sizes.size() != 3)
    found.add(image.pos, fmt::format("image has {} sizes, it needs 3", sizes.size()),
              "write [channels, height, width]");
  else if (count > kMaxInputValues)
    found.add(image.pos, fmt::format("an image of {:.0f} values; the limit is {:.0f}", count, kMaxInputValues));
}

void check_input(const DocNode& network, const ModelSpec& spec, Diagnostics& found) {
  const DocNode* input = network.find("input");
  if (input == nullptr || !input->is_map()) return;
  check_one_of(*input, {"image", "vector"}, true, "input", found);
  check_one_of(*input, {"scale", "normalize", "threshold"}, false, "input", found);
  const DocNode* image = input->find("image");
  if (image != nullptr && image->value) check_image(*image, found);
  check_scale(*input, found);
  check_normalize(*input, spec.input.shape.empty() ? 0 : channels_of(spec.input.shape), found);
}

// `weights` on anything: one grid, and a grid we know.
void check_weights(const DocNode& weights, Diagnostics& found) {
  if (!weights.is_map()) return;
  check_one_of(weights, {"binary", "quantized"}, weights.find("load") == nullptr, "weights", found);
  const DocNode* binary = weights.find("binary");
  if (binary == nullptr || !binary->value) return;
  const auto& values = std::get<std::vector<std::int64_t>>(*binary->value);
  if (values == std::vector<std::int64_t>{-1, 1} || values == std::vector<std::int64_t>{0, 1}) return;
  found.add(binary->pos, "binary weights are [-1, 1] or [0, 1]", "write [-1, 1]");
}

void check_flip(const DocNode& proposal, Diagnostics& found) {
  const DocNode* flip = proposal.find("flip");
  if (flip != nullptr && flip->is_map()) check_one_of(*flip, {"count", "probability"}, false, "flip", found);
}

void check_interval(const DocNode& prior, Diagnostics& found) {
  const DocNode* low = find_path(prior, "uniform.low");
  const DocNode* high = find_path(prior, "uniform.high");
  if (low == nullptr || high == nullptr || !low->value || !high->value) return;
  if (std::get<double>(*low->value) >= std::get<double>(*high->value))
    found.add((low->origin == "default" ? high : low)->pos,
              fmt::format("uniform from {} to {} holds nothing", low->scalar, high->scalar),
              "low must be less than high");
}

// The settings of everything: network, modules, parts, layers.
void check_all_settings(const DocNode& node, Diagnostics& found) {
  for (const DocNode& item : node.items) check_all_settings(item, found);
  for (const DocEntry& entry : node.entries) {
    if (entry.key == "weights") check_weights(entry.value, found);
    else if (entry.key == "proposal") check_flip(entry.value, found);
    else if (entry.key == "prior") check_interval(entry.value, found);
    else check_all_settings(entry.value, found);
  }
}

void check_weights_file(const DocNode& network, Diagnostics& found) {
  const DocNode* load = find_path(network, "weights.load");
  if (load == nullptr || !load->value) return;
  const std::string& path = load->scalar;
  if (path.starts_with("/") || path.starts_with("..") || path.find("/..") != std::string::npos)
    found.add(load->pos, "a weights file stands in the model's folder or below it", "a relative path without '..'");
}

// A model that names data to learn from is to be trained; `training` alone says how, if ever.
bool wants_training(const DocNode& doc) { return find_path(doc, "data.train") != nullptr; }

void check_modules(const DocNode& doc, const DocNode& network, const ModelSpec& spec, Diagnostics& found) {
  std::map<std::string, SourcePos> seen;
  for (std::size_t i = 0; i < spec.modules.size(); ++i) {
    const ModuleSpec& module = spec.modules[i];
    check_name(module.name, module.pos, found);
    const auto [first, fresh] = seen.emplace(module.name, module.pos);
    if (!fresh && !module.name.empty()) {
      Diagnostic& twice =
          found.add(module.pos, fmt::format("a second module '{}'", module.name), "choose another name");
      found.note(twice, first->second, "the first one");
    }
    const bool last = i + 1 == spec.modules.size();
    if (module.body.layers.empty() && !module.head)
      found.add(module.pos, fmt::format("module '{}' has neither body nor head", module.name));
    else if (module.body.layers.empty() && !last)
      found.add(module.pos, fmt::format("module '{}' has no body, so nothing goes on to the next", module.name));
    if (module.head) continue;
    if (wants_training(doc))
      found.add(module.pos, fmt::format("module '{}' has no head, so it cannot be trained", module.name),
                "give it a head, a local classifier");
    else if (spec.inference.early_exit)
      found.add(module.pos, fmt::format("module '{}' has no head, so nothing can leave early there", module.name),
                "give it a head, or remove inference.early_exit");
  }
  const DocNode* exit = find_path(doc, "inference.early_exit");
  if (exit != nullptr && network.find("layers") != nullptr)
    found.add(exit->pos, "early exit needs a network of modules with heads", "write modules instead of layers");
}

void check_network(const DocNode& doc, const ModelSpec& spec, Diagnostics& found) {
  const DocNode* network = doc.find("network");
  if (network == nullptr || !network->is_map()) {
    if (network == nullptr && doc.find("devices") == nullptr)
      found.add(doc.pos, "a model file needs 'network', a swarm file 'devices'",
                "`cleave init` writes a model that runs");
    return;
  }
  check_one_of(*network, {"layers", "modules"}, true, "network", found);
  check_input(*network, spec, found);
  check_all_settings(*network, found);
  check_weights_file(*network, found);
  check_modules(doc, *network, spec, found);
  if (wants_training(doc) && network->find("loss") == nullptr)
    found.add(network->pos, "network needs 'loss' to be trained", "write loss: {cross_entropy: {reduce: sum}}");
}

// Thresholds of modules that there are, that an answer can reach, and that are asked at all.
void check_thresholds(const DocNode& thresholds, const ModelSpec& spec, Diagnostics& found) {
  std::vector<std::string> names;
  for (const ModuleSpec& module : spec.modules) names.push_back(module.name);
  for (const DocEntry& entry : thresholds.entries) {
    DocNode key;
    key.pos = entry.key_pos;
    check_known(key, entry.key, "module", names, found);
    if (!names.empty() && entry.key == names.back())
      found.add(entry.key_pos, fmt::format("'{}' is the last module: it answers whatever comes to it", entry.key),
                "leave its threshold out");
    const double* threshold = entry.value.value ? std::get_if<double>(&*entry.value.value) : nullptr;
    if (threshold != nullptr && *threshold > 1 && spec.inference.early_exit->rule == "max_probability")
      found.add(entry.value.pos, fmt::format("no probability reaches {}", entry.value.scalar),
                "write a number up to 1, or never", "never");
  }
}

void check_early_exit(const DocNode& doc, const ModelSpec& spec, Diagnostics& found) {
  const DocNode* rule = find_path(doc, "inference.early_exit.rule");
  if (rule == nullptr || !rule->is_map()) return;
  check_one_of(*rule, {"max_probability", "entropy"}, true, "rule", found);
  const DocNode* thresholds = find_path(doc, "inference.early_exit.thresholds");
  if (thresholds != nullptr && spec.inference.early_exit) check_thresholds(*thresholds, spec, found);
}

// One row a pair: of two, one would be dead.
void check_twice_linked(const std::vector<DocNode>& rows, Diagnostics& found) {
  std::map<std::set<std::string>, SourcePos> seen;
  for (const DocNode& row : rows) {
    const DocNode* between = row.find("between");
    if (between == nullptr || between->items.size() != 2) continue;
    const std::set<std::string> pair = {between->items[0].scalar, between->items[1].scalar};
    const auto [first, fresh] = seen.emplace(pair, between->pos);
    if (fresh || pair.size() < 2) continue;
    Diagnostic& twice =
        found.add(between->pos, fmt::format("a second row for the link between '{}'", fmt::join(pair, "' and '")),
                  "keep one of the two");
    found.note(twice, first->second, "the first one");
  }
}

void check_links(const DocNode& doc, const ModelSpec& spec, Diagnostics& found) {
  const DocNode* overrides = find_path(doc, "links.overrides");
  if (overrides == nullptr) return;
  for (const DocNode& row : overrides->items) {
    const DocNode* between = row.find("between");
    if (between == nullptr || (!between->is_list() && !between->value)) continue;
    if (between->items.size() != 2) {
      const std::size_t count = between->is_list() ? between->items.size() : 1;
      found.add(between->pos, fmt::format("between names {} device{}, a link has 2", count, count == 1 ? "" : "s"),
                "write [a, b]");
      continue;
    }
    for (std::size_t i = 0; i < 2; ++i) {
      std::vector<std::string> known = spec.devices;  // but the other end: no link joins a device and itself
      if (between->items[i].scalar != between->items[1 - i].scalar) std::erase(known, between->items[1 - i].scalar);
      check_known(between->items[i], between->items[i].scalar, "device", known, found);
    }
    if (between->items[0].scalar == between->items[1].scalar)
      found.add(between->items[1].pos, "a link joins two different devices");
  }
  check_twice_linked(overrides->items, found);
}

// Module names, and the names of layers at the top of a network of layers.
std::vector<std::string> placed_names(const ModelSpec& spec) {
  std::vector<std::string> names;
  for (const ModuleSpec& module : spec.modules) names.push_back(module.name);
  for (const LayerSpec& layer : spec.layers)
    if (!layer.name.empty()) names.push_back(layer.name);
  return names;
}

void check_assignment(const DocNode* table, const char* what, const std::vector<std::string>& names,
                      const ModelSpec& spec, Diagnostics& found) {
  if (table == nullptr) return;
  for (const DocEntry& entry : table->entries) {
    DocNode key;
    key.pos = entry.key_pos;
    check_known(key, entry.key, what, names, found);
    if (entry.value.is_scalar()) check_known(entry.value, entry.value.scalar, "device", spec.devices, found);
  }
}

// The names of the nodes and blocks at the top of a network of layers; build.cpp calls those without a name so.
std::vector<std::string> made_names(const ModelSpec& spec) {
  std::vector<std::string> names;
  std::map<std::string, int> used;
  for (const LayerSpec& layer : spec.layers) {
    if (!layer.name.empty()) continue;
    const int count = ++used[layer.op];
    names.push_back(count == 1 ? layer.op : fmt::format("{}_{}", layer.op, count));
  }
  return names;
}

// "a", or "a+b" for the shares of a split head.
void check_placed_on(const DocNode& value, const ModelSpec& spec, Diagnostics& found) {
  std::set<std::string> seen;
  std::size_t start = 0;
  while (start <= value.scalar.size()) {
    const std::size_t end = std::min(value.scalar.find('+', start), value.scalar.size());
    DocNode part;
    part.scalar = value.scalar.substr(start, end - start);
    part.pos = value.pos;
    if (!value.quoted && end > start) {
      part.pos.col += static_cast<int>(start);
      part.pos.length = static_cast<int>(end - start);
    }
    if (!seen.insert(part.scalar).second)
      found.add(part.pos, fmt::format("'{}' is to compute two shares", part.scalar), "a share each for other devices");
    else check_known(part, part.scalar, "device", spec.devices, found);
    start = end + 1;
  }
}

// Keys with a '/' name nodes inside a layer or module; check_placed_nodes knows these.
void check_map(const DocNode* map, const char* what, std::vector<std::string> names, const ModelSpec& spec,
               Diagnostics& found) {
  if (map == nullptr) return;
  for (std::string& name : made_names(spec)) names.push_back(std::move(name));
  for (const DocEntry& entry : map->entries) {
    DocNode key;
    key.pos = entry.key_pos;
    if (entry.key.find('/') == std::string::npos) check_known(key, entry.key, what, names, found);
    if (entry.value.is_scalar()) check_placed_on(entry.value, spec, found);
  }
}

void check_ways(const DocEntry& ways, Diagnostics& found) {
  FieldDef field{"ways", Kind::integer, ""};
  field.min = 1;
  field.max = 64;
  const ScalarResult result = read_scalar(ways.key, false, field, "the number of ways");
  if (const auto* fault = std::get_if<ScalarFault>(&result))
    found.add(ways.key_pos, fault->message, fault->hint, fault->suggestion);
}

// The values of a checked list, empty where it has a mistake or is not given.
std::vector<std::int64_t> integers_at(const DocNode& doc, std::string_view path) {
  const DocNode* list = find_path(doc, path);
  if (list == nullptr || !list->value) return {};
  return std::get<std::vector<std::int64_t>>(*list->value);
}

// The items of a list of texts, which may be written as one text.
std::vector<DocNode> texts_at(const DocNode& doc, std::string_view path) {
  const DocNode* list = find_path(doc, path);
  if (list == nullptr) return {};
  return list->is_scalar() ? std::vector<DocNode>{*list} : list->items;
}

// What a branch split reaches is stated for cuts and ways that the planner may choose.
void check_accuracy(const DocNode& doc, const char* what, const std::vector<std::string>& names, Diagnostics& found) {
  const DocNode* accuracy = find_path(doc, "placement.accuracy");
  if (accuracy == nullptr) return;
  std::vector<std::string> cuts;
  for (const DocNode& cut : texts_at(doc, "placement.cuts.after")) cuts.push_back(cut.scalar);
  const std::vector<std::int64_t> ways_tried = integers_at(doc, "placement.split.branches");
  for (const DocEntry& entry : accuracy->entries) {
    DocNode key;
    key.pos = entry.key_pos;
    const bool known = std::find(names.begin(), names.end(), entry.key) != names.end();
    if (!known) check_known(key, entry.key, what, names, found);
    else if (!cuts.empty() && std::find(cuts.begin(), cuts.end(), entry.key) == cuts.end())
      found.add(entry.key_pos, fmt::format("there is no cut after '{}': cuts.after does not name it", entry.key),
                fmt::format("cuts.after: {}", some_of(cuts)));
    for (const DocEntry& ways : entry.value.entries) {
      const std::size_t before = found.count();
      check_ways(ways, found);
      const bool tried = ways_tried.empty() || ways.key == "1" ||
                         std::any_of(ways_tried.begin(), ways_tried.end(),
                                     [&](std::int64_t n) { return ways.key == std::to_string(n); });
      if (found.count() == before && !tried)
        found.add(ways.key_pos, fmt::format("accuracy of {} branches, which split.branches does not name", ways.key),
                  fmt::format("split.branches: {}", fmt::join(ways_tried, ", ")));
    }
  }
}

void check_placement(const DocNode& doc, const ModelSpec& spec, Diagnostics& found) {
  if (!spec.has_network) return;
  const char* what = spec.modules.empty() ? "layer" : "module";
  const std::vector<std::string> names = placed_names(spec);
  check_assignment(find_path(doc, "placement.pin"), what, names, spec, found);
  check_map(find_path(doc, "placement.map"), what, names, spec, found);
  for (const DocNode& cut : texts_at(doc, "placement.cuts.after")) check_known(cut, cut.scalar, what, names, found);
  check_accuracy(doc, what, names, found);
  const DocNode* mode = find_path(doc, "placement.mode");
  const DocNode* map = find_path(doc, "placement.map");
  if (mode == nullptr || !mode->value) return;
  const bool manual = mode->scalar == "manual";
  if (manual && map == nullptr) found.add(mode->pos, "mode: manual needs a map", "map: {MODULE: DEVICE, …}");
  if (!manual && map != nullptr) found.add(map->pos, "a map is for mode: manual", "write mode: manual, or pin");
  if (!manual || map == nullptr) return;
  for (const ModuleSpec& module : spec.modules)
    if (map->find(module.name) == nullptr)
      found.add(map->pos, fmt::format("the map has no device for module '{}'", module.name));
}

void check_devices(const DocNode& doc, const ModelSpec& spec, Diagnostics& found) {
  const DocNode* devices = doc.find("devices");
  if (devices != nullptr && devices->is_map()) {
    if (devices->entries.empty()) found.add(devices->pos, "devices is empty");
    for (const DocEntry& entry : devices->entries) check_name(entry.key, entry.key_pos, found);
  }
  if (const DocNode* at = find_path(doc, "data.at")) check_known(*at, at->scalar, "device", spec.devices, found);
}

// Images stand side by side in whole vectors.
void check_sgd(const DocNode& doc, const ModelSpec& spec, Diagnostics& found) {
  const DocNode* batch = find_path(doc, "training.sgd.batch");
  if (batch == nullptr || !batch->value || spec.training.sgd_batch % kLaneMultiple == 0) return;
  const std::int64_t near = (spec.training.sgd_batch + kLaneMultiple - 1) / kLaneMultiple * kLaneMultiple;
  found.add(batch->pos, fmt::format("batch must be a multiple of {}", kLaneMultiple), fmt::format("write {}", near),
            fmt::format("{}", near));
}

void check_training(const DocNode& doc, const ModelSpec& spec, Diagnostics& found) {
  check_sgd(doc, spec, found);
  const DocNode* pick = find_path(doc, "training.pick");
  if (pick == nullptr || pick->origin == "default") return;
  for (const char* key : {"body", "head"})
    if (pick->find(key) == nullptr || !pick->find(key)->value) return;
  const double sum = spec.training.pick_body + spec.training.pick_head;
  if (std::abs(sum - 1) > 1e-9) found.add(pick->pos, fmt::format("pick adds up to {}, not 1", sum));
}

void check_data(const DocNode& doc, const ModelSpec& spec, Diagnostics& found) {
  for (const auto& [key, set] : {std::pair("train", &spec.data.train), std::pair("test", &spec.data.test)}) {
    const DocNode* node = find_path(doc, fmt::format("data.{}", key));
    if (node != nullptr && set->dataset == "npy" && set->path.empty())
      found.add(node->pos, "the data set npy needs a path", "path: the folder with the .npy files");
  }
}

// Every layer's name, unique within its list and with those around it.
void check_layer_names(const std::vector<LayerSpec>& layers, std::map<std::string, SourcePos> seen,
                       Diagnostics& found) {
  for (const LayerSpec& layer : layers) {
    if (!layer.name.empty()) {
      check_name(layer.name, layer.name_pos, found);
      if (layer.name == "input") found.add(layer.name_pos, "'input' names the network's input", "choose another name");
      const auto [first, fresh] = seen.emplace(layer.name, layer.name_pos);
      if (!fresh) {
        Diagnostic& twice =
            found.add(layer.name_pos, fmt::format("a second layer '{}'", layer.name), "choose another name");
        found.note(twice, first->second, "the first one");
      }
    }
    for (const PartSpec& part : layer.parts) check_layer_names(part.layers, seen, found);
  }
}

}  // namespace

void check_rules(const DocNode& doc, const ModelSpec& spec, Diagnostics& found) {
  if (!doc.is_map()) return;
  check_network(doc, spec, found);
  check_early_exit(doc, spec, found);
  check_devices(doc, spec, found);
  check_links(doc, spec, found);
  check_placement(doc, spec, found);
  check_training(doc, spec, found);
  check_data(doc, spec, found);
  check_layer_names(spec.layers, {}, found);
  for (const ModuleSpec& module : spec.modules) {
    check_layer_names(module.body.layers, {}, found);
    if (module.head) check_layer_names(module.head->layers, {}, found);
  }
}

}  // namespace cleave
