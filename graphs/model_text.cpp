#include "graphs/model_text.h"

#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graphs/layer_structure.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

// The parameters that say other than the default.
std::string params_text(const Node& node) {
  std::string text;
  for (const auto& [name, value] : node.params.all()) {
    const FieldDef* field = nullptr;
    for (const FieldDef& row : node.op->fields)
      if (name == row.name) field = &row;
    if (field != nullptr && field->fallback != nullptr && to_text(value) == field->fallback) continue;
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", name, to_text(value));
  }
  return text;
}

class Writer {
 public:
  explicit Writer(const Graph& graph) : graph_(graph) {}

  std::string list(const std::vector<LayerItem>& items, int indent) {
    std::string text;
    for (const LayerItem& item : items) text += entry(item, indent);
    return text;
  }
  void note_names(const std::vector<LayerItem>& items) {
    for (const LayerItem& item : items) {
      if (item.node != NodeId::none) names_.emplace(item.node, item.name);
      for (const std::vector<LayerItem>& part : item.parts) note_names(part);
    }
  }

 private:
  std::string entry(const LayerItem& item, int indent) {
    const std::string margin(static_cast<std::size_t>(indent), ' ');
    std::string beside;
    if (!item.name.empty()) beside += fmt::format("{}  name: {}\n", margin, item.name);
    if (!item.from.empty()) beside += fmt::format("{}  from: {}\n", margin, from_text(item.from));
    if (item.kind != LayerItem::Kind::layer) return fmt::format("{}- {}{}", margin, block(item, indent), beside);
    const Node& node = graph_.node(item.node);
    const std::string params = params_text(node);
    if (params.empty() && beside.empty()) return fmt::format("{}- {}\n", margin, node.op->name);
    return fmt::format("{}- {}: {{{}}}\n{}", margin, node.op->name, params, beside);
  }

  std::string block(const LayerItem& item, int indent) {
    const std::string margin(static_cast<std::size_t>(indent) + 4, ' ');
    const auto part = [&](const char* key, std::size_t i) {
      return fmt::format("{}{}:\n{}", margin, key, list(item.parts[i], indent + 6));
    };
    switch (item.kind) {
      case LayerItem::Kind::repeat: return fmt::format("repeat:\n{}times: {}\n{}", margin, item.times, part("body", 0));
      case LayerItem::Kind::residual:
        return fmt::format("residual:\n{}{}", part("body", 0), item.parts.size() > 1 ? part("shortcut", 1) : "");
      default: break;
    }
    std::string text = "parallel:\n";
    if (std::string_view(graph_.node(item.node).op->name) == "add") text += margin + "join: add\n";
    text += margin + "branches:\n";
    for (const std::vector<LayerItem>& branch : item.parts) {
      std::string lines = list(branch, indent + 8);
      lines.replace(static_cast<std::size_t>(indent) + 6, 1, "-");  // a list within a list: "- - conv2d"
      text += lines;
    }
    return text;
  }

  std::string from_text(const std::vector<NodeId>& from) const {
    std::vector<std::string> names;
    for (const NodeId id : from) {
      const auto known = names_.find(id);
      names.push_back(known == names_.end() ? "input" : known->second);
    }
    return names.size() == 1 ? names.front() : fmt::format("[{}]", fmt::join(names, ", "));
  }

  const Graph& graph_;
  std::map<NodeId, std::string> names_;
};

std::string quoted(const std::string& text) {
  std::string all = "'";
  for (const char c : printable(text)) all += c == '\'' ? std::string("''") : std::string(1, c);
  return all + "'";
}

}  // namespace

std::string model_name(const std::string& text, const std::string& otherwise) {
  std::string name;
  for (const char c : text.substr(0, 100)) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    if (good) name += c;
    else if (!name.empty() && name.back() != '_') name += '_';
  }
  while (!name.empty() && name.back() == '_') name.pop_back();
  return name.find_first_not_of("0123456789-_") == std::string::npos ? otherwise : name;
}

ModelText model_text(const Graph& graph, const std::string& name, const std::string& description,
                     const std::string& weights_file) {
  const std::vector<LayerItem> items = layer_structure(graph);
  const Shape& input = graph.nodes.front().type.shape;
  ModelText model;
  model.text = fmt::format("version: 1\nname: {}\n", name);
  if (!description.empty()) model.text += fmt::format("description: {}\n", quoted(description));
  model.text += is_image(input) ? fmt::format("\nnetwork:\n  input: {{image: [{}]}}\n", fmt::join(input, ", "))
                                : fmt::format("\nnetwork:\n  input: {{vector: {}}}\n", input.front());
  if (!weights_file.empty()) model.text += fmt::format("  weights: {{load: {}}}\n", quoted(weights_file));
  Writer writer(graph);
  writer.note_names(items);
  model.text += "  layers:\n" + writer.list(items, 4);
  for (const LayerItem& item : items) model.nodes.insert(model.nodes.end(), item.inside.begin(), item.inside.end());
  return model;
}

}  // namespace cleave
