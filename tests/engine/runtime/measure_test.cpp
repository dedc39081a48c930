#include "engine/runtime/measure.h"

#include <set>

#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "graphs/passes.h"
#include "partitioner/cost.h"
#include "tests/engine/runtime/test_graphs.h"
#include "tests/support/files.h"
#include "tests/support/models.h"

namespace cleave {
namespace {

using namespace testing_ops;

// A clock that only work moves, and work that takes exactly what its node says, times `slowdown`, which grows with
// every run.
struct Machine {
  double now_s = 0;
  double slowdown = 1, growth = 0;
};

void forward_tick(const ForwardArgs& args) {
  auto* machine = reinterpret_cast<Machine*>(args.params.integer("machine"));
  machine->now_s += 1e-6 * static_cast<double>(args.params.integer("us")) * machine->slowdown;
  machine->slowdown += machine->growth;
  std::copy(args.inputs[0].values().begin(), args.inputs[0].values().end(), args.output.values().begin());
}

const OpDef& tick_op() {
  static const OpDef tick = [] {
    OpDef made = kHalve;
    made.name = "tick";
    made.elementwise = false;
    made.forward = forward_tick;
    return made;
  }();
  return tick;
}

// Nodes 1, 2 … that take so many microseconds each.
Graph ticking(Machine& machine, const std::vector<std::int64_t>& us) {
  Graph graph = input_graph(4);
  for (const std::int64_t each : us) {
    Params params;
    params.set("us", each);
    params.set("machine", static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(&machine)));
    add_node(graph, tick_op(), {NodeId{static_cast<std::int32_t>(graph.nodes.size()) - 1}}, params);
    graph.nodes.back().name = "n" + std::to_string(graph.nodes.size() - 1);
  }
  return graph;
}

std::vector<CutPoint> cuts_after(const std::vector<int>& nodes) {
  std::vector<CutPoint> cuts;
  for (const int node : nodes) cuts.push_back({"n" + std::to_string(node), NodeId{node}});
  return cuts;
}

MeasureOptions options_of(Machine& machine) {
  MeasureOptions options;
  options.repeats = 5;
  options.now_s = [&machine] { return machine.now_s; };
  return options;
}

Measurement measure_ticks(Machine& machine, const std::vector<std::int64_t>& us, const std::vector<int>& cuts,
                          const MeasureOptions& options) {
  const Graph graph = ticking(machine, us);
  return measure(graph, initial_weights(graph, 1), cuts_after(cuts), options);
}

std::vector<std::tuple<std::string, std::string, double>> rows_of(const Measurement& made) {
  std::vector<std::tuple<std::string, std::string, double>> rows;
  for (const SegmentProfile& s : made.segments) rows.emplace_back(s.from, s.to, s.measured.seconds);
  return rows;
}

TEST(Measure, GivesNodesTheirSeconds) {
  Machine machine;
  const Measurement made = measure_ticks(machine, {100, 200, 3000}, {}, options_of(machine));
  ASSERT_EQ(made.nodes.size(), 3U);
  EXPECT_EQ(made.nodes[0].node, "n1");
  EXPECT_NEAR(made.nodes[0].measured.seconds, 100e-6, 1e-9);
  EXPECT_NEAR(made.nodes[2].measured.seconds, 3e-3, 1e-9);
  EXPECT_EQ(made.nodes[0].measured.spread, 0);
  EXPECT_GT(made.nodes[0].measured.memory_bytes, 0);
  EXPECT_FALSE(made.stopped);
  EXPECT_EQ(made.done, made.all);
}

TEST(Measure, TakesHeadsTailsStretchesAndTheWhole) {
  Machine machine;
  const Measurement made = measure_ticks(machine, {100, 200, 400, 800}, {1, 3}, options_of(machine));
  const std::vector<std::tuple<std::string, std::string, double>> expected = {
      {"", "", 1.5e-3}, {"", "n1", 1e-4}, {"", "n3", 7e-4}, {"n1", "", 1.4e-3}, {"n3", "", 8e-4}, {"n1", "n3", 6e-4}};
  ASSERT_EQ(made.segments.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(std::get<0>(rows_of(made)[i]), std::get<0>(expected[i]));
    EXPECT_EQ(std::get<1>(rows_of(made)[i]), std::get<1>(expected[i]));
    EXPECT_NEAR(std::get<2>(rows_of(made)[i]), std::get<2>(expected[i]), 1e-9);
  }
}

TEST(Measure, RepeatsShortWorkWithinATiming) {
  Machine machine;
  MeasureOptions options = options_of(machine);
  options.sample_s = 1e-3;
  const Measurement made = measure_ticks(machine, {1}, {}, options);
  EXPECT_NEAR(made.nodes[0].measured.seconds, 1e-6, 1e-12);
  EXPECT_GT(machine.now_s, 5 * 0.5e-3);  // five timings of at least half of it
}

// The machine gets slower all the time. Timed one after the other the last of equal nodes would look slowest by far.
TEST(Measure, TakesTurnsSoThatDriftHitsAllAlike) {
  Machine machine;
  machine.growth = 0.001;
  MeasureOptions options = options_of(machine);
  options.repeats = 101;
  const Measurement made = measure_ticks(machine, std::vector<std::int64_t>(10, 200), {}, options);
  EXPECT_GT(machine.slowdown, 2);
  EXPECT_NEAR(made.nodes[9].measured.seconds / made.nodes[0].measured.seconds, 1, 0.02);
  EXPECT_GT(made.nodes[0].measured.spread, 0.2);
}

TEST(Measure, MeasuresTheSameWhenLittleMayBeHeldAtOnce) {
  Machine machine;
  MeasureOptions options = options_of(machine);
  const auto all = rows_of(measure_ticks(machine, {100, 200, 400, 800}, {1, 3}, options));
  options.memory_bytes = 1;
  EXPECT_EQ(rows_of(measure_ticks(machine, {100, 200, 400, 800}, {1, 3}, options)), all);
}

TEST(Measure, KeepsWhatWasTimedWhenStopped) {
  Machine machine;
  std::atomic<bool> stop = false;
  MeasureOptions options = options_of(machine);
  options.stop = &stop;
  options.memory_bytes = 1;  // one at a time: the whole, its head, its tail, then the nodes
  options.progress = [&](std::int64_t done, std::int64_t) { stop = done >= 2 * 6 + 3; };
  const Measurement made = measure_ticks(machine, {100, 200, 400}, {2}, options);
  EXPECT_TRUE(made.stopped);
  EXPECT_EQ(made.done, 15);
  EXPECT_EQ(made.segments.size(), 3U);  // the last with two timings of five
  EXPECT_EQ(made.nodes.size(), 1U);     // the tail is the third node alone
  EXPECT_EQ(made.nodes[0].node, "n3");
}

TEST(Measure, HasNothingWhenStoppedAtOnce) {
  Machine machine;
  const std::atomic<bool> stop = true;
  MeasureOptions options = options_of(machine);
  options.stop = &stop;
  const Measurement made = measure_ticks(machine, {100}, {}, options);
  EXPECT_TRUE(made.stopped && made.nodes.empty() && made.segments.empty() && made.layers.empty());
}

TEST(Measure, CountsEveryFrameOfSeveralThreads) {
  const Model model = layers_of("[{conv2d: {filters: 8, kernel: 3}}, relu, flatten, {dense: {units: 4}}]");
  MeasureOptions options;
  options.threads = 3;
  options.repeats = 2;
  const Measurement made = measure(model.graph, initial_weights(model.graph, 1), {}, options);
  EXPECT_EQ(made.nodes.size(), 4U);
  EXPECT_GT(made.wall_s, 0);
  EXPECT_GT(made.cpu_s, 0);
}

// The seconds of the nodes of a layer, as the profile gives them.
double sum_of(const Measurement& made, const LayerTime& layer) {
  double sum = 0;
  for (const NodeId id : layer.nodes) sum += made.nodes[index_of(id) - 1].measured.seconds;
  return sum;
}

TEST(Measure, GivesTheNodesOfALayerSharesOfItsTime) {
  const Model model =
      layers_of("[{conv2d: {filters: 16, kernel: 3}}, batch_norm, relu, dropout, {max_pool: {size: 2}}]");
  MeasureOptions options;
  options.repeats = 7;
  const Measurement made = measure(model.graph, initial_weights(model.graph, 1), {}, options);
  ASSERT_EQ(made.layers.size(), 2U);
  EXPECT_EQ(made.layers[0].nodes.size(), 4U);
  for (const LayerTime& layer : made.layers) EXPECT_NEAR(sum_of(made, layer) / layer.measured.seconds, 1, 1e-3);
  EXPECT_GT(made.nodes[0].measured.seconds, made.nodes[3].measured.seconds);  // a dropped node takes next to nothing
}

Profile profile_of_model(const Model& model) {
  MeasureOptions options;
  options.repeats = 1;
  options.sample_s = 0;
  const Weights weights = initial_weights(model.graph, 1);
  const std::vector<CutPoint> cuts = clean_cuts(model.graph, computed_by(model.graph), 3);
  const Measurement made = measure(model.graph, weights, cuts, options);
  Profile profile;
  profile.device = "this-machine";
  profile.graph_hash = structure_hash(model.graph);
  profile.nodes = made.nodes;
  profile.segments = made.segments;
  return profile;
}

TEST(Measure, OfEveryShippedModelIsAProfileThatLeavesNothingToEstimate) {
  for (const std::filesystem::path& file : all_model_files()) {
    const Model model = load_model(file.string(), cleave_language());
    if (model.graph.nodes.empty()) continue;
    const std::vector<Profile> read = read_profiles_text("p.yaml", to_yaml({profile_of_model(model)}));
    Device device;
    device.name = "this-machine";
    Swarm swarm;
    swarm.devices = {device};
    const CostTable table = cost_table(model.graph, swarm, read, 1);
    EXPECT_FALSE(table.segments[0].empty()) << file;
    for (std::size_t i = 1; i < table.seconds[0].size(); ++i) {
      EXPECT_FALSE(table.seconds[0][i].estimate) << file << " " << model.graph.nodes[i].name;
      EXPECT_GT(table.seconds[0][i].value, 0);
    }
  }
}

TEST(SummaryOf, IsMedianAndInterquartileRange) {
  const Measured made = summary_of({5e-3, 1e-3, 2e-3, 3e-3, 4e-3});
  EXPECT_DOUBLE_EQ(made.seconds, 3e-3);
  EXPECT_NEAR(made.spread, 2.0 / 3, 1e-4);
  EXPECT_DOUBLE_EQ(summary_of({1e-3, 2e-3}).seconds, 1.5e-3);
  EXPECT_EQ(summary_of({1e-3}).spread, 0);
}

TEST(SummaryOf, IsHeldExactlyByAProfilesText) {
  Profile profile;
  profile.device = "a";
  profile.nodes = {{"x", summary_of({1.23456789e-5, 1.3e-5, 1.4e-5}), {}}, {"y", summary_of({0.0987654321}), {}}};
  const Profile read = read_profiles_text("p.yaml", to_yaml({profile})).front();
  EXPECT_EQ(read.nodes[0].measured, profile.nodes[0].measured);
  EXPECT_EQ(read.nodes[1].measured, profile.nodes[1].measured);
  EXPECT_NE(to_yaml({profile}).find("seconds: 98.765ms"), std::string::npos) << to_yaml({profile});
}

}  // namespace
}  // namespace cleave
