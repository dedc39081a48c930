#include "engine/cli/evaluation.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/runtime/fit_memory.h"
#include "engine/runtime/swarm_flow.h"
#include "graphs/passes.h"
#include "ops/core/catalog.h"

namespace cleave {

namespace {

// "0.9" of "max_probability=0.9" or "m1=0.9"; also "never", for a module.
double parse_threshold(const std::string& option, const std::string& rule, const std::string& text, bool of_module) {
  if (of_module && text == "never") return kNeverLeaves;
  const double most = rule == "entropy" ? 100 : 1;
  double threshold = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), threshold);
  if (error != std::errc() || end != text.data() + text.size() || !(threshold >= 0 && threshold <= most))
    throw UserError(fmt::format("--exit {}: the threshold of {} is a number from 0 to {}{}, as in {}={}", option, rule,
                                most, of_module ? " or never" : "", rule, rule == "entropy" ? 0.5 : 0.9));
  return threshold;
}

void check_rule(const std::string& option, const std::string& rule) {
  if (rule == "max_probability" || rule == "entropy") return;
  const std::string near = closest_name(rule, {"max_probability", "entropy", "off"});
  throw UserError(fmt::format(
      "--exit {}: {}", option,
      near.empty() ? "write max_probability=0.9, entropy=0.5 or off" : fmt::format("did you mean '{}'?", near)));
}

// "RULE=X" or "RULE=X,MODULE=X,…".
ExitRule parse_rule(const std::string& option, const Graph& graph) {
  ExitRule spec;
  std::vector<std::string> modules;  // that can be left
  for (const Module& module : graph.modules)
    if (&module != &graph.modules.back()) modules.push_back(module.name);
  std::istringstream parts(option);
  for (std::string part; std::getline(parts, part, ',');) {
    const std::size_t equals = part.find('=');
    const std::string name = part.substr(0, equals);
    const std::string number = equals == std::string::npos ? "" : part.substr(equals + 1);
    if (spec.rule.empty()) {
      check_rule(option, name);
      spec.rule = name;
      spec.threshold = parse_threshold(option, name, number, false);
      continue;
    }
    if (std::find(modules.begin(), modules.end(), name) == modules.end())
      throw UserError(fmt::format("--exit {}: no module '{}' can be left early; one of: {}", option, name,
                                  fmt::join(modules, ", ")));
    spec.thresholds[name] = parse_threshold(option, spec.rule, number, true);
  }
  return spec;
}

// Puts the graph into patches where its activations need them, and lets one sample pass at a time.
void keep_to_limits(const LimitsSpec& limits, Graph& graph, Weights& weights, FlowOptions& options) {
  const RunMemory memory = run_memory(graph, limits);
  if (const std::string why = why_too_large(memory, limits); !why.empty()) throw UserError(why);
  if (memory.patches) apply_patches(graph, weights, *memory.patches);
  options.batch = options.in_flight = 1;
  options.serial = true;
}

std::size_t head_count(const Graph& graph) {
  std::size_t heads = 0;
  for (const Module& module : graph.modules) heads += module.head == NodeId::none ? 0 : 1;
  return heads;
}

}  // namespace

const char* early_exit_help() {
  return "answer from the first module that is sure: max_probability=P or entropy=NATS, then MODULE=X or "
         "MODULE=never for those with a threshold of their own; or off; else the model's rule";
}

std::optional<ExitRule> early_exit_for(const Model& model, const std::string& option) {
  if (option == "off") return std::nullopt;
  if (option.empty()) return exit_rule_of(model.reading.doc);
  check_rule(option, option.substr(0, option.find_first_of("=,")));
  if (head_count(model.graph) < 2)
    throw UserError(fmt::format("--exit {}: the network has one head, there is nothing to leave early from", option));
  return parse_rule(option, model.graph);
}

std::string rule_text(const std::optional<ExitRule>& rule) {
  if (!rule) return "off";
  std::string text = fmt::format("{}={}", rule->rule, rule->threshold);
  for (const auto& [module, threshold] : rule->thresholds)
    text += threshold == kNeverLeaves ? fmt::format(",{}=never", module) : fmt::format(",{}={}", module, threshold);
  return text;
}

EvaluateReport answer_all(const Model& model, Weights weights, SwarmJob* job, const LabelledSource& source,
                          EvaluateOptions options, const std::function<void(const Prediction&)>& on_prediction) {
  const LimitsSpec& limits = model.reading.spec.limits;
  if (job == nullptr) {
    Graph fused = model.graph;
    if (limits.is_given()) keep_to_limits(limits, fused, weights, options.flow);
    run_passes(fused, weights);
    return evaluate(fused, std::move(weights), source, options, on_prediction);
  }
  if (limits.is_given())
    throw UserError("limits are those of one process: add --here, or give devices.NAME.memory for a plan to keep to");
  std::vector<NodeId> heads;
  for (const Module& module : model.graph.modules)
    if (module.head != NodeId::none) heads.push_back(module.head);
  if (heads.empty()) heads.push_back(model.graph.output);
  SwarmFlow flow(model.graph, weights, job->plan, heads, job->setup, *options.flow.stop);
  flow.start();
  options.flow.batch = job->setup.batch;
  options.flow.in_flight = flow.in_flight();
  const RunFrames run = [&flow](const FrameSource& fill, const FrameSink& sink) { return flow.run(fill, sink); };
  return evaluate(model.graph, run, source, options, on_prediction);
}

void refuse_unrunnable(const Model& model, const std::string& command) {
  const ModelSpec& spec = model.reading.spec;
  if (!spec.has_network) throw UserError(fmt::format("{} has no network: there is nothing to {}", spec.file, command));
  refuse_not_run_yet(spec, command);
}

}  // namespace cleave
