#include "engine/cli/evaluation.h"

#include <charconv>

#include <fmt/format.h>

#include "engine/cli/samples.h"
#include "engine/runtime/swarm_flow.h"
#include "graphs/passes.h"
#include "graphs/weights_file.h"
#include "ops/core/catalog.h"

namespace cleave {

namespace {

EarlyExitSpec parse_rule(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string rule = text.substr(0, equals);
  if (rule != "max_probability" && rule != "entropy") {
    const std::string near = closest_name(rule, {"max_probability", "entropy", "off"});
    throw UserError(fmt::format(
        "--exit {}: {}", text,
        near.empty() ? "write max_probability=0.9, entropy=0.5 or off" : fmt::format("did you mean '{}'?", near)));
  }
  const std::string number = equals == std::string::npos ? "" : text.substr(equals + 1);
  const double most = rule == "entropy" ? 100 : 1;
  double threshold = -1;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), threshold);
  if (error != std::errc() || end != number.data() + number.size() || !(threshold >= 0 && threshold <= most))
    throw UserError(fmt::format("--exit {}: the threshold of {} is a number from 0 to {}, as in {}={}", text, rule,
                                most, rule, rule == "entropy" ? 0.5 : 0.9));
  return {rule, threshold};
}

std::size_t head_count(const Graph& graph) {
  std::size_t heads = 0;
  for (const Module& module : graph.modules) heads += module.head == NodeId::none ? 0 : 1;
  return heads;
}

}  // namespace

const char* early_exit_help() {
  return "answer from the first module that is sure: max_probability=P, entropy=NATS, or off; else the model's rule";
}

Weights weights_for(const Model& model, const std::string& option, Log& log) {
  const ModelSpec& spec = model.reading.spec;
  if (!option.empty()) return read_weights(option, model.graph);
  if (!spec.weights_file.empty()) return read_weights(beside_model(spec, spec.weights_file), model.graph);
  log.note(
      fmt::format("no weights given: random ones of seed {} answer; --weights FILE takes trained ones", spec.seed));
  return initial_weights(model.graph, spec.seed);
}

std::optional<EarlyExitSpec> early_exit_for(const Model& model, const std::string& option) {
  if (option == "off") return std::nullopt;
  if (option.empty()) return model.reading.spec.inference.early_exit;
  const EarlyExitSpec rule = parse_rule(option);
  if (head_count(model.graph) < 2)
    throw UserError(fmt::format("--exit {}: the network has one head, there is nothing to leave early from", option));
  return rule;
}

EvaluateReport answer_all(const Model& model, const Weights& weights, SwarmJob* job, const LabelledSource& source,
                          EvaluateOptions options, const std::function<void(const Prediction&)>& on_prediction) {
  if (job == nullptr) {
    Graph fused = model.graph;
    Weights fused_weights = weights;
    run_passes(fused, fused_weights);
    return evaluate(fused, std::move(fused_weights), source, options, on_prediction);
  }
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
