// How the layers of a file become nodes. A list of layers is walked from top to bottom with two things in hand: the
// node the next layer reads, and the names it may refer to (those above it in its own and the enclosing lists). A layer
// with a mistake yields no node (NodeId::none), and what would read it is left out without a further word. Names are
// paths: "stem", "g1/0/residual/conv2d", "h1/head/dense".
#include "graphs/build.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "ops/core/catalog.h"

namespace cleave {

namespace {

// The settings in force, nearest first merged over those further out.
struct Scope {
  WeightType weights;
  std::optional<Law> prior, proposal;
  std::optional<SelectSpec> select;
  SourcePos prior_pos, proposal_pos;

  Scope with(const SettingsSpec& nearer) const {
    Scope scope = *this;
    if (nearer.weights) scope.weights = *nearer.weights;
    if (nearer.prior) {
      scope.prior = nearer.prior;
      scope.prior_pos = nearer.prior_pos;
    }
    if (nearer.proposal) {
      scope.proposal = nearer.proposal;
      scope.proposal_pos = nearer.proposal_pos;
    }
    if (nearer.select) scope.select = nearer.select;
    return scope;
  }
};

// A layer above that can be read by name; `node` is none when it had a mistake.
struct Named {
  NodeId node = NodeId::none;
  bool broken = false;
};
using Names = std::map<std::string, Named>;

// What the next layer reads: nodes, or a mistake further up.
struct Flowing {
  std::vector<NodeId> nodes;
  bool broken = false;
};

class Builder {
 public:
  Builder(const ModelSpec& spec, const Language& language, Diagnostics& found)
      : spec_(spec), language_(language), found_(found) {}

  Graph build() {
    graph_.name = spec_.name;
    graph_.loss = {spec_.loss, spec_.reduce};
    if (!spec_.has_network) return std::move(graph_);
    Node input;
    input.name = "input";
    input.pos = spec_.input.pos;
    input.type = {DType::f32, spec_.input.shape};
    input.part = Part::input;
    graph_.nodes.push_back(std::move(input));
    const Scope scope = Scope{}.with(spec_.settings);
    if (spec_.modules.empty()) build_layers(scope);
    else build_modules(scope);
    check_unique_names();
    return std::move(graph_);
  }

 private:
  // A network of layers is one module without a name, all of it head: it is trained and scored by its output.
  void build_layers(const Scope& scope) {
    module_ = ModuleId{0};
    part_ = Part::head;
    const NodeId input{0};
    const Flowing out = add_list(spec_.layers, scope, input_flow(), {{"input", {input, input_flow().broken}}}, "");
    Module module;
    module.input = input;
    module.body = input;
    module.head = out.broken ? NodeId::none : out.nodes.front();
    graph_.output = module.head;
    graph_.modules.push_back(std::move(module));
  }

  // Without a shape there are no types, but names can still be looked up.
  Flowing input_flow() const { return {{NodeId{0}}, spec_.input.shape.empty()}; }

  // Names given by the user that meet those made from ops; a name given twice was told before.
  void check_unique_names() {
    std::map<std::string, SourcePos> seen;
    if (name_told_) return;
    for (const Node& node : graph_.nodes) {
      const auto [first, fresh] = seen.emplace(node.name, node.pos);
      if (fresh) continue;
      Diagnostic& twice = found_.add(node.pos, fmt::format("a second layer is called '{}' in full", node.name),
                                     "name one of the two otherwise");
      found_.note(twice, first->second, "the first one");
    }
  }

  void build_modules(const Scope& scope) {
    Flowing reading = input_flow();
    std::set<std::string> modules;
    for (const ModuleSpec& spec : spec_.modules) {
      if (!modules.insert(spec.name).second) name_told_ = true;
      module_ = ModuleId{static_cast<std::int32_t>(graph_.modules.size())};
      Module module;
      module.name = spec.name;
      module.send = spec.send;
      module.input = reading.broken ? NodeId::none : reading.nodes.front();
      const Scope nearer = scope.with(spec.settings);
      const Flowing body = add_part(spec.body, nearer, reading, Part::body, spec.name);
      if (!body.broken && !spec.body.layers.empty()) set_sent(body.nodes.front(), spec.send);
      if (spec.head) {
        const Flowing head = add_part(*spec.head, nearer, body, Part::head, spec.name + "/head");
        module.head = head.broken ? NodeId::none : head.nodes.front();
      }
      module.body = body.broken ? NodeId::none : body.nodes.front();
      check_send(spec, module);
      graph_.output = module.head != NodeId::none ? module.head : module.body;
      graph_.modules.push_back(std::move(module));
      reading = body;
    }
  }

  Flowing add_part(const PartSpec& part, const Scope& scope, const Flowing& reading, Part kind,
                   const std::string& prefix) {
    part_ = kind;
    Names names;
    names["input"] = {reading.broken ? NodeId::none : reading.nodes.front(), reading.broken};
    return add_list(part.layers, scope.with(part.settings), reading, names, prefix);
  }

  // What a body gives is rounded to what it is sent as where it is computed, so that results are the same wherever it
  // is read. Bits are smaller than any of them.
  void set_sent(NodeId body, DType send) {
    Node& node = graph_.node(body);
    if (node.op == nullptr || node.type.dtype != DType::f32 || (send != DType::f16 && send != DType::i8)) return;
    node.type.dtype = send;
    node.cost = node.op->cost(node.params, input_types(graph_, node), node.type, node.weight_type, 1);
  }

  void check_send(const ModuleSpec& spec, const Module& module) {
    if (spec.send != DType::bit || module.body == NodeId::none) return;
    if (graph_.node(module.body).type.dtype != DType::bit)
      found_.add(spec.pos, fmt::format("module '{}' sends bits, but its body does not end in sign", spec.name),
                 "end the body with sign, or send f16");
  }

  // Adds the layers of a list; returns what its last one gives.
  Flowing add_list(const std::vector<LayerSpec>& layers, const Scope& scope, Flowing reading, Names names,
                   const std::string& prefix) {
    std::map<std::string, int> used;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const LayerSpec& layer = layers[i];
      const Flowing inputs = layer.from.empty() ? reading : resolve(layer, names, below(layers, i));
      const std::string name = join(prefix, local_name(layer, used));
      reading = layer.broken ? Flowing{{}, true} : add_layer(layer, scope.with(layer.settings), inputs, names, name);
      if (names.count(layer.name) > 0) name_told_ = true;
      if (!layer.name.empty())
        names[layer.name] = {reading.broken ? NodeId::none : reading.nodes.front(), reading.broken};
    }
    return reading;
  }

  static std::string join(const std::string& prefix, const std::string& name) {
    return prefix.empty() ? name : prefix + "/" + name;
  }

  // The layer's own name, else its op's with a number from the second on.
  static std::string local_name(const LayerSpec& layer, std::map<std::string, int>& used) {
    if (!layer.name.empty()) return layer.name;
    const int count = ++used[layer.op];
    return count == 1 ? layer.op : fmt::format("{}_{}", layer.op, count);
  }

  // Names that stand below layer `i` of its list: reading one of them would be a cycle.
  static std::vector<std::string> below(const std::vector<LayerSpec>& layers, std::size_t i) {
    std::vector<std::string> names;
    for (std::size_t j = i; j < layers.size(); ++j)
      if (!layers[j].name.empty()) names.push_back(layers[j].name);
    return names;
  }

  Flowing resolve(const LayerSpec& layer, const Names& names, const std::vector<std::string>& later) {
    Flowing inputs;
    for (const NameRef& ref : layer.from) {
      const auto known = names.find(ref.name);
      if (known != names.end()) {
        inputs.broken = inputs.broken || known->second.broken;
        inputs.nodes.push_back(known->second.node);
        continue;
      }
      inputs.broken = true;
      if (std::find(later.begin(), later.end(), ref.name) != later.end()) {
        found_.add(ref.pos, fmt::format("'{}' does not stand above this layer: reading it would be a cycle", ref.name),
                   "a layer reads layers above it");
        continue;
      }
      std::vector<std::string> all;
      for (const auto& [name, node] : names) all.push_back(name);
      const std::string near = found_.too_many() ? "" : closest_name(ref.name, all);
      const std::string hint =
          near.empty() ? fmt::format("named above: {}", some_of(all)) : fmt::format("did you mean '{}'?", near);
      found_.add(ref.pos, fmt::format("no layer '{}' above this one", ref.name), hint, near);
    }
    return inputs;
  }

  Flowing add_layer(const LayerSpec& layer, const Scope& scope, const Flowing& inputs, const Names& names,
                    const std::string& name) {
    if (layer.op == "residual") return add_residual(layer, scope, inputs, names, name);
    if (layer.op == "parallel") return add_parallel(layer, scope, inputs, names, name);
    if (layer.op == "repeat") return add_repeat(layer, scope, inputs, names, name);
    if (inputs.broken) return inputs;
    const OpDef* op = find(language_.ops, layer.op);
    return add_node(*op, layer.params, layer, scope, inputs, name);
  }

  Flowing add_residual(const LayerSpec& layer, const Scope& scope, const Flowing& inputs, const Names& names,
                       const std::string& name) {
    if (!one_input(layer, inputs)) return {{}, true};
    const PartSpec& body = layer.parts.front();
    const Flowing main = add_list(body.layers, scope.with(body.settings), inputs, names, name);
    Flowing other = inputs;
    if (layer.parts.size() > 1) {
      const PartSpec& shortcut = layer.parts[1];
      other = add_list(shortcut.layers, scope.with(shortcut.settings), inputs, names, name + "/shortcut");
    }
    if (main.broken || other.broken) return {{}, true};
    return add_join("add", layer, scope, {{main.nodes.front(), other.nodes.front()}, false}, name);
  }

  Flowing add_parallel(const LayerSpec& layer, const Scope& scope, const Flowing& inputs, const Names& names,
                       const std::string& name) {
    if (!one_input(layer, inputs)) return {{}, true};
    Flowing outputs;
    for (std::size_t i = 0; i < layer.parts.size(); ++i) {
      const PartSpec& branch = layer.parts[i];
      const Flowing out =
          add_list(branch.layers, scope.with(branch.settings), inputs, names, fmt::format("{}/{}", name, i));
      outputs.broken = outputs.broken || out.broken;
      if (!out.broken) outputs.nodes.push_back(out.nodes.front());
    }
    if (outputs.broken) return outputs;
    if (outputs.nodes.size() < 2) {
      found_.add(layer.pos, "parallel needs at least two branches");
      return {{}, true};
    }
    return add_join(layer.params.text("join", "concat"), layer, scope, outputs, name);
  }

  Flowing add_repeat(const LayerSpec& layer, const Scope& scope, const Flowing& inputs, const Names& names,
                     const std::string& name) {
    const PartSpec& body = layer.parts.front();
    Flowing reading = inputs;
    for (std::int64_t i = 0; i < layer.params.integer("times", 1) && !reading.broken; ++i) {
      if (graph_.nodes.size() > static_cast<std::size_t>(kMaxNodes)) {
        found_.add(layer.pos, fmt::format("more than {} layers, repeats expanded", kMaxNodes));
        return {{}, true};
      }
      reading = add_list(body.layers, scope.with(body.settings), reading, names, fmt::format("{}/{}", name, i));
    }
    return reading;
  }

  bool one_input(const LayerSpec& layer, const Flowing& inputs) {
    if (inputs.broken) return false;
    if (inputs.nodes.size() == 1) return true;
    found_.add(layer.pos, fmt::format("{} reads one layer, not {}", layer.op, inputs.nodes.size()));
    return false;
  }

  // The node that joins a block's branches; it carries the block's name.
  Flowing add_join(const std::string& op, const LayerSpec& layer, const Scope& scope, const Flowing& inputs,
                   const std::string& name) {
    const OpDef& def = *find(language_.ops, op);
    Params params;
    if (op == "concat") params.set("axis", std::int64_t{0});
    return add_node(def, params, layer, scope, inputs, name);
  }

  Flowing add_node(const OpDef& op, const Params& params, const LayerSpec& layer, const Scope& scope,
                   const Flowing& inputs, const std::string& name) {
    Node node;
    node.name = name;
    node.op = &op;
    node.params = params;
    node.inputs = inputs.nodes;
    node.module = module_;
    node.part = part_;
    node.pos = layer.pos;
    node.weight_type = scope.weights;
    std::vector<TensorType> types;
    for (const NodeId id : inputs.nodes) types.push_back(graph_.node(id).type);
    const auto count = static_cast<int>(types.size());
    try {
      check_input_count(op, count);
      node.type = op.infer(params, types);
      if (op.weights != nullptr) node.weights = op.weights(params, types, node.weight_type);
    } catch (const OpError& error) {
      report_misfit(layer, op, inputs, error.what());
      return {{}, true};
    }
    finish_node(node, op, types, scope, layer);
    graph_.nodes.push_back(std::move(node));
    return {{NodeId{static_cast<std::int32_t>(graph_.nodes.size() - 1)}}, false};
  }

  static void check_input_count(const OpDef& op, int count) {
    if (count >= op.min_inputs && (op.max_inputs < 0 || count <= op.max_inputs)) return;
    const std::string wanted =
        op.min_inputs == op.max_inputs ? fmt::format("{}", op.min_inputs) : fmt::format("at least {}", op.min_inputs);
    throw OpError(fmt::format("reads {} layer{}, not {}", wanted, op.min_inputs == 1 ? "" : "s", count));
  }

  void report_misfit(const LayerSpec& layer, const OpDef& op, const Flowing& inputs, const std::string& what) {
    SourcePos pos = layer.pos;
    pos.length = static_cast<int>(layer.op.size());
    constexpr std::array kVerbs = {"needs ", "reads ", "gives ", "takes ", "cannot "};
    const bool verb =
        std::any_of(kVerbs.begin(), kVerbs.end(), [&](const char* word) { return what.starts_with(word); });
    const std::string name = op.name == layer.op ? op.name : fmt::format("the {} of {}", op.name, layer.op);
    Diagnostic& misfit = found_.add(pos, fmt::format("{}{} {}", name, verb ? "" : ":", what));
    for (std::size_t i = 0; i < inputs.nodes.size(); ++i) {
      const Node& input = graph_.node(inputs.nodes[i]);
      const bool told = std::find(inputs.nodes.begin(), inputs.nodes.begin() + static_cast<std::ptrdiff_t>(i),
                                  inputs.nodes[i]) != inputs.nodes.begin() + static_cast<std::ptrdiff_t>(i);
      if (!told) found_.note(misfit, input.pos, fmt::format("'{}' gives {}", input.name, to_text(input.type.shape)));
    }
  }

  void finish_node(Node& node, const OpDef& op, const std::vector<TensorType>& types, const Scope& scope,
                   const LayerSpec& layer) {
    const bool has_kernel = std::any_of(node.weights.begin(), node.weights.end(),
                                        [](const WeightSlot& slot) { return slot.role == Role::kernel; });
    if (!has_kernel) node.weight_type = {};
    else set_rule(node, scope, layer);
    if (!has_kernel && layer.op == op.name) refuse_settings(layer);
    node.cost = op.cost(node.params, types, node.type, node.weight_type, 1);
  }

  // Settings on a layer that has nothing they could be about.
  void refuse_settings(const LayerSpec& layer) {
    const SettingsSpec& own = layer.settings;
    SourcePos pos = layer.pos;
    pos.length = static_cast<int>(layer.op.size());
    for (const auto& [stated, key] : {std::pair(own.weights.has_value(), "weights"),
                                      {own.prior.has_value(), "prior"},
                                      {own.proposal.has_value(), "proposal"},
                                      {own.select.has_value(), "select"}})
      if (stated)
        found_.add(pos, fmt::format("{} has no weights to learn, so '{}' says nothing here", layer.op, key),
                   fmt::format("remove '{}'", key));
  }

  void set_rule(Node& node, const Scope& scope, const LayerSpec& layer) {
    if (scope.prior) node.rule.prior = *scope.prior;
    if (scope.proposal) node.rule.proposal = *scope.proposal;
    if (scope.select) {
      const auto own = scope.select->by_op.find(layer.op);
      node.rule.select = own != scope.select->by_op.end() ? own->second : scope.select->law;
    }
    check_fits(node, node.rule.prior, language_.priors, scope.prior_pos, "prior");
    check_fits(node, node.rule.proposal, language_.proposals, scope.proposal_pos, "proposal");
  }

  // "real", "binary", "ternary" or "quantized".
  static std::string kind_of(const WeightType& type) {
    if (type.is_binary()) return "binary";
    if (type.grid == WeightType::Grid::ternary) return "ternary";
    return type.grid == WeightType::Grid::quantized ? "quantized" : "real";
  }

  // A law made for binary weights on real ones, or the reverse.
  void check_fits(const Node& node, const Law& law, const std::vector<LawDef>& catalog, const SourcePos& pos,
                  const char* what) {
    const LawDef* def = law.name.empty() ? nullptr : find(std::span<const LawDef>(catalog), law.name);
    const std::string weights = kind_of(node.weight_type);
    const auto fits = [&](const LawDef& row) {
      return row.weights == nullptr || std::string_view(row.weights).find(weights) != std::string_view::npos;
    };
    if (def == nullptr || fits(*def)) return;
    if (!misfits_.insert({pos.file, pos.line, pos.col}).second) return;  // one statement, told for its first layer
    std::vector<std::string> fitting;
    for (const LawDef& other : catalog)
      if (fits(other)) fitting.emplace_back(other.name);
    Diagnostic& misfit = found_.add(
        pos,
        fmt::format("the {} {} is for {} weights, '{}' has {} ones", what, law.name, def->weights, node.name, weights),
        fmt::format("for {} weights: {}", weights, fmt::join(fitting, ", ")));
    found_.note(misfit, node.pos, fmt::format("'{}'", node.name));
  }

  const ModelSpec& spec_;
  const Language& language_;
  Diagnostics& found_;
  Graph graph_;
  ModuleId module_ = ModuleId::none;
  Part part_ = Part::body;
  bool name_told_ = false;                               // a name given twice was reported
  std::set<std::tuple<std::string, int, int>> misfits_;  // places of laws reported as not fitting
};

}  // namespace

Graph build_graph(const ModelSpec& spec, const Language& language, Diagnostics& found) {
  return Builder(spec, language, found).build();
}

Model load_model(const std::string& path, const Language& language, const std::vector<std::string>& sets) {
  Model model;
  Diagnostics found(model.reading.sources);
  read_model(path, language, sets, model.reading, found);
  model.graph = build_graph(model.reading.spec, language, found);
  if (found.empty()) check_placed_nodes(model.reading.doc, model.graph, found);
  found.throw_if_any();
  return model;
}

Model load_model_text(const std::string& file, const std::string& text, const Language& language,
                      const std::vector<std::string>& sets) {
  Model model;
  Diagnostics found(model.reading.sources);
  read_model_text(file, text, language, sets, model.reading, found);
  model.graph = build_graph(model.reading.spec, language, found);
  if (found.empty()) check_placed_nodes(model.reading.doc, model.graph, found);
  found.throw_if_any();
  return model;
}

}  // namespace cleave
