// Profile: measured times of one kind of device on one graph. Times are not additive (Gacoin et al. 2019, Table II:
// group 3 costs 0.0214 s inside heads and 0.0359 s inside tails), so segments of consecutive nodes are measured, too.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "graphs/graph.h"
#include "graphs/source.h"
#include "ops/core/error.h"

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
  SourcePos pos;  // here and below: of the name, where it was read
};

// The nodes behind `from` ("" = the network's input) up to and with `to`, run together. `to` is a node, or a layer or
// module that ends there.
struct SegmentProfile {
  std::string from, to;  // `to` "" = the network's end
  Measured measured;
  SourcePos from_pos, to_pos;
};

// One of `ways` shares of everything up to `to` (partitioner/split.h).
struct ShareProfile {
  std::string split;  // branches | filters | tiles
  std::int64_t ways = 2;
  std::string to;
  Measured measured;
  SourcePos pos;
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
  SourcePos pos, graph_pos, batch_pos;
  Sources sources;  // what messages quote; empty = made here
};

// Reads a profile.yaml (one document with `profiles:`, a list; or one profile). Throws ModelError with every mistake.
std::vector<Profile> read_profiles(const std::string& path);
std::vector<Profile> read_profiles_text(const std::string& file, const std::string& text);
// Returns the text `read_profiles` reads.
std::string to_yaml(const std::vector<Profile>& profiles);

// Returns the node a name of a profile or of the placement stands for: a node of that name, else the node that a layer
// of that name (a residual, a repeat, a module) ends with; none when there is no such. A module with a head ends with
// it: body and head live on one device, and what a cut behind them sends is still the body's output.
NodeId node_of_name(const Graph& graph, const std::string& name);
// Returns what `node_of_name` knows: nodes, layers that hold nodes, modules.
std::vector<std::string> place_names(const Graph& graph);

}  // namespace cleave
