// Graphs for tests of positions: only names and wiring.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graphs/graph.h"

namespace cleave {

// Returns a graph whose node i reads the nodes inputs[i]; node 0 is the input. Nodes are called "n1", "n2" …
inline Graph wired_graph(const std::vector<std::vector<int>>& inputs) {
  Graph graph;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Node node;
    node.name = i == 0 ? "input" : "n" + std::to_string(i);
    for (const int input : inputs[i]) node.inputs.push_back(static_cast<NodeId>(input));
    graph.nodes.push_back(std::move(node));
  }
  return graph;
}

// Every node reads the one before it.
inline Graph wired_chain(int nodes) {
  std::vector<std::vector<int>> inputs(1);
  for (int i = 1; i < nodes; ++i) inputs.push_back({i - 1});
  return wired_graph(inputs);
}

// Residual blocks: a body of five nodes, a shortcut of `shortcut` nodes, an add and an activation.
inline Graph wired_residual(int blocks, int shortcut) {
  std::vector<std::vector<int>> inputs(1);
  const auto add = [&](std::vector<int> from) {
    inputs.push_back(std::move(from));
    return static_cast<int>(inputs.size()) - 1;
  };
  int last = 0;
  for (int block = 0; block < blocks; ++block) {
    int body = last, way = last;
    for (int i = 0; i < 5; ++i) body = add({body});
    for (int i = 0; i < shortcut; ++i) way = add({way});
    last = add({add({body, way})});
  }
  return wired_graph(inputs);
}

}  // namespace cleave
