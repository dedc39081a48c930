// Shards: a graph and a plan as one runnable extract for each device: its nodes, their weights, its bridge ends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/runtime/sub_graph.h"
#include "partitioner/plan.h"

namespace cleave {

inline constexpr int kOutside =
    -1;  // in place of a stage: the coordinator, which feeds the input and takes the answers

// One tensor that goes from one stage to another, frame by frame.
struct ShardEdge {
  int from = kOutside, to = kOutside;  // stages of the plan
  NodeId node = NodeId::none;          // of the plan's graph, whose output it carries
  TensorType type;
  bool labels = false;          // training: every sample is followed by its label, 4 bytes
  std::uint64_t id = 0;         // hash of the plan's hash, from, to and the node's name
  std::int64_t item_bytes = 0;  // of one sample, its label included

  bool operator==(const ShardEdge&) const = default;
};

struct Shard {
  int stage = 0;
  std::string device;
  SubGraph part;                // as written, before passes; its inputs are those of `in`
  std::vector<NodeId> nodes;    // of Sharding::graph that it computes: in this order, those of part.graph with an op
  std::vector<NodeId> inputs;   // [in] -> node of part.graph to be filled
  std::vector<NodeId> outputs;  // [out] -> node of part.graph to be sent; an input where a tensor is handed on
  std::vector<ShardEdge> in, out;
};

struct Sharding {
  Graph graph;                               // that the stages are of: as built, or split
  std::array<std::uint8_t, 32> plan_hash{};  // SHA-256 over all that both ends of a bridge must agree on
  std::int64_t batch = 1;                    // samples a frame holds at most
  std::vector<Shard> shards;                 // by stage
  std::vector<ShardEdge> feeds, answers;     // of the coordinator: what it sends, what it takes; those of `wanted`
};

// Returns one shard per stage of `plan`, whose nodes must be named (name_nodes). `weights` are those of `graph` as
// built; an empty list leaves the shards without (to be filled by whoever has them). `devices` are the swarm's names.
// `wanted` are nodes of the graph as built whose outputs the coordinator wants; a wanted node that is its input is not
// sent, one wanted twice is sent once. A tensor that several stages need is one edge for each of them; one that is
// handed on over a stage between is an edge of each leg. With `training`, edges carry labels, nothing is answered, and
// a stage holds whole modules. Throws UserError for a wanted node that is computed in parts, and for a plan whose
// stages are no whole modules.
Sharding make_shards(const Graph& graph, const Weights& weights, const Plan& plan,
                     const std::vector<std::string>& devices, const std::vector<NodeId>& wanted, bool training = false,
                     std::int64_t batch = 1);

// Returns the stages of training: one for each run of modules on the same device (TrainingRequest::device_of), without
// costs.
Plan plan_of_modules(const Graph& graph, const std::vector<int>& device_of);

// Makes a shard with weights ready for inference: runs the passes on its part. Inputs and outputs keep their meaning.
void fuse_shard(Shard& shard);

// The weights of a shard that was not fused, as a safetensors file. The second throws UserError when they are another
// shard's, RunError when they are damaged.
std::vector<std::byte> shard_weights_bytes(const Shard& shard);
void set_shard_weights(std::span<const std::byte> bytes, Shard& shard);

// Shards as text, for `show --stage shards`, and as JSON.
std::string to_text(const Sharding& sharding);
std::string shards_to_json(const Sharding& sharding);

// A tensor's samples as bytes on the wire, at the type's dtype: f32, f16, i8 as they are; bits packed, the larger value
// a set bit, each sample filled up to whole bytes. [count] samples one after the other, in the inference layout. `to`
// holds exactly from.batch samples.
void pack_samples(const ConstTensorView& from, DType dtype, std::span<std::byte> to);
// Back again. Values are exactly those that were packed, where they are values of the dtype; bits are -1 and 1.
void unpack_samples(std::span<const std::byte> from, DType dtype, const TensorView& to);

}  // namespace cleave
