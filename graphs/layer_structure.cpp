// Blocks are found by dominators (Cooper, Harvey and Kennedy 2001): the nodes through which all ways from the input to
// the output lead form the list. Between two of them there is nothing, or the branches of a join. Where these branches
// have no node in common, they are the parts of a block, and each of them is such a list again; where they have, all of
// the nodes between are written one below the other, reading each other by name.
#include "graphs/layer_structure.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace cleave {

namespace {

constexpr int kDeepest = 5;  // blocks within blocks: a model file may nest 32 levels

// The ways that lead to a join.
struct Branches {
  std::vector<std::set<std::size_t>> nodes;
  bool apart = true;  // no node stands on two of them
};

class Structure {
 public:
  explicit Structure(const Graph& graph) : graph_(graph), dominators_(graph.nodes.size(), 0) {
    for (std::size_t n = 1; n < graph.nodes.size(); ++n) {
      std::size_t common = index_of(graph.nodes[n].inputs.front());
      for (const NodeId input : graph.nodes[n].inputs) common = common_dominator(common, index_of(input));
      dominators_[n] = common;
    }
  }

  // The list of what lies behind `first`, up to `last`.
  std::vector<LayerItem> list(std::size_t first, std::size_t last, int depth) const {
    std::vector<LayerItem> items;
    for (std::size_t at = last; at != first; at = dominators_[at]) {
      std::vector<LayerItem> more = piece(dominators_[at], at, depth);
      items.insert(items.end(), std::make_move_iterator(more.rbegin()), std::make_move_iterator(more.rend()));
    }
    std::reverse(items.begin(), items.end());
    return items;
  }

 private:
  std::size_t common_dominator(std::size_t a, std::size_t b) const {
    while (a != b) (a > b ? a : b) = dominators_[std::max(a, b)];
    return a;
  }

  // What lies behind `from`, which dominates `to` directly, up to it.
  std::vector<LayerItem> piece(std::size_t from, std::size_t to, int depth) const {
    const Node& node = graph_.nodes[to];
    if (node.inputs.size() == 1) return {{.node = id(to), .inside = {id(to)}}};
    const Branches branches = branches_of(from, node);
    if (depth < kDeepest && branches.apart && is_block(node, branches.nodes))
      return {block(from, to, branches.nodes, depth)};
    return flat(from, to, branches.nodes);
  }

  // The nodes on the ways from `from` to each input of `join`, without the first; each counts to one branch only.
  Branches branches_of(std::size_t from, const Node& join) const {
    Branches found;
    std::set<std::size_t> seen;
    for (const NodeId input : join.inputs) {
      std::set<std::size_t>& branch = found.nodes.emplace_back();
      std::vector<std::size_t> open{index_of(input)};
      while (!open.empty()) {
        const std::size_t at = open.back();
        open.pop_back();
        if (at == from || branch.count(at) > 0) continue;
        if (!seen.insert(at).second) {
          found.apart = false;
          continue;
        }
        branch.insert(at);
        for (const NodeId read : graph_.nodes[at].inputs) open.push_back(index_of(read));
      }
    }
    return found;
  }

  static bool is_block(const Node& node, const std::vector<std::set<std::size_t>>& branches) {
    const auto empty =
        std::count_if(branches.begin(), branches.end(), [](const auto& branch) { return branch.empty(); });
    const std::string_view op = node.op->name;
    if (op == "add") return empty == 0 || (empty == 1 && branches.size() == 2);
    return op == "concat" && node.params.integer("axis", 0) == 0 && empty == 0;
  }

  LayerItem block(std::size_t from, std::size_t to, const std::vector<std::set<std::size_t>>& branches,
                  int depth) const {
    const Node& node = graph_.nodes[to];
    const bool residual = std::string_view(node.op->name) == "add" && branches.size() == 2;
    LayerItem item{.kind = residual ? LayerItem::Kind::residual : LayerItem::Kind::parallel, .node = id(to)};
    std::vector<std::size_t> order{0, 1};
    if (residual && branches[1].size() > branches[0].size()) order = {1, 0};
    for (std::size_t i = 0; i < branches.size(); ++i) {
      const std::size_t branch = residual ? order[i] : i;
      if (branches[branch].empty()) continue;  // the shortcut that is the input itself
      item.parts.push_back(list(from, index_of(node.inputs[branch]), depth + 1));
      for (const LayerItem& inner : item.parts.back())
        item.inside.insert(item.inside.end(), inner.inside.begin(), inner.inside.end());
    }
    item.inside.push_back(id(to));
    return item;
  }

  std::vector<LayerItem> flat(std::size_t from, std::size_t to,
                              const std::vector<std::set<std::size_t>>& branches) const {
    std::set<std::size_t> nodes{to};
    for (const std::set<std::size_t>& branch : branches) nodes.insert(branch.begin(), branch.end());
    std::vector<LayerItem> items;
    std::size_t above = from;
    for (const std::size_t n : nodes) {
      LayerItem item{.node = id(n), .inside = {id(n)}};
      if (graph_.nodes[n].inputs != std::vector<NodeId>{id(above)}) item.from = graph_.nodes[n].inputs;
      items.push_back(std::move(item));
      above = n;
    }
    return items;
  }

  static NodeId id(std::size_t index) { return NodeId{static_cast<std::int32_t>(index)}; }

  const Graph& graph_;
  std::vector<std::size_t> dominators_;  // the nearest node through which all ways to this one lead
};

}  // namespace

std::vector<LayerItem> layer_structure(const Graph& graph) {
  std::vector<LayerItem> items = Structure(graph).list(0, index_of(graph.output), 0);
  items = with_repeats(graph, std::move(items));
  name_layers(graph, items);
  return items;
}

}  // namespace cleave
