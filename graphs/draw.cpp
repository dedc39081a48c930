#include "graphs/draw.h"

#include <algorithm>

#include <fmt/format.h>

#include "graphs/graph_text.h"

namespace cleave {

namespace {

std::string op_label(const Node& node) {
  if (node.op == nullptr) return fmt::format("input {}", to_text(node.type.shape));
  const std::string name = node.op->name;
  const Params& p = node.params;
  std::string label = name;
  if (name == "conv2d") {
    label += fmt::format(" {0}x{0}, {1} filters", p.integer("kernel"), p.integer("filters"));
    if (p.integer("stride", 1) > 1) label += fmt::format(", stride {}", p.integer("stride"));
    if (p.integer("groups", 1) > 1) label += fmt::format(", {} groups", p.integer("groups"));
  } else if (name == "dense") {
    label += fmt::format(" {} units", p.integer("units"));
  } else if (const ParamValue* size = p.get("size")) {
    label += fmt::format(" {}", to_text(*size));
  }
  if (node.weight_type != WeightType{}) label += fmt::format(" ({})", to_text(node.weight_type));
  if (node.epilogue.add != NodeId::none) label += " + add";
  if (node.epilogue.activation != nullptr) label += fmt::format(" + {}", node.epilogue.activation->name);
  return label;
}

std::string group_of(const Graph& graph, const Node& node) {
  if (node.op == nullptr) return "";
  const Module& module = graph.module(node.module);
  if (!module.name.empty()) return module.name;
  const std::size_t slash = node.name.find('/');
  return slash == std::string::npos ? "" : node.name.substr(0, slash);
}

// Small ops are drawn in the box of the layer they follow, if nothing else reads that layer.
bool joins_box_above(const Graph& graph, const Node& node, const std::vector<int>& readers) {
  if (node.op == nullptr || node.inputs.size() != 1) return false;
  const Node& above = graph.node(node.inputs.front());
  const std::string name = node.op->name;
  const bool small = node.op->elementwise || name == "batch_norm" || name == "flatten" || name == "dropout";
  return small && above.op != nullptr && readers[index_of(node.inputs.front())] == 1 && above.module == node.module &&
         above.part == node.part;
}

// Rails: one column for each value that is still to be read. A box stands on the rail of its first input when that is
// read for the last time, else on a new one.
class Rails {
 public:
  explicit Rails(const std::vector<Box>& boxes) : boxes_(boxes), left_(boxes.size(), 0) {
    for (const Box& box : boxes)
      for (const std::int32_t input : box.inputs) ++left_[static_cast<std::size_t>(input)];
  }

  std::string draw() {
    for (std::size_t i = 0; i < boxes_.size(); ++i) draw_box(static_cast<std::int32_t>(i));
    return text_;
  }

 private:
  void draw_box(std::int32_t id) {
    const Box& box = boxes_[static_cast<std::size_t>(id)];
    for (const std::int32_t input : box.inputs) --left_[static_cast<std::size_t>(input)];
    std::size_t own = 0;
    if (box.inputs.empty()) {
      own = free_rail();
    } else {
      own = rail_of(box.inputs.front());
      if (left_[static_cast<std::size_t>(box.inputs.front())] > 0) {
        const std::size_t from = own;
        own = free_rail();
        rails_[own] = id;
        link(from, own, "╮");
      }
    }
    rails_[own] = id;
    for (std::size_t k = 1; k < box.inputs.size(); ++k) {
      const std::size_t other = rail_of(box.inputs[k]);
      if (other == own || other == rails_.size()) continue;
      const bool last = left_[static_cast<std::size_t>(box.inputs[k])] == 0;
      link(own, other, last ? "╯" : "┤");
      if (!last) continue;
      rails_[std::max(own, other)] = -1;
      own = std::min(own, other);
      rails_[own] = id;
    }
    line(own, label(box));
    if (left_[static_cast<std::size_t>(id)] == 0) rails_[own] = -1;
  }

  static std::string label(const Box& box) {
    const std::string weights = box.weights == 0 ? "" : fmt::format("  {} weights", with_blanks(box.weights));
    const std::string head = box.head ? "  (head)" : "";
    const std::string name = box.inputs.empty() ? "" : fmt::format("{}: ", box.name);
    return fmt::format("{}{}  -> {}{}{}", name, fmt::join(box.ops, " · "), box.shape, weights, head);
  }

  std::size_t rail_of(std::int32_t id) const {
    return static_cast<std::size_t>(std::find(rails_.begin(), rails_.end(), id) - rails_.begin());
  }
  std::size_t free_rail() {
    const std::size_t rail = rail_of(-1);
    if (rail == rails_.size()) rails_.push_back(-1);
    return rail;
  }

  void line(std::size_t own, const std::string& label) {
    std::string row;
    for (std::size_t r = 0; r < rails_.size(); ++r) row += r == own ? "● " : rails_[r] >= 0 ? "│ " : "  ";
    text_ += fmt::format("{} {}\n", row, label);
  }

  // A line between two rails: ├───╮
  void link(std::size_t from, std::size_t to, const char* end) {
    const std::size_t low = std::min(from, to);
    const std::size_t high = std::max(from, to);
    std::string row;
    for (std::size_t r = 0; r <= std::max(high, rails_.size() - 1); ++r) {
      if (r < low || r > high) row += rails_[r] >= 0 ? "│ " : "  ";
      else if (r == low) row += "├─";
      else if (r == high) row += fmt::format("{} ", end);
      else row += rails_[r] >= 0 ? "┼─" : "──";
    }
    row.erase(row.find_last_not_of(' ') + 1);
    text_ += row + "\n";
  }

  const std::vector<Box>& boxes_;
  std::vector<int> left_;  // readers still to come
  std::vector<std::int32_t> rails_;
  std::string text_;
};

std::string quoted(const std::string& text) {
  std::string safe;
  for (const char c : text) safe += c == '"' || c == '\\' ? fmt::format("\\{}", c) : std::string(1, c);
  return fmt::format("\"{}\"", safe);
}

std::string dot_box(std::size_t i, const Box& box) {
  std::string label = box.inputs.empty() ? "" : box.name + "\n";
  for (const std::string& op : box.ops) label += op + "\n";
  if (!box.inputs.empty()) label += box.shape;
  if (box.weights > 0) label += fmt::format(" · {} weights", with_blanks(box.weights));
  std::string escaped = quoted(label);
  for (std::size_t at = 0; (at = escaped.find('\n', at)) != std::string::npos; at += 2) escaped.replace(at, 1, "\\n");
  return fmt::format("    b{} [label={}, fillcolor=\"{}\"]\n", i, escaped, box_colour(box));
}

}  // namespace

std::vector<Box> draw_boxes(const Graph& graph) {
  std::vector<int> readers(graph.nodes.size(), 0);
  for (const Node& node : graph.nodes)
    for (const NodeId input : node.inputs) ++readers[index_of(input)];
  std::vector<Box> boxes;
  std::vector<std::int32_t> box_of(graph.nodes.size(), -1);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (joins_box_above(graph, node, readers)) {
      box_of[i] = box_of[index_of(node.inputs.front())];
    } else {
      box_of[i] = static_cast<std::int32_t>(boxes.size());
      Box box;
      box.name = node.name;
      for (const NodeId input : node.inputs) box.inputs.push_back(box_of[index_of(input)]);
      box.group = group_of(graph, node);
      box.head = node.part == Part::head && !graph.module(node.module).name.empty();
      boxes.push_back(std::move(box));
    }
    Box& box = boxes[static_cast<std::size_t>(box_of[i])];
    box.ops.push_back(op_label(node));
    box.shape = to_text(node.type.shape);
    box.weights += weight_count(node);
  }
  return boxes;
}

std::string to_ascii(const Graph& graph) { return Rails(draw_boxes(graph)).draw(); }

std::string to_dot(const Graph& graph) {
  const std::vector<Box> boxes = draw_boxes(graph);
  std::string text = fmt::format(
      "digraph {} {{\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\", fontsize=10, "
      "margin=\"0.12,0.05\"]\n"
      "  edge [arrowsize=0.6]\n  nodesep=0.25 ranksep=0.25\n",
      quoted(graph.name));
  std::string open;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    if (boxes[i].group != open) {
      if (!open.empty()) text += "  }\n";
      open = boxes[i].group;
      if (!open.empty())
        text += fmt::format("  subgraph {} {{\n    label={}; fontname=\"sans-serif\"; color=\"#b0b0b0\"\n",
                            quoted("cluster_" + open), quoted(open));
    }
    text += dot_box(i, boxes[i]);
  }
  if (!open.empty()) text += "  }\n";
  for (std::size_t i = 0; i < boxes.size(); ++i)
    for (const std::int32_t input : boxes[i].inputs) text += fmt::format("  b{} -> b{}\n", input, i);
  return text + "}\n";
}

}  // namespace cleave
