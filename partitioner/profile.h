// Profile: measured times of one kind of device on one graph. Times are not additive (Gacoin et al. 2019, Table II:
// group 3 costs 0.0214 s inside heads and 0.0359 s inside tails), so segments of consecutive nodes are measured, too.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "graphs/graph.h"
#include "graphs/source.h"

namespace cleave {

struct Measured {
  double seconds = 0;              // median of one frame
  double spread = 0;               // interquartile range over the median
  std::int64_t memory_bytes = -1;  // at its most while running; -1 = not measured

  bool operator==(const Measured&) const = default;
};

// One node by name.
struct NodeProfile {
  std::string node;
  Measured measured;
};

// The nodes behind `from` ("" = the network's input) up to and with `to`, run together. `to` is a node, or a layer or
// module that ends there.
struct SegmentProfile {
  std::string from, to;
  Measured measured;
};

// One of `ways` shares of everything up to `to` (partitioner/split.h).
struct ShareProfile {
  std::string split;  // branches | filters | tiles
  std::int64_t ways = 2;
  std::string to;
  Measured measured;
};

struct Profile {
  std::string file;        // where it was read; "" = made here
  std::string model;       // the model's name, for people
  std::string graph_hash;  // structure_hash of the graph; "" = written by hand: the names must fit
  std::string device;      // a preset or a device's name: what it speaks for
  std::int64_t batch = 1;  // samples in a frame
  std::vector<std::pair<std::string, std::string>> host;  // facts: cpu, cores, kernel, date …
  std::vector<NodeProfile> nodes;
  std::vector<SegmentProfile> segments;
  std::vector<ShareProfile> shares;
};

// Reads a profile.yaml (one document with `profiles:`, a list; or one profile). Throws ModelError with every mistake.
std::vector<Profile> read_profiles(const std::string& path);
std::vector<Profile> read_profiles_text(const std::string& file, const std::string& text);
// Returns the text `read_profiles` reads.
std::string to_yaml(const std::vector<Profile>& profiles);

// Returns the node a name of a profile or of the placement stands for: a node of that name, else the node that a layer
// of that name (a residual, a repeat, a module) ends with; none when there is no such.
NodeId node_of_name(const Graph& graph, const std::string& name);

}  // namespace cleave
