// Names of layers. A file's names are paths ("layer1.0.conv1", "/features/3/Conv"); ours are as well, made of the names
// of the blocks a layer stands in. So a block is called by what the names of its layers have in common, and they by
// what is left.
#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "graphs/layer_structure.h"
#include "graphs/schema.h"
#include "graphs/yaml_reader.h"
#include "ops/core/catalog.h"

namespace cleave {

namespace {

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// True for what the language itself calls layers without a name: "relu", "conv2d_3".
bool is_made_name(const std::string& name) {
  const std::size_t end = name.find_last_not_of("0123456789");
  const bool counted = end != std::string::npos && end + 1 < name.size() && name[end] == '_';
  const std::string stem = counted ? name.substr(0, end) : name;
  return find(op_catalog(), stem) != nullptr || find(block_catalog(), stem) != nullptr;
}

// Returns the text as a name of the language: its parts with '_' between, short enough; "" where nothing is left of it
// or it says nothing.
std::string as_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    if (is_letter_or_digit(c) || c == '-') name += c;
    else if (!name.empty() && name.back() != '_') name += '_';
  }
  while (!name.empty() && (name.back() == '_' || name.back() == '-')) name.pop_back();
  name.erase(0, std::min(name.find_first_not_of("-_"), name.size()));
  if (name.size() > kMaxNameLength / 2) name.resize(kMaxNameLength / 2);
  const bool number = std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
  static constexpr std::string_view kTaken[] = {"input", "null", "Null", "NULL", "true", "false"};
  const bool taken = std::find(std::begin(kTaken), std::end(kTaken), name) != std::end(kTaken);
  if (number || taken || is_made_name(name)) return "";
  return name;
}

// True for a name that an exporter made of op and number: "Conv_17", "node_Conv_3", "/Conv".
bool says_nothing(std::string_view name) {
  const std::size_t last = name.find_last_of("/.");
  if (last != std::string_view::npos && last > 0) return false;
  std::string bare;
  for (const char c : name)
    if (c >= 'A' && c <= 'z' && c != '_') bare += c;
  static constexpr std::string_view kOps[] = {"Conv", "Gemm", "MatMul", "nodeConv", "nodeGemm", "nodeMatMul", "n"};
  return bare.empty() || std::find(std::begin(kOps), std::end(kOps), bare) != std::end(kOps);
}

// What two names have in common at their ends, from a mark between two parts on.
std::string common_end(const std::string& a, const std::string& b) {
  if (a == b) return a;
  std::size_t length = 0;
  while (length < std::min(a.size(), b.size()) && a[a.size() - 1 - length] == b[b.size() - 1 - length]) ++length;
  const std::string end = a.substr(a.size() - length);
  const auto mark = std::find_if_not(end.begin(), end.end(), is_letter_or_digit);
  return {mark, end.end()};
}

class Names {
 public:
  Names(const Graph& graph, const std::vector<LayerItem>& items) {
    for (const Node& node : graph.nodes) names_.push_back(says_nothing(node.name) ? "" : node.name);
    note_read(graph, items);
    for (const auto& [id, name] : read_) seen_.insert(name);
  }

  // `seen` are the names of the lists around this one, which none in it may have.
  void name_list(const Graph& graph, std::vector<LayerItem>& items, std::string_view prefix,
                 std::set<std::string> seen) {
    for (LayerItem& item : items) {
      std::string inner(prefix);
      if (item.kind == LayerItem::Kind::repeat) note_iterations(item);
      const std::string common = item.kind == LayerItem::Kind::layer ? "" : common_prefix(item.inside);
      if (const auto read = read_.find(item.node); read != read_.end()) {
        item.name = read->second;
      } else if (item.kind == LayerItem::Kind::layer) {
        item.name = unused(seen, own_name(graph.node(item.node), index_of(item.node), prefix));
      } else if (common.size() > prefix.size() && is_all_of(common, item.inside)) {
        item.name = unused(seen, as_name(std::string_view(common).substr(prefix.size())));
        if (!item.name.empty()) inner = common;
      } else if (item.kind == LayerItem::Kind::repeat) {
        item.name = unused(seen, range_name(item, prefix));
      }
      if (item.kind == LayerItem::Kind::repeat) {
        keep_ends(item);
        inner.clear();
      }
      for (std::vector<LayerItem>& part : item.parts) name_list(graph, part, inner, seen);
    }
  }

  std::set<std::string> seen() const { return seen_; }

 private:
  // Those that are read by name are called differently throughout, so that none hides another.
  void note_read(const Graph& graph, const std::vector<LayerItem>& items) {
    for (const LayerItem& item : items) {
      for (const NodeId id : item.from)
        if (read_.count(id) == 0) read_[id] = id == NodeId{0} ? "input" : fresh(graph.node(id), index_of(id));
      for (const std::vector<LayerItem>& part : item.parts) note_read(graph, part);
    }
  }

  std::string fresh(const Node& node, std::size_t index) {
    const std::string wanted = as_name(names_[index]);
    const std::string stem = wanted.empty() ? fmt::format("{}-{}", node.op->name, index) : wanted;
    std::string name = stem;
    for (int i = 2; !taken_.insert(name).second; ++i) name = fmt::format("{}-{}", stem, i);
    return name;
  }

  std::string own_name(const Node& node, std::size_t index, std::string_view prefix) const {
    const bool kernel = std::any_of(node.weights.begin(), node.weights.end(),
                                    [](const WeightSlot& slot) { return slot.role == Role::kernel; });
    if (!kernel) return "";
    std::string_view rest = names_[index];
    if (rest.starts_with(prefix)) rest.remove_prefix(prefix.size());
    return as_name(rest);
  }

  static std::string unused(std::set<std::string>& seen, const std::string& name) {
    if (name.empty() || seen.insert(name).second) return name;
    for (int i = 2; i < 10; ++i)
      if (std::string other = fmt::format("{}_{}", name, i); seen.insert(other).second) return other;
    return "";
  }

  // A body stands for several layers: it keeps of their names what is the same in all of them, at the end.
  void note_iterations(const LayerItem& repeat) {
    const std::size_t length = repeat.inside.size() / static_cast<std::size_t>(repeat.times);
    ends_.assign(length, "");
    for (std::size_t i = 0; i < length; ++i) {
      ends_[i] = names_[index_of(repeat.inside[i])];
      for (std::size_t other = i + length; other < repeat.inside.size(); other += length)
        ends_[i] = common_end(ends_[i], names_[index_of(repeat.inside[other])]);
    }
  }
  void keep_ends(const LayerItem& repeat) {
    for (std::size_t i = 0; i < ends_.size(); ++i) names_[index_of(repeat.inside[i])] = ends_[i];
  }

  // What the names of these nodes begin with, up to the last mark between two parts.
  std::string common_prefix(const std::vector<NodeId>& nodes) const {
    const std::string* first = nullptr;
    std::size_t common = 0;
    for (const NodeId id : nodes) {
      const std::string& name = names_[index_of(id)];
      if (name.empty()) continue;
      if (first == nullptr) {
        first = &name;
        common = name.size();
      }
      std::size_t i = 0;
      while (i < common && i < name.size() && name[i] == (*first)[i]) ++i;
      common = i;
    }
    while (common > 0 && is_letter_or_digit((*first)[common - 1])) --common;
    return first == nullptr ? "" : first->substr(0, common);
  }

  // "layer2_1-3" for a repeat of layer2.1, layer2.2 and layer2.3; empty where its turns have no such names.
  std::string range_name(const LayerItem& repeat, std::string_view prefix) const {
    const auto length = static_cast<std::ptrdiff_t>(repeat.inside.size()) / repeat.times;
    std::string first = common_prefix({repeat.inside.begin(), repeat.inside.begin() + length});
    std::string last = common_prefix({repeat.inside.end() - length, repeat.inside.end()});
    if (first.size() <= prefix.size() || !is_all_of(first, {repeat.inside.begin(), repeat.inside.begin() + length}))
      return "";
    for (std::string* name : {&first, &last})
      while (!name->empty() && !is_letter_or_digit(name->back())) name->pop_back();
    const std::size_t digits = last.find_last_not_of("0123456789") + 1;
    if (digits == last.size() || first.compare(0, digits, last, 0, digits) != 0) return "";
    const std::string from = as_name(std::string_view(first).substr(prefix.size()));
    return from.empty() ? "" : fmt::format("{}-{}", from, last.substr(digits));
  }

  // True where nobody else's name begins like this.
  bool is_all_of(const std::string& prefix, const std::vector<NodeId>& nodes) const {
    const auto begins = [&](const std::string& name) { return name.starts_with(prefix); };
    const auto inside =
        std::count_if(nodes.begin(), nodes.end(), [&](NodeId id) { return begins(names_[index_of(id)]); });
    return std::count_if(names_.begin(), names_.end(), begins) == inside;
  }

  std::vector<std::string> names_;  // by node, as one would like them
  std::map<NodeId, std::string> read_;
  std::set<std::string> taken_, seen_;
  std::vector<std::string> ends_;
};

}  // namespace

void name_layers(const Graph& graph, std::vector<LayerItem>& items) {
  Names names(graph, items);
  names.name_list(graph, items, "", names.seen());
}

}  // namespace cleave
