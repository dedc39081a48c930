#include "tests/support/local_swarm.h"

#include <algorithm>
#include <mutex>

#include <fmt/format.h>

#include "engine/cli/command.h"
#include "engine/runtime/flow.h"
#include "graphs/doc_text.h"
#include "graphs/passes.h"
#include "ops/core/rng.h"

namespace cleave {

namespace {

// Stages of the nodes in the file's order, each ending with one of the names.
Plan stages_behind(const Graph& graph, const std::vector<std::string>& names) {
  Plan plan;
  plan.stages.emplace_back().device = 0;
  for (std::size_t i = 1; i < graph.nodes.size(); ++i) {
    PlanStage& stage = plan.stages.back();
    const NodeId id{static_cast<std::int32_t>(i)};
    stage.nodes.push_back(id);
    if (std::find(names.begin(), names.end(), graph.nodes[i].name) == names.end()) continue;
    const int from = static_cast<int>(plan.stages.size()) - 1;
    plan.cuts.push_back({from, from + 1, {id}, 0, {}, 0});
    plan.stages.emplace_back().device = from + 1;
  }
  return plan;
}

}  // namespace

std::unique_ptr<LocalSwarm> local_swarm(const std::string& model_text, const std::vector<std::string>& cut_behind,
                                        const std::vector<std::string>& start_order) {
  auto swarm = std::make_unique<LocalSwarm>();
  LocalSwarm& s = *swarm;
  s.model = load_model_text("test.yaml", model_text, cleave_language());
  s.weights = initial_weights(s.model.graph, 1);
  s.plan = stages_behind(s.model.graph, cut_behind);
  s.swarm = swarm_of(static_cast<int>(s.plan.stages.size()), "raspberry-pi-4b-4gb", s.model.reading.doc);
  LocalWorkersOptions workers;
  workers.program = CLEAVE_PROGRAM;
  for (const Device& device : s.swarm.devices) workers.devices.push_back(device.name);
  workers.start_order = start_order;
  const auto log = [&s](const std::string& line) {
    static std::mutex gate;
    const std::lock_guard lock(gate);
    s.said.push_back(line);
  };
  workers.log = log;
  s.workers = std::make_unique<LocalWorkers>(std::move(workers));
  s.setup.run = "test";
  s.setup.model_text = doc_to_yaml(s.model.reading.doc, false);
  s.setup.swarm = &s.swarm;
  s.setup.addresses = s.workers->addresses();
  s.setup.connect_s = 60;
  s.setup.log = log;
  s.setup.look = [&s] { s.workers->look(); };
  return swarm;
}

std::string dense_chain(int layers) {
  std::string text = "version: 1\nname: chain\nnetwork:\n  input: {vector: 16}\n  layers:\n";
  for (int i = 1; i <= layers; ++i)
    text += fmt::format("    - {{dense: {{units: 16}}, name: d{}}}\n    - {{relu: {{}}, name: r{}}}\n", i, i);
  return text;
}

void fill_noise(std::int64_t seq, TensorView input) {
  Rng rng(7, kTestStream, static_cast<std::uint64_t>(seq));
  for (float& value : input.values()) value = static_cast<float>(rng.normal());
}

std::vector<std::vector<float>> answers_of_one_process(const LocalSwarm& swarm, std::int64_t frames) {
  Graph graph = swarm.model.graph;
  Weights weights = swarm.weights;
  run_passes(graph, weights);
  FlowOptions options;
  options.batch = swarm.setup.batch;
  Flow flow(graph, std::move(weights), options);
  std::vector<std::vector<float>> answers;
  const FrameSource source = [&](std::int64_t seq, TensorView input) {
    if (seq >= frames) return std::int64_t{0};
    fill_noise(seq, input);
    return input.batch;
  };
  flow.run(source, [&](const FrameResult& result) {
    const std::span<const float> values = result.output(graph.output).values();
    answers.emplace_back(values.begin(), values.end());
  });
  return answers;
}

}  // namespace cleave
