// One walk over the nodes that the output depends on, in the file's order. What a node cannot be taken for is noted,
// what reads it is left out without a further word, and all is told at the end. So a file's faults are known at once.
#include "graphs/onnx_convert.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graphs/onnx_input.h"
#include "graphs/onnx_work.h"
#include "ops/core/catalog.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

class Conversion {
 public:
  Conversion(const OnnxGraph& source, const OnnxImportOptions& options, const std::string& path)
      : work_{.source = source}, options_(options), path_(path) {}

  OnnxNetwork run() {
    const OnnxValue& output = chosen_output(work_.source, options_.output, path_);
    find_needed(output.name);
    note_unsound_weights();
    add_inputs();
    for (std::size_t i = 0; i < work_.source.nodes.size(); ++i)
      if (needed_nodes_[i]) convert(work_.source.nodes[i]);
    if (!faults_.empty()) report();
    try {
      finish(output.name);
    } catch (const OpError& error) {
      refuse(path_, fmt::format("its output '{}' {}", printable(output.name), error.what()));
    }
    return {std::move(work_.graph), std::move(work_.weights), std::move(work_.notes)};
  }

 private:
  // Marks the nodes that the output depends on, and counts who reads what.
  void find_needed(const std::string& output) {
    const std::vector<OnnxNode>& nodes = work_.source.nodes;
    needed_nodes_.assign(nodes.size(), false);
    needed_ = {output};
    ++work_.readers[output];
    for (std::size_t i = nodes.size(); i-- > 0;) {
      const std::vector<std::string>& gives = nodes[i].outputs;
      needed_nodes_[i] = std::any_of(gives.begin(), gives.end(),
                                     [&](const std::string& name) { return !name.empty() && needed_.count(name) > 0; });
      if (!needed_nodes_[i]) continue;
      for (const std::string& name : nodes[i].inputs) {
        needed_.insert(name);
        ++work_.readers[name];
      }
    }
  }

  // All weights that are not finite are told, whoever reads them. Bounds may be infinite.
  void note_unsound_weights() {
    for (std::size_t i = 0; i < work_.source.nodes.size(); ++i)
      for (const std::string& name : work_.source.nodes[i].inputs) {
        const auto found = work_.source.constants.find(name);
        if (!needed_nodes_[i] || work_.source.nodes[i].op == "Clip" || found == work_.source.constants.end()) continue;
        const std::vector<float>& values = found->second.reals;
        const auto bad = std::find_if_not(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
        if (bad == values.end() || !broken_.insert(name).second) continue;
        faults_.push_back(
            fmt::format("weights '{}': value {} is {}, must be finite", printable(name), bad - values.begin(), *bad));
      }
  }

  // Ops by their kind alone, for a file of which nothing else can be said.
  void report_unknown() {
    for (std::size_t i = 0; i < work_.source.nodes.size(); ++i)
      if (needed_nodes_[i] && op_of(work_.source.nodes[i]) == nullptr) fail(work_.source.nodes[i], "");
    if (!faults_.empty()) report();
  }

  static const OnnxOpDef* op_of(const OnnxNode& node) {
    return node.domain.empty() ? find(onnx_op_catalog(), node.op) : nullptr;
  }

  void add_inputs() {
    const OnnxValue* input = nullptr;
    for (const OnnxValue& value : work_.source.inputs) {
      if (needed_.count(value.name) == 0) continue;
      if (input != nullptr)
        refuse(path_, fmt::format("it reads two inputs, '{}' and '{}'; one is taken", printable(input->name),
                                  printable(value.name)));
      input = &value;
    }
    if (input == nullptr) report_unknown();
    if (input == nullptr) refuse(path_, "its output depends on no input");
    set_input(work_, *input, options_.shapes, path_);
  }

  void convert(const OnnxNode& node) {
    const OnnxOpDef* op = op_of(node);
    if (op == nullptr) return fail(node, "");
    if (std::any_of(node.inputs.begin(), node.inputs.end(),
                    [&](const std::string& name) { return broken_.count(name) > 0; })) {
      ++unseen_;
      return mark_broken(node);
    }
    try {
      check(*op, node);
      if (!fold_constant(work_, node)) op->convert(work_, node);
    } catch (const OpError& error) {
      fail(node, error.what());
    }
  }

  void check(const OnnxOpDef& op, const OnnxNode& node) const {
    const auto inputs = static_cast<int>(node.inputs.size());
    if (inputs < op.min_inputs || (op.max_inputs >= 0 && inputs > op.max_inputs) || node.outputs.empty())
      throw OpError(fmt::format("has {} inputs and {} outputs", inputs, node.outputs.size()));
    const std::string known = fmt::format("|{}|", op.attributes);
    for (const OnnxAttribute& attribute : node.attributes)
      if (known.find(fmt::format("|{}|", attribute.name)) == std::string::npos)
        throw OpError(fmt::format("has the attribute '{}', which is not taken", printable(attribute.name)));
    for (const std::string& name : node.inputs)
      if (!name.empty() && work_.flows.count(name) == 0 && constant_of(work_, name) == nullptr)
        throw OpError(fmt::format("reads '{}', which nothing above it gives", printable(name)));
  }

  void fail(const OnnxNode& node, const std::string& why) {
    const std::string domain = node.domain.empty() ? "" : printable(node.domain) + ".";
    const std::string name = !node.name.empty()     ? fmt::format("'{}'", printable(node.name))
                             : node.outputs.empty() ? "without a name"
                                                    : fmt::format("that gives '{}'", printable(node.outputs.front()));
    faults_.push_back(fmt::format("{}{} {}{}{}", domain, printable(node.op), name,
                                  why.empty() ? " is an op that is not taken" : ": ", why));
    mark_broken(node);
  }

  void mark_broken(const OnnxNode& node) { broken_.insert(node.outputs.begin(), node.outputs.end()); }

  [[noreturn]] void report() const {
    const std::size_t count = faults_.size();
    const std::string rest =
        unseen_ == 0 ? "" : fmt::format("\n  ({} more nodes read what these give, and cannot be judged yet)", unseen_);
    refuse(path_, fmt::format("cannot be imported for {} reason{}:\n  {}{}", count, count == 1 ? "" : "s",
                              fmt::join(faults_, "\n  "), rest));
  }

  void finish(const std::string& name) {
    const auto found = work_.flows.find(name);
    if (found == work_.flows.end()) throw OpError("is constant, or nothing gives it");
    OnnxFlow flow = padded(work_, found->second);
    if (!flow.columns.empty() || !flow.axes.empty()) {
      work_.notes.push_back(
          fmt::format("the output '{}' comes in the order channel, row, column, not as the file's "
                      "last Transpose has it",
                      printable(name)));
      flow = flow_from(work_, flow.node);
    }
    if (work_.signs > 0)
      work_.notes.emplace_back("sign gives +1 for 0, where ONNX's gives 0; other values are the same");
    const bool known = flow.shape.size() == 1 || flow.shape.size() == 3;
    work_.graph.output = known ? plain(work_, flow) : flow.node;
    if (work_.graph.output == NodeId{0}) throw OpError("is the input: there is nothing to compute");
    work_.graph.modules[0].head = work_.graph.output;
  }

  OnnxWork work_;
  const OnnxImportOptions& options_;
  const std::string& path_;
  std::vector<bool> needed_nodes_;
  std::set<std::string> needed_, broken_;
  std::vector<std::string> faults_;
  int unseen_ = 0;  // nodes behind one with a fault
};

}  // namespace

OnnxNetwork convert_onnx(const OnnxGraph& source, const OnnxImportOptions& options, const std::string& path) {
  return Conversion(source, options, path).run();
}

}  // namespace cleave
