#include "tests/support/run_shards.h"

#include <algorithm>
#include <map>

#include "engine/runtime/flow.h"
#include "graphs/passes.h"
#include "ops/core/rng.h"

namespace cleave {

namespace {

using Packed = std::vector<std::byte>;
using Wire = std::map<std::uint64_t, std::vector<Packed>>;  // by edge: its frames

Packed packed_frame(const ConstTensorView& samples, const ShardEdge& edge) {
  Packed bytes(static_cast<std::size_t>(samples.batch * edge.item_bytes));
  pack_samples(samples, edge.type.dtype, bytes);
  return bytes;
}

std::int64_t count_in(const Packed& bytes, const ShardEdge& edge) { return std::ssize(bytes) / edge.item_bytes; }

void feed(const Sharding& sharding, const Tensor& input, std::int64_t batch, Wire& wire) {
  for (const ShardEdge& edge : sharding.feeds)
    for (std::int64_t first = 0; first < input.batch; first += batch) {
      const ConstTensorView samples{std::min(batch, input.batch - first), &input.shape, input.view().sample(first)};
      wire[edge.id].push_back(packed_frame(samples, edge));
    }
}

void run_shard(const Shard& shard, std::int64_t batch, Wire& wire) {
  Flow flow(shard.part.graph, shard.part.weights, {.batch = batch, .in_flight = 3, .threads = 2});
  const auto fill = [&](std::int64_t seq, const Frame& frame) {
    std::int64_t count = 0;
    for (std::size_t i = 0; i < shard.in.size(); ++i) {
      const std::vector<Packed>& frames = wire.at(shard.in[i].id);
      if (seq >= std::ssize(frames)) return std::int64_t{0};
      const Packed& bytes = frames[static_cast<std::size_t>(seq)];
      TensorView slot = frame.whole_slot(shard.inputs[i]);
      slot.batch = count = count_in(bytes, shard.in[i]);
      unpack_samples(bytes, shard.in[i].type.dtype, slot);
    }
    return count;
  };
  std::map<std::uint64_t, std::vector<Packed>> sent;
  flow.run(fill, [&](const FrameResult& result) {
    for (std::size_t i = 0; i < shard.out.size(); ++i)
      sent[shard.out[i].id].push_back(packed_frame(result.output(shard.outputs[i]), shard.out[i]));
  });
  wire.merge(sent);
}

}  // namespace

std::vector<std::vector<float>> run_shards(Sharding sharding, const Tensor& input, std::int64_t batch) {
  Wire wire;
  feed(sharding, input, batch, wire);
  for (Shard& shard : sharding.shards) {
    fuse_shard(shard);
    run_shard(shard, batch, wire);
  }
  std::vector<std::vector<float>> answers;
  for (const ShardEdge& edge : sharding.answers) {
    std::vector<float>& values = answers.emplace_back();
    for (const Packed& bytes : wire.at(edge.id)) {
      Tensor tensor(count_in(bytes, edge), edge.type.shape);
      unpack_samples(bytes, edge.type.dtype, tensor.view());
      values.insert(values.end(), tensor.data.begin(), tensor.data.end());
    }
  }
  return answers;
}

std::vector<std::vector<float>> run_whole(Graph graph, Weights weights, const std::vector<NodeId>& wanted,
                                          const Tensor& input, std::int64_t batch) {
  const std::size_t own = graph.modules.size();
  for (const NodeId node : wanted) graph.modules.push_back({"", NodeId{0}, node, NodeId::none, DType::f32});
  run_passes(graph, weights);
  Flow flow(graph, weights, {.batch = batch, .in_flight = 3, .threads = 2});
  std::vector<std::vector<float>> outputs(wanted.size());
  const auto source = [&](std::int64_t seq, TensorView slot) {
    const std::int64_t first = seq * batch, count = std::clamp<std::int64_t>(input.batch - first, 0, batch);
    if (count > 0) std::copy_n(input.view().sample(first), count * slot.sample_size(), slot.data);
    return count;
  };
  flow.run(source, [&](const FrameResult& result) {
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const std::span<const float> values = result.output(graph.modules[own + i].body).values();
      outputs[i].insert(outputs[i].end(), values.begin(), values.end());
    }
  });
  return outputs;
}

Tensor random_samples(const Shape& shape, std::int64_t count) {
  Tensor samples(count, shape);
  Rng rng(3, kTestStream, 0);
  for (float& value : samples.data) value = static_cast<float>(rng.uniform());
  return samples;
}

}  // namespace cleave
