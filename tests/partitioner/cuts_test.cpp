#include "partitioner/cuts.h"

#include <gtest/gtest.h>

#include "tests/support/wired_graph.h"

namespace cleave {

namespace {

std::vector<std::string> names_of(const Positions& positions) {
  std::vector<std::string> names;
  for (const Position& position : positions.all) names.push_back(position.name);
  return names;
}

using Nodes = std::vector<NodeId>;

TEST(ChainPositions, AreEveryPrefixUnlessNodesAreNamed) {
  const Positions positions = chain_positions(wired_chain(4), {});
  EXPECT_EQ(names_of(positions), (std::vector<std::string>{"input", "n1", "n2", "n3"}));
  EXPECT_TRUE(positions.after.empty());
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(positions.all[i].done, std::vector<std::uint64_t>{(2ULL << i) - 1});
}

TEST(ChainPositions, EndWithTheNamedNodesAndTheLast) {
  const Positions positions = chain_positions(wired_chain(6), {NodeId{2}, NodeId{3}});
  EXPECT_EQ(names_of(positions), (std::vector<std::string>{"input", "n2", "n3", "n5"}));
  EXPECT_EQ(names_of(chain_positions(wired_chain(3), {NodeId{0}, NodeId{2}})),
            (std::vector<std::string>{"input", "n2"}));
}

TEST(ChainPositions, WhatCrossesIsReadOutside) {
  // n1 is read by n4, two cuts later; n2 is read by nothing behind n3.
  const Graph graph = wired_graph({{}, {0}, {1}, {2}, {3, 1}});
  const Positions positions = chain_positions(graph, {});
  EXPECT_EQ(positions.all[0].crossing, Nodes{NodeId{0}});
  EXPECT_EQ(positions.all[2].crossing, (Nodes{NodeId{1}, NodeId{2}}));
  EXPECT_EQ(positions.all[3].crossing, (Nodes{NodeId{1}, NodeId{3}}));
  EXPECT_EQ(positions.all[4].crossing, Nodes{});
}

TEST(WholePrefixes, StopBetweenLayersOnly) {
  // 1 and 2 are a layer; 3 and 5 are one around 4; 6 is one of its own.
  const std::vector<NodeId> computed = {NodeId{0}, NodeId{1}, NodeId{1}, NodeId{3}, NodeId{4}, NodeId{3}, NodeId{6}};
  EXPECT_EQ(whole_prefixes(computed), (std::vector{NodeId{2}, NodeId{5}}));
  for (const Position& position : chain_positions(wired_chain(7), {}).all) {
    const bool whole =
        position.name == "input" || position.name == "n2" || position.name == "n5" || position.name == "n6";
    EXPECT_EQ(keeps_layers(position, computed), whole) << position.name;
  }
}

TEST(ChainPositions, ALoneInputIsOnePosition) { EXPECT_EQ(chain_positions(wired_chain(1), {}).all.size(), 1U); }

TEST(ChainPositions, OfAThousandNodesHoldOneMoreEach) {
  const Positions positions = chain_positions(wired_chain(1000), {});
  ASSERT_EQ(positions.all.size(), 1000U);
  EXPECT_EQ(positions.all[999].done.back(), (std::uint64_t{1} << (1000 - 15 * 64)) - 1);
  EXPECT_EQ(positions.all[500].crossing, Nodes{NodeId{500}});
}

}  // namespace

}  // namespace cleave
