// Shards agree with their plan to the byte.
#include "engine/runtime/shard.h"

#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "partitioner/plan_file.h"
#include "tests/partitioner/split_check.h"
#include "tests/support/files.h"
#include "tests/support/random_plan.h"

namespace cleave {
namespace {

constexpr const char* kCascade = R"(version: 1
name: cascade
devices:
  a: {preset: raspberry-pi-3b}
  b: {preset: raspberry-pi-3b}
  c: {preset: raspberry-pi-4b-4gb}
network:
  input: {image: [2, 8, 8]}
  loss: {cross_entropy: {reduce: sum}}
  modules:
    - name: m1
      body: [{conv2d: {filters: 4, kernel: 3, padding: same}}, batch_norm, relu]
      head: [flatten, {dense: {units: 4}}]
    - name: m2
      body: [{conv2d: {filters: 8, kernel: 3}}, sign]
      head: [flatten, {dense: {units: 4}}]
    - name: m3
      head: [flatten, {dense: {units: 4}}]
placement: {mode: manual, map: {m1: a, m2: b, m3: c}}
)";

std::vector<Model> shipped_models() {
  std::vector<Model> models;
  for (const std::filesystem::path& file : all_model_files()) {
    Model model = load_model(file.string(), cleave_language());
    if (!model.graph.nodes.empty()) models.push_back(std::move(model));
  }
  return models;
}

Sharding shards_of(const Planned& planned, const Plan& plan, const std::vector<NodeId>& wanted) {
  return make_shards(planned.model.graph, {}, plan, device_names(planned.swarm), wanted, false, planned.request.batch);
}

// Bytes of a frame between two stages, by the shards' account; -1 when the two ends differ.
std::int64_t bytes_between(const Sharding& sharding, const PlanCut& cut, std::int64_t batch) {
  std::vector<ShardEdge> sent, taken;
  for (const ShardEdge& edge : cut.from < 0 ? sharding.feeds : sharding.shards[static_cast<std::size_t>(cut.from)].out)
    if (edge.to == cut.to) sent.push_back(edge);
  for (const ShardEdge& edge : sharding.shards[static_cast<std::size_t>(cut.to)].in)
    if (edge.from == cut.from) taken.push_back(edge);
  const auto by_node = [](const ShardEdge& a, const ShardEdge& b) { return a.node < b.node; };
  std::sort(sent.begin(), sent.end(), by_node);
  if (sent != taken) return -1;
  std::int64_t bytes = 0;
  for (const ShardEdge& edge : sent) bytes += kFrameHeaderBytes + batch * edge.item_bytes;
  return bytes;
}

void expect_agrees(const Planned& planned, const Plan& plan) {
  const Sharding sharding = shards_of(planned, plan, {planned.model.graph.output});
  for (const PlanCut& cut : plan.cuts)
    EXPECT_EQ(bytes_between(sharding, cut, planned.request.batch), cut.bytes)
        << planned.model.graph.name << " " << plan.cut << ": " << cut.from << " -> " << cut.to;
  std::set<std::uint64_t> ids;
  std::size_t edges = sharding.feeds.size();
  for (const ShardEdge& edge : sharding.feeds) ids.insert(edge.id);
  for (const Shard& shard : sharding.shards) {
    EXPECT_EQ(shard.part.graph.nodes.size(), shard.in.size() + shard.nodes.size());
    edges += shard.out.size();
    for (const ShardEdge& edge : shard.out) ids.insert(edge.id);
  }
  EXPECT_EQ(ids.size(), edges) << "two edges of one id";
}

TEST(Shards, SendWhatThePlanCountedForEveryRowOfEveryTable) {
  for (Model& model : shipped_models()) {
    const Planned planned(std::move(model));
    for (const Plan& plan : planned.table().rows) expect_agrees(planned, plan);
  }
}

// Six equal cards, and cuts wherever the planner would think of one.
void set_free(Planned& planned, std::int64_t batch) {
  planned.swarm = swarm_of(6, "raspberry-pi-4b-4gb", planned.model.reading.doc);
  planned.request.cut_after.clear();
  planned.request.pins.clear();
  planned.request.batch = batch;
  planned.costs = cost_table(planned.model.graph, planned.swarm, {}, batch);
}

TEST(Shards, SendWhatThePlanCountedForRandomPlans) {
  for (Model& model : shipped_models()) {
    Planned planned(std::move(model));
    set_free(planned, 3);
    for (std::uint64_t seed = 1; seed <= 12; ++seed)
      expect_agrees(planned, random_plan(planned.setting(), seed, 2 + static_cast<int>(seed % 5)));
  }
}

TEST(Shards, SendWhatThePlanCountedForSplitsOfEveryKind) {
  int splits = 0;
  for (Model& model : shipped_models()) {
    Planned planned(std::move(model));
    set_free(planned, 1);
    for (const SplitDef& def : split_catalog())
      for (std::size_t to = 1; to + 1 < planned.model.graph.nodes.size(); to += 2) {
        const SplitSpec spec{def.name, 2 + static_cast<std::int64_t>(to % 2), NodeId{static_cast<std::int32_t>(to)}};
        if (refusal(def, planned.model.graph, spec.to, spec.ways) != "split") continue;
        expect_agrees(planned, random_plan(planned.setting(), to, 3, &spec));
        ++splits;
      }
  }
  EXPECT_GT(splits, 30);
}

// The last layer, on the third card, reads what the first card made.
constexpr const char* kSkip = R"(version: 1
devices: {a: {preset: raspberry-pi-3b}, b: {preset: raspberry-pi-3b}, c: {preset: raspberry-pi-3b}}
network:
  input: {image: [2, 8, 8]}
  layers:
    - {conv2d: {filters: 2, kernel: 3, padding: same}, name: first}
    - {conv2d: {filters: 2, kernel: 3, padding: same}, name: middle}
    - {add, from: [middle, first], name: last}
placement: {mode: manual, map: {first: a, middle: b, last: c}}
)";

TEST(Shards, HandOnWhatALaterStageReads) {
  const Planned planned(model_of(kSkip));
  const Plan plan = manual_plan(planned.model, planned.setting());
  const Sharding sharding = shards_of(planned, plan, {planned.model.graph.output});
  const Shard& middle = sharding.shards[1];
  ASSERT_EQ(middle.out.size(), 2U);
  EXPECT_EQ(middle.outputs, (std::vector{NodeId{0}, NodeId{1}}));
  EXPECT_EQ(middle.inputs, std::vector{NodeId{0}});
}

// The stated plan of the cascade, and its shards.
struct Cascade {
  Planned planned{std::string(kCascade)};
  Plan plan = manual_plan(planned.model, planned.setting());
  std::vector<std::string> devices = device_names(planned.swarm);

  const Graph& graph() const { return planned.model.graph; }
  Sharding shards(bool training, std::int64_t batch = 1) const {
    return make_shards(graph(), initial_weights(graph(), 1), plan, devices, all_heads(graph()), training, batch);
  }
};

TEST(Shards, OfTrainingCarryBodiesWithLabels) {
  const Cascade cascade;
  const Sharding sharding = cascade.shards(true);
  EXPECT_TRUE(sharding.answers.empty());
  ASSERT_EQ(sharding.feeds.size(), 1U);
  EXPECT_EQ(sharding.feeds[0].item_bytes, 4 * 2 * 8 * 8 + 4);
  for (std::size_t stage = 0; stage < 2; ++stage) {
    const std::vector<ShardEdge>& out = sharding.shards[stage].out;
    ASSERT_EQ(out.size(), 1U);
    EXPECT_EQ(out[0].node, cascade.graph().modules[stage].body);
    EXPECT_TRUE(out[0].labels);
  }
  EXPECT_EQ(sharding.shards[1].out[0].item_bytes, 8 * 6 * 6 / 8 + 4);
}

TEST(Shards, OfTrainingAreTheSameFromAPlanAndFromTheModulesDevices) {
  const Cascade cascade;
  const Plan plan = plan_of_modules(cascade.graph(), {0, 1, 2});
  const Sharding stated = cascade.shards(true);
  const Sharding made = make_shards(cascade.graph(), {}, plan, cascade.devices, {}, true);
  EXPECT_EQ(made.plan_hash, stated.plan_hash);
}

TEST(Shards, OfTrainingHoldModulesThatFollowEachOtherOnOneDevice) {
  const Cascade cascade;
  EXPECT_EQ(plan_of_modules(cascade.graph(), {0, 0, 1}).stages.size(), 2U);
  const Plan back = plan_of_modules(cascade.graph(), {0, 1, 0});
  ASSERT_EQ(back.stages.size(), 3U);
  EXPECT_EQ(back.cuts[1].tensors, std::vector{cascade.graph().modules[1].body});
}

TEST(Shards, OfTrainingKeepModulesWhole) {
  const Cascade cascade;
  Plan plan = plan_of_modules(cascade.graph(), {0, 1, 2});
  std::vector<NodeId>& first = plan.stages[0].nodes;
  plan.stages[1].nodes.insert(plan.stages[1].nodes.begin(), first.back());
  first.pop_back();
  EXPECT_EQ(error_of<UserError>([&] { make_shards(cascade.graph(), {}, plan, cascade.devices, {}, true); }),
            "module 'm1' is placed on 'a' and 'b': training needs each module on one device");
}

TEST(Shards, HaveAnotherHashForWhateverBothEndsMustAgreeOn) {
  Cascade cascade;
  std::set<std::array<std::uint8_t, 32>> hashes{cascade.shards(false).plan_hash, cascade.shards(true).plan_hash,
                                                cascade.shards(false, 2).plan_hash};
  std::swap(cascade.devices[0], cascade.devices[1]);
  hashes.insert(cascade.shards(false).plan_hash);
  EXPECT_EQ(hashes.size(), 4U);
  EXPECT_EQ(Cascade().shards(false).plan_hash, Cascade().shards(false).plan_hash);
}

TEST(Shards, AreTheSameWithAndWithoutWeights) {
  const Cascade cascade;
  const Sharding full = cascade.shards(false);
  Sharding empty = make_shards(cascade.graph(), {}, cascade.plan, cascade.devices, all_heads(cascade.graph()));
  EXPECT_EQ(full.plan_hash, empty.plan_hash);
  for (std::size_t s = 0; s < full.shards.size(); ++s) {
    EXPECT_TRUE(empty.shards[s].part.weights.empty());
    set_shard_weights(shard_weights_bytes(full.shards[s]), empty.shards[s]);
    EXPECT_EQ(empty.shards[s].part.weights, full.shards[s].part.weights);
  }
}

TEST(Shards, RefuseTheWeightsOfAnother) {
  Sharding sharding = Cascade().shards(false);
  EXPECT_THROW(set_shard_weights(shard_weights_bytes(sharding.shards[0]), sharding.shards[1]), UserError);
  EXPECT_THROW(set_shard_weights(std::vector<std::byte>(100), sharding.shards[1]), RunError);
}

TEST(Shards, RefuseToAnswerWhatIsComputedInParts) {
  const Planned planned(
      layers_of("[{conv2d: {filters: 4, kernel: 3}, name: first}, {relu: , name: second}, flatten, "
                "{dense: {units: 2}}]"));
  const SplitSpec split{"filters", 2, NodeId{2}};
  const Plan plan = random_plan(planned.setting(), 1, 1, &split);
  EXPECT_EQ(
      error_of<UserError>([&] { shards_of(planned, plan, {NodeId{1}}); }),
      "the output of 'first' cannot be had: the plan's shares compute it in parts; ask for one behind 'second', or "
      "plan without a split");
  EXPECT_EQ(shards_of(planned, plan, {NodeId{2}, NodeId{0}, NodeId{2}}).answers.size(), 1U);
}

TEST(Shards, RefuseToSendBytesWithoutAScale) {
  Cascade cascade;
  Graph graph = cascade.graph();
  graph.node(graph.modules[0].body).type.dtype = DType::i8;
  EXPECT_EQ(error_of<UserError>([&] { make_shards(graph, {}, cascade.plan, cascade.devices, {}); }),
            "'m1/relu' cannot be sent as i8: it needs a calibrated scale; f16 and bit can be sent");
}

TEST(FuseShard, KeepsTheMeaningOfInputsAndOutputs) {
  Sharding sharding = Cascade().shards(false);
  Shard& first = sharding.shards[0];
  const std::size_t before = first.part.graph.nodes.size();
  fuse_shard(first);
  EXPECT_LT(first.part.graph.nodes.size(), before);
  ASSERT_EQ(first.out.size(), 2U);  // the body to the next stage, the head's answer
  EXPECT_EQ(first.part.graph.node(first.outputs[0]).type.shape, first.out[0].type.shape);
  EXPECT_EQ(first.part.graph.node(first.outputs[1]).type.shape, first.out[1].type.shape);
  EXPECT_EQ(first.part.graph.node(first.inputs[0]).op, nullptr);
}

TEST(ShowShards, IsAsRecorded) {
  const std::string shown = to_text(Cascade().shards(false, 2));
  EXPECT_EQ(shown, golden("cascade_shards.txt", shown));
}

}  // namespace
}  // namespace cleave
