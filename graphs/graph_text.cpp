#include "graphs/graph_text.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graphs/passes.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

// The op with what was fused into it: "conv2d + add(g1/0/relu) + relu".
std::string op_text(const Graph& graph, const Node& node) {
  if (node.op == nullptr) return "input";
  std::string text = node.op->name;
  if (node.epilogue.add != NodeId::none) text += fmt::format(" + add({})", graph.node(node.epilogue.add).name);
  if (node.epilogue.activation != nullptr) text += fmt::format(" + {}", node.epilogue.activation->name);
  return text;
}

std::string weights_text(const Node& node) { return node.weights.empty() ? "" : with_blanks(weight_count(node)); }

std::string type_text(const Node& node) { return node.weight_type == WeightType{} ? "" : to_text(node.weight_type); }

std::string reads_text(const Graph& graph, std::size_t i) {
  const Node& node = graph.nodes[i];
  std::string text;
  for (const NodeId input : op_inputs(node)) {
    if (op_inputs(node).size() == 1 && index_of(input) + 1 == i) return "";  // the node above
    if (!text.empty()) text += ", ";
    text += graph.node(input).name;
  }
  return text;
}

using Row = std::array<std::string, 8>;

std::string table_text(const std::vector<Row>& rows) {
  std::array<std::size_t, 8> width{};
  const auto letters = [](const std::string& text) {  // "±" is two bytes and one letter
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  };
  for (const Row& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) width[c] = std::max(width[c], letters(row[c]));
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string fill(width[c] - letters(row[c]), ' ');
      const bool number = c >= 4 && c < 7;
      if (c > 0) line += "  ";
      if (number) line += fill;
      line += row[c];
      if (!number) line += fill;
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string modules_text(const Graph& graph) {
  std::string text;
  for (const Module& module : graph.modules) {
    if (module.name.empty()) continue;
    const auto name = [&](NodeId id) { return id == NodeId::none ? std::string("none") : graph.node(id).name; };
    text += fmt::format("module {}: reads {}, sends {} ({} {}), head {}\n", module.name, name(module.input),
                        name(module.body), to_text(graph.node(module.body).type.shape), to_text(module.send),
                        name(module.head));
  }
  return text;
}

Json json_of(const Graph& graph, const Node& node) {
  Json inputs = Json::array();
  for (const NodeId input : node.inputs) inputs.push_back(graph.node(input).name);
  Json arrays = Json::array();
  for (const WeightSlot& slot : node.weights) arrays.push_back({{"name", slot.name}, {"shape", slot.shape}});
  Json params = Json::object();
  for (const auto& [name, value] : node.params.all())
    params[name] = std::visit([](const auto& v) { return Json(v); }, value);
  Json json = {{"name", node.name},
               {"op", node.op == nullptr ? "input" : node.op->name},
               {"params", params},
               {"inputs", inputs},
               {"shape", node.type.shape},
               {"dtype", to_text(node.type.dtype)},
               {"weights", weight_count(node)},
               {"arrays", arrays},
               {"weight_type", to_text(node.weight_type)},
               {"mult_adds", node.cost.mult_adds},
               {"binary_ops", node.cost.binary_ops},
               {"output_bytes", output_bytes(node)},
               {"weight_bytes", weight_bytes(node)}};
  if (!node.rule.prior.name.empty()) json["prior"] = to_text(node.rule.prior);
  if (!node.rule.proposal.name.empty()) json["proposal"] = to_text(node.rule.proposal);
  if (!node.rule.select.name.empty()) json["select"] = to_text(node.rule.select);
  if (node.epilogue.add != NodeId::none) json["fused_add"] = graph.node(node.epilogue.add).name;
  if (node.epilogue.activation != nullptr) json["fused_activation"] = node.epilogue.activation->name;
  if (node.module != ModuleId::none && !graph.module(node.module).name.empty())
    json["module"] = graph.module(node.module).name;
  return json;
}

}  // namespace

std::string with_blanks(std::int64_t count) {
  std::string digits = fmt::format("{}", count);
  for (std::size_t end = digits.size(); end > 3 + (count < 0 ? 1U : 0U); end -= 3) digits.insert(end - 3, " ");
  return digits;
}

std::string in_short(double number) {
  constexpr std::array<const char*, 5> kSuffixes = {"", " k", " M", " G", " T"};
  std::size_t i = 0;
  for (; number >= 1000 && i + 1 < kSuffixes.size(); ++i) number /= 1000;
  return i == 0 ? fmt::format("{:.0f}", number) : fmt::format("{:.3g}{}", number, kSuffixes[i]);
}

std::string bytes_in_short(std::int64_t bytes) {
  const std::string text = in_short(static_cast<double>(bytes));
  return text.find(' ') == std::string::npos ? text + " B" : text + "B";
}

std::string to_text(const Graph& graph) {
  std::vector<Row> rows = {{"node", "op", "reads", "output", "weights", "mult-adds", "memory", ""}};
  Cost total;
  std::int64_t memory = 0;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const std::int64_t work = node.cost.mult_adds + node.cost.binary_ops;
    rows.push_back({node.name, op_text(graph, node), reads_text(graph, i), to_text(node.type), weights_text(node),
                    work == 0 ? "" : in_short(static_cast<double>(work)),
                    bytes_in_short(output_bytes(node) + weight_bytes(node)), type_text(node)});
    total += node.cost;
    memory += output_bytes(node) + weight_bytes(node);
  }
  const std::string binary =
      total.binary_ops == 0 ? "" : fmt::format(", {} binary ops", in_short(static_cast<double>(total.binary_ops)));
  return fmt::format(
      "{}\n{}{}{}: {} nodes, {} weights, {} multiply-adds{} a sample; memory: {} (weights and one sample)\n",
      graph.name, table_text(rows), modules_text(graph), graph.name, graph.nodes.size(),
      with_blanks(weight_count(graph)), in_short(static_cast<double>(total.mult_adds)), binary, bytes_in_short(memory));
}

std::string graph_to_json(const Graph& graph) {
  Json nodes = Json::array();
  for (const Node& node : graph.nodes) nodes.push_back(json_of(graph, node));
  Json modules = Json::array();
  for (const Module& module : graph.modules) {
    Json json = {{"name", module.name},
                 {"input", graph.node(module.input).name},
                 {"body", graph.node(module.body).name},
                 {"send", to_text(module.send)}};
    if (module.head != NodeId::none) json["head"] = graph.node(module.head).name;
    modules.push_back(json);
  }
  const Cost total = total_cost(graph);
  const Json json = {{"name", graph.name},           {"nodes", nodes},
                     {"modules", modules},           {"weights", weight_count(graph)},
                     {"mult_adds", total.mult_adds}, {"binary_ops", total.binary_ops}};
  return json.dump(2) + "\n";
}

void fuse_for_inference(Graph& graph) {
  Weights none;
  run_passes(graph, none);
}

}  // namespace cleave
