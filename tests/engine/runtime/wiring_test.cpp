#include "engine/runtime/wiring.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/engine/runtime/test_graphs.h"

namespace cleave {
namespace {

using namespace testing_ops;

// The longest run of nodes inside each other that the wiring allows.
std::int32_t longest_inline(const Wiring& wiring) {
  std::vector<std::int32_t> nesting(wiring.edges_in.size(), 0);
  std::int32_t longest = 0;
  for (std::size_t i = 0; i < wiring.consumers.size(); ++i)
    for (const std::int32_t consumer : wiring.consumers[i]) {
      const auto c = static_cast<std::size_t>(consumer);
      if (!wiring.spawned[c]) nesting[c] = std::max(nesting[c], nesting[i] + 1);
      longest = std::max(longest, nesting[c]);
    }
  return longest;
}

TEST(Wiring, NeverNestsDeeperThanTheBound) {
  Graph graph = input_graph(1);
  for (std::int32_t i = 1; i < 1000; ++i) add_node(graph, kMix, {NodeId{i - 1}, NodeId{std::max(0, i - 63)}});
  const Wiring wiring = make_wiring(graph, 1, 1);
  EXPECT_EQ(longest_inline(wiring), kLongestInline - 1);
  EXPECT_LE(std::count(wiring.spawned.begin(), wiring.spawned.end(), true), 1 + 1000 / kLongestInline);
}

TEST(Wiring, EveryEdgeIsWaitedForAndTold) {
  const Graph graph = random_dag(5);
  const Wiring wiring = make_wiring(graph, 1, 2);
  std::vector<std::int32_t> told(wiring.edges_in.size(), 0);
  told[0] = 1;
  for (const std::vector<std::int32_t>& consumers : wiring.consumers)
    for (const std::int32_t consumer : consumers) ++told[static_cast<std::size_t>(consumer)];
  EXPECT_EQ(told, wiring.edges_in);
}

TEST(Wiring, SpawnsAllBranchesButOneWhenThereAreThreads) {
  Graph graph = input_graph(1);
  for (int i = 0; i < 3; ++i) add_node(graph, kMix, {NodeId{0}});
  add_node(graph, kMix, {NodeId{1}, NodeId{2}, NodeId{3}, NodeId{0}});
  EXPECT_EQ(make_wiring(graph, 1, 1).spawned, std::vector<bool>(6, false));
  const Wiring wiring = make_wiring(graph, 1, 2);
  EXPECT_EQ(wiring.spawned, (std::vector<bool>{false, false, true, true, false, false}));
  EXPECT_EQ(wiring.consumers[0], (std::vector<std::int32_t>{2, 3, 1, 4}));
}

TEST(Wiring, DoesNotSpawnBranchesWithNextToNothingToDo) {
  Graph graph = input_graph(1);
  for (int i = 0; i < 3; ++i) graph.node(add_node(graph, kMix, {NodeId{0}})).cost = {10, 0, 8};
  EXPECT_EQ(make_wiring(graph, 1, 2).spawned, std::vector<bool>(5, false));
}

}  // namespace
}  // namespace cleave
