#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "partitioner/cost.h"
#include "tests/support/files.h"
#include "tests/support/layer_graph.h"
#include "tests/support/models.h"

namespace cleave {
namespace {

constexpr double kFlops = 1e9, kOps = 1e10, kBytesPerS = 1e9;

Device device(const std::string& name, const std::string& preset = "") {
  Device made;
  made.name = name;
  made.preset = preset;
  made.real_flops = {kFlops, true};
  made.binary_ops = {kOps, true};
  made.bytes_per_s = {kBytesPerS, true};
  return made;
}

Swarm swarm(std::vector<Device> devices) {
  Swarm made;
  made.devices = std::move(devices);
  return made;
}

// Four dense layers of equal work behind the input: nodes 1 to 4, "dense_1" … "dense_4".
Graph four() { return layer_graph({64}, {{{{"dense", 64}, {"dense", 64}, {"dense", 64}}, {{"dense", 64}}}}); }

Profile profile(const std::string& for_whom) {
  Profile made;
  made.device = for_whom;
  return made;
}

Profile with_node(Profile made, const std::string& node, double seconds) {
  made.nodes.push_back({node, {.seconds = seconds}, {}});
  return made;
}

Profile with_segment(Profile made, const std::string& from, const std::string& to, double seconds) {
  made.segments.push_back({from, to, {.seconds = seconds}, {}, {}});
  return made;
}

CostTable table_of(const std::vector<Profile>& profiles, const std::vector<Device>& devices = {device("a")}) {
  return cost_table(four(), swarm(devices), profiles, 1);
}

double sum(const std::vector<Figure>& row, std::size_t first, std::size_t last) {
  double total = 0;
  for (std::size_t i = first; i <= last; ++i) total += row[i].value;
  return total;
}

std::string refusal(const std::vector<Profile>& profiles, std::int64_t batch = 1) {
  return error_of<UserError>([&] { cost_table(four(), swarm({device("a", "pi")}), profiles, batch); });
}

TEST(EstimatedSeconds, AreTheLongerOfWorkAndBytes) {
  const Device one = device("a");
  EXPECT_DOUBLE_EQ(estimated_seconds({.mult_adds = 500'000, .binary_ops = 0, .bytes = 10}, one), 1e-3);
  EXPECT_DOUBLE_EQ(estimated_seconds({.mult_adds = 500'000, .binary_ops = 20'000'000, .bytes = 10}, one), 3e-3);
  EXPECT_DOUBLE_EQ(estimated_seconds({.mult_adds = 500'000, .binary_ops = 0, .bytes = 5'000'000}, one), 5e-3);
  EXPECT_EQ(estimated_seconds({}, one), 0);
}

TEST(CostTable, IsEstimatesWhereNothingWasMeasured) {
  const CostTable table = table_of({});
  ASSERT_EQ(table.seconds.size(), 1U);
  EXPECT_EQ(table.seconds[0][0], (Figure{0, false}));
  for (std::size_t i = 1; i < 5; ++i) {
    EXPECT_TRUE(table.seconds[0][i].estimate);
    EXPECT_DOUBLE_EQ(table.seconds[0][i].value, estimated_seconds(four().nodes[i].cost, device("a")));
  }
}

TEST(CostTable, CountsTheWeightsOfABatchOnce) {
  const CostTable one = cost_table(four(), swarm({device("a")}), {}, 1);
  const CostTable eight = cost_table(four(), swarm({device("a")}), {}, 8);
  EXPECT_GT(eight.seconds[0][1].value, one.seconds[0][1].value);
  EXPECT_LT(eight.seconds[0][1].value, 8 * one.seconds[0][1].value);  // bound by the bytes of its weights
}

TEST(CostTable, TakesAMeasuredNodeAsItIs) {
  const CostTable table = table_of({with_node(profile("a"), "dense_2", 0.25)});
  EXPECT_EQ(table.seconds[0][2], (Figure{0.25, false}));
  EXPECT_TRUE(table.seconds[0][1].estimate);
}

TEST(CostTable, SharesRowsAmongEqualDevices) {
  Device slow = device("c");
  slow.real_flops.value = slow.bytes_per_s.value = kFlops / 2;
  EXPECT_EQ(table_of({}, {device("a"), device("b"), slow, device("d")}).row_of, (std::vector<int>{0, 0, 1, 0}));
  Profile all = profile("pi");
  for (const char* node : {"dense_1", "dense_2", "dense_3", "dense_4"}) all = with_node(all, node, 0.1);
  slow.preset = "pi";
  EXPECT_EQ(table_of({all}, {device("a", "pi"), slow, device("d")}).row_of, (std::vector<int>{0, 0, 1}));
}

TEST(CostTable, LetsAProfileOfTheDeviceWinOverOneOfItsPreset) {
  const std::vector<Profile> both = {with_node(profile("pi"), "dense_1", 1), with_node(profile("b"), "dense_1", 2)};
  const CostTable table = table_of(both, {device("a", "pi"), device("b", "pi"), device("c")});
  EXPECT_EQ(table.row_of, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(table.seconds[0][1].value, 1);
  EXPECT_EQ(table.seconds[1][1].value, 2);
  EXPECT_TRUE(table.seconds[2][1].estimate);
}

TEST(CostTable, ScalesTheEstimatesOfASegmentToItsSeconds) {
  const CostTable table = table_of({with_segment(profile("a"), "dense_1", "dense_3", 0.5)});
  const std::vector<Figure>& row = table.seconds[0];
  EXPECT_NEAR(sum(row, 2, 3), 0.5, 1e-15);
  EXPECT_NEAR(row[2].value, row[3].value, 1e-15);  // equal work
  EXPECT_TRUE(row[2].estimate);
  EXPECT_DOUBLE_EQ(row[1].value, estimated_seconds(four().nodes[1].cost, device("a")));
  EXPECT_EQ(table.segments[0].size(), 1U);
}

TEST(CostTable, LeavesMeasuredNodesOutOfTheScaling) {
  const CostTable table = table_of({with_node(with_segment(profile("a"), "", "dense_3", 0.5), "dense_2", 0.1)});
  EXPECT_EQ(table.seconds[0][2], (Figure{0.1, false}));
  EXPECT_NEAR(table.seconds[0][1].value, 0.2, 1e-15);
  EXPECT_NEAR(table.seconds[0][3].value, 0.2, 1e-15);
}

TEST(CostTable, TakesTheDifferenceOfNestedHeadsForWhatLiesBetween) {
  const CostTable table = table_of({with_segment(with_segment(profile("a"), "", "dense_1", 0.3), "", "dense_3", 0.5)});
  EXPECT_EQ(table.seconds[0][1], (Figure{0.3, false}));  // a segment of one node is that node
  EXPECT_NEAR(sum(table.seconds[0], 2, 3), 0.2, 1e-15);
  EXPECT_TRUE(table.seconds[0][2].estimate);
}

TEST(CostTable, TakesTheMeanWhereHeadsAndTailsDisagree) {
  Profile both = with_segment(with_segment(profile("a"), "", "dense_1", 0.3), "", "dense_3", 0.5);
  both = with_segment(with_segment(both, "dense_1", "", 0.6), "dense_3", "", 0.2);
  EXPECT_NEAR(sum(table_of({both}).seconds[0], 2, 3), 0.3, 1e-15);  // 0.2 by the heads, 0.4 by the tails
}

TEST(CostTable, SharesARunAmongAllItsNodesWhereMeasuredOnesLeaveNothing) {
  const CostTable table = table_of({with_node(with_segment(profile("a"), "", "dense_2", 0.5), "dense_1", 0.6)});
  EXPECT_EQ(table.seconds[0][1], (Figure{0.6, false}));
  EXPECT_GT(table.seconds[0][2].value, 0);
  EXPECT_LT(table.seconds[0][2].value, 0.5);
}

TEST(CostTable, StatesTheLargestErrorOfSums) {
  EXPECT_EQ(largest_sum_error(table_of({})).row, -1);
  Profile all = with_segment(profile("a"), "", "dense_2", 0.5);
  all = with_node(with_node(all, "dense_1", 0.3), "dense_2", 0.3);
  const SumError error = largest_sum_error(table_of({with_segment(all, "dense_2", "", 1)}));
  EXPECT_NEAR(error.share, 0.2, 1e-12);
  EXPECT_EQ(error.segment.last, 2);
}

TEST(CostTable, RefusesAProfileOfAnotherGraph) {
  Profile other = with_node(profile("nobody"), "dense_1", 1);
  other.graph_hash = "0123456789abcdef";
  EXPECT_NE(refusal({other}).find("profile of 'nobody': error: this profile is of another network"), std::string::npos);
  other.graph_hash = structure_hash(four());
  EXPECT_EQ(refusal({other}), "nothing thrown");
}

TEST(CostTable, RefusesNamesTheGraphDoesNotHave) {
  EXPECT_NE(refusal({with_node(profile("a"), "dens_2", 1)}).find("did you mean 'dense_2'?"), std::string::npos);
  EXPECT_NE(refusal({with_segment(profile("a"), "x", "", 1)}).find("'test' has no layer 'x'"), std::string::npos);
  EXPECT_NE(refusal({with_segment(profile("a"), "dense_3", "dense_2", 1)}).find("nothing stands behind 'dense_3'"),
            std::string::npos);
}

TEST(CostTable, RefusesAnotherBatchButPicksTheRightOfTwo) {
  Profile eight = with_node(profile("pi"), "dense_1", 1);
  eight.batch = 8;
  EXPECT_NE(refusal({eight}).find("is for frames of 8, the plan's hold 1"), std::string::npos);
  EXPECT_EQ(refusal({eight, with_node(profile("pi"), "dense_1", 1)}), "nothing thrown");
  eight.device = "nobody";
  EXPECT_EQ(refusal({eight}), "nothing thrown");
}

TEST(CostTable, RefusesTwoProfilesOrTwoNamesForOneThing) {
  const Profile one = with_node(profile("a"), "dense_1", 1);
  EXPECT_NE(refusal({one, one}).find("two profiles speak for 'a'"), std::string::npos);
  EXPECT_NE(refusal({with_node(one, "dense_1", 2)}).find("node 'dense_1' is measured twice"), std::string::npos);
  const Profile head = with_segment(profile("a"), "", "dense_4", 1);
  EXPECT_NE(refusal({with_segment(head, "input", "", 1)}).find("up to 'dense_4' is measured twice"), std::string::npos);
}

TEST(NodeOfName, IsANodeElseWhatALayerEndsWith) {
  const Graph graph = load_model(CLEAVE_SOURCE_DIR "/graphs/models/resnet20-split.yaml", cleave_language()).graph;
  const auto named = [&](const char* name) {
    const NodeId id = node_of_name(graph, name);
    return id == NodeId::none ? "none" : graph.node(id).name;
  };
  EXPECT_EQ(named("stem"), "stem");
  EXPECT_EQ(named("g1"), "g1/2/relu");
  EXPECT_EQ(named("g1/0"), "g1/0/relu");
  EXPECT_EQ(named("g2_down"), "g2_down");
  EXPECT_EQ(named("g"), "none");
  EXPECT_EQ(named(""), "none");
}

TEST(NodeOfName, OfAModuleIsItsLastNode) {
  const Graph graph = layer_graph({4}, {{{{"dense", 4}}, {{"dense", 2}}}, {{}, {{"dense", 2}}}});
  EXPECT_EQ(node_of_name(graph, "m1"), NodeId{2});
  EXPECT_EQ(node_of_name(graph, "m2"), NodeId{3});
}

TEST(WireBytes, AreAHeaderAndWholeBytesASample) {
  EXPECT_EQ(wire_bytes(16384, DType::f32, 1), 48 + 65536);
  EXPECT_EQ(wire_bytes(16384, DType::f16, 2), 48 + 65536);
  EXPECT_EQ(wire_bytes(16384, DType::i8, 1), 48 + 16384);
  EXPECT_EQ(wire_bytes(16384, DType::bit, 1), 48 + 2048);
  EXPECT_EQ(wire_bytes(9, DType::bit, 3), 48 + 6);
}

TEST(WireBytes, AreAtTheNodesOwnDtype) {
  Graph graph = layer_graph({4}, {{{{"dense", 4}, {"sign"}}, {}}, {{{"dense", 4}}, {{"dense", 2}}}});
  graph.node(NodeId{3}).type.dtype = DType::f16;
  EXPECT_EQ(wire_bytes(graph, NodeId{1}, 1), 48 + 16);
  EXPECT_EQ(wire_bytes(graph, NodeId{2}, 2), 48 + 2);
  EXPECT_EQ(wire_bytes(graph, NodeId{3}, 1), 48 + 8);
}

}  // namespace
}  // namespace cleave
