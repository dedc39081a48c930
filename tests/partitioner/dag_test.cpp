#include <random>
#include <set>

#include <gtest/gtest.h>

#include "partitioner/cuts.h"
#include "tests/support/wired_graph.h"

namespace cleave {

namespace {

std::vector<std::vector<int>> random_wiring(std::mt19937& random, int nodes) {
  std::vector<std::vector<int>> inputs(1);
  for (int node = 1; node < nodes; ++node) {
    std::vector<int>& from = inputs.emplace_back();
    for (int i = 0; i < 1 + static_cast<int>(random() % 2); ++i)
      from.push_back(static_cast<int>(random() % static_cast<unsigned>(node)));
  }
  return inputs;
}

bool is_down_set(const std::vector<std::vector<int>>& inputs, std::uint64_t done) {
  if ((done & 1) == 0) return false;
  for (std::size_t node = 0; node < inputs.size(); ++node)
    for (const int input : inputs[node])
      if ((done >> node & 1) != 0 && (done >> input & 1) == 0) return false;
  return true;
}

bool has(const std::vector<std::uint64_t>& bits, std::size_t index) {
  return (bits[index / 64] >> (index % 64) & 1) != 0;
}

// By asking each set of nodes.
std::set<std::uint64_t> all_by_trial(const std::vector<std::vector<int>>& inputs) {
  std::set<std::uint64_t> found;
  for (std::uint64_t done = 0; done < (std::uint64_t{1} << inputs.size()); ++done)
    if (is_down_set(inputs, done)) found.insert(done);
  return found;
}

std::vector<NodeId> read_outside(const std::vector<std::vector<int>>& inputs, std::uint64_t done) {
  std::set<NodeId> read;
  for (std::size_t node = 0; node < inputs.size(); ++node)
    for (const int input : inputs[node])
      if ((done >> node & 1) == 0 && (done >> input & 1) != 0) read.insert(static_cast<NodeId>(input));
  return {read.begin(), read.end()};
}

void expect_containment(const Positions& positions) {
  for (std::size_t a = 0; a < positions.all.size(); ++a)
    for (std::size_t b = 0; b < positions.all.size(); ++b) {
      const std::uint64_t small = positions.all[a].done[0], large = positions.all[b].done[0];
      const bool contained = a != b && (small & large) == small;
      EXPECT_LE(contained, a < b);
      EXPECT_EQ(positions.after.empty() ? a < b : has(positions.after[a], b), contained);
    }
}

TEST(DownSets, AreAllSetsThatHoldTheirInputs) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 60; ++trial) {
    const std::vector<std::vector<int>> inputs = random_wiring(random, 2 + trial % 10);
    const std::optional<Positions> positions = down_sets(wired_graph(inputs));
    ASSERT_TRUE(positions.has_value());
    std::set<std::uint64_t> found;
    for (const Position& position : positions->all) {
      found.insert(position.done[0]);
      EXPECT_EQ(position.crossing, read_outside(inputs, position.done[0]));
    }
    EXPECT_EQ(found, all_by_trial(inputs));
    EXPECT_EQ(found.size(), positions->all.size());
    expect_containment(*positions);
  }
}

TEST(DownSets, OfAChainAreItsPrefixes) {
  const std::optional<Positions> positions = down_sets(wired_chain(1500));
  ASSERT_TRUE(positions.has_value());
  EXPECT_EQ(positions->all.size(), 1500U);
  EXPECT_TRUE(positions->after.empty());
  EXPECT_EQ(positions->all[700].name, "n700");
}

TEST(DownSets, OfABlockWithTwoWaysAreTheirProduct) {
  // Before the first block 1 set; in each block 6 x 3 sets of its ways, less the empty one, the add, the activation.
  const std::optional<Positions> positions = down_sets(wired_residual(50, 2));
  ASSERT_TRUE(positions.has_value());
  EXPECT_EQ(positions->all.size(), 1 + 50 * (6 * 3 - 1 + 2));
  EXPECT_EQ(positions->all.front().crossing, std::vector<NodeId>{NodeId{0}});
  EXPECT_TRUE(positions->all.back().crossing.empty());
}

TEST(DownSets, OfIdentityShortcutsAreAChain) {
  const std::optional<Positions> positions = down_sets(wired_residual(50, 0));
  ASSERT_TRUE(positions.has_value());
  EXPECT_TRUE(positions->after.empty());
  EXPECT_EQ(positions->all[3].crossing, (std::vector<NodeId>{NodeId{0}, NodeId{3}}));
}

TEST(DownSets, StopBeyondTheLimit) {
  std::vector<std::vector<int>> star(31, std::vector<int>{0});
  star[0] = {};
  EXPECT_FALSE(down_sets(wired_graph(star)).has_value());
  EXPECT_FALSE(down_sets(wired_chain(11), 10).has_value());
  EXPECT_TRUE(down_sets(wired_chain(10), 10).has_value());
  EXPECT_FALSE(down_sets(wired_chain(5000)).has_value());
}

}  // namespace

}  // namespace cleave
