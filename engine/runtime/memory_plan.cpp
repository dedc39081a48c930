// Which buffers may share. Nodes run in any order that their edges allow, by several threads. So buffer B may take the
// bytes of A only if every reader of A is sure to have finished when B's writer begins: if they all are ancestors of
// it. With `serial` the graph's order decides instead.
//
// Placing them is the problem of dynamic storage allocation. The buffers are placed in order of size, the largest
// first, each as low as those already placed allow (the greedy-by-size strategy of Pisarchyk and Lee 2020, "Efficient
// Memory Management for Deep Neural Net Inference", section 5.2), which for chains and residual networks reaches the
// bound: the most that is in use at any node.
#include "engine/runtime/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace cleave {

namespace {

constexpr std::int64_t kMostFloats = std::int64_t{1} << 48;
constexpr std::int64_t kFloatsPerLine = 16;
constexpr std::int64_t kSliceBytes = 512 * 1024;  // of an arena, that stay in the cache of a core
constexpr std::size_t kMostShared = 4096;         // nodes; comparing all buffers of larger graphs takes too long

std::int64_t whole_lines(std::int64_t floats) {
  return std::min(kMostFloats, (floats + kFloatsPerLine - 1) / kFloatsPerLine * kFloatsPerLine);
}

// What has to be placed in the arena.
struct Buffer {
  std::size_t writer = 0;            // its node
  std::vector<std::size_t> readers;  // the writer itself where nobody reads it
  std::int64_t size = 0;             // floats
  std::int64_t at = 0;
  bool is_scratch = false;
};

// Which nodes are sure to have ended before another begins.
class Order {
 public:
  Order(const Graph& graph, bool serial) : serial_(serial), count_(graph.nodes.size()) {
    if (serial) return;
    before_.resize(count_, std::vector<bool>(count_));
    for (std::size_t i = 0; i < count_; ++i)
      for (const NodeId input : graph.nodes[i].inputs) {
        const std::size_t j = index_of(input);
        for (std::size_t k = 0; k < j; ++k)
          if (before_[j][k]) before_[i][k] = true;
        before_[i][j] = true;
      }
  }
  bool is_before(std::size_t a, std::size_t b) const { return serial_ ? a < b : before_[b][a]; }
  // True when nobody needs `a` any more when `b` is written.
  bool is_over(const Buffer& a, const Buffer& b) const {
    return std::all_of(a.readers.begin(), a.readers.end(),
                       [&](std::size_t reader) { return is_before(reader, b.writer); });
  }
  bool may_share(const Buffer& a, const Buffer& b) const { return is_over(a, b) || is_over(b, a); }

 private:
  bool serial_;
  std::size_t count_;
  std::vector<std::vector<bool>> before_;
};

bool clamps(const Epilogue& epilogue) {
  return epilogue.activation == nullptr || epilogue.activation->clamp != nullptr;
}

// Whether all that touches the output of node `i` can do with a halo around it.
bool writes_halo(const Node& node) {
  const bool finished = node.epilogue == Epilogue{} || (node.op->fuses && clamps(node.epilogue));
  return node.op != nullptr && node.op->writes_halo && finished && is_image(node.type.shape) &&
         node.type.dtype != DType::f16;
}

// By node: the widest halo that a reader would like around its output, 0 where one of them cannot have any.
std::vector<std::int64_t> halos_of(const Graph& graph, const std::vector<bool>& kept) {
  std::vector<std::int64_t> halos(graph.nodes.size(), 0);
  std::vector<bool> possible(graph.nodes.size());
  for (std::size_t i = 0; i < halos.size(); ++i) possible[i] = !kept[i] && writes_halo(graph.nodes[i]);
  for (const Node& node : graph.nodes) {
    for (const NodeId input : op_inputs(node)) {
      if (node.op->halo == nullptr) possible[index_of(input)] = false;
      else
        halos[index_of(input)] = std::max(halos[index_of(input)], node.op->halo(node.params, input_types(graph, node)));
    }
    if (node.epilogue.add != NodeId::none && !node.op->fuses) possible[index_of(node.epilogue.add)] = false;
  }
  for (std::size_t i = 0; i < halos.size(); ++i)
    if (!possible[i]) halos[i] = 0;
  return halos;
}

std::int64_t sample_floats(const Shape& shape, std::int64_t halo) {
  return ConstTensorView{1, &shape, nullptr, halo}.sample_stride();
}

// The floats that a node's op needs beside its arguments: for inputs as they will be.
std::int64_t scratch_floats(const Graph& graph, const Node& node, const std::vector<std::int64_t>& halos) {
  if (node.op == nullptr || node.op->scratch == nullptr) return 0;
  const std::int64_t halo = node.inputs.empty() ? 0 : halos[index_of(node.inputs.front())];
  return node.op->scratch(node.params, input_types(graph, node), node.weight_type, halo);
}

// Puts each buffer as low as those placed before it allow.
void place(std::vector<Buffer>& buffers, const Order& order) {
  std::vector<std::size_t> by_size(buffers.size());
  std::iota(by_size.begin(), by_size.end(), std::size_t{0});
  std::stable_sort(by_size.begin(), by_size.end(),
                   [&](std::size_t a, std::size_t b) { return buffers[a].size > buffers[b].size; });
  std::vector<const Buffer*> placed;  // by where they begin
  for (const std::size_t i : by_size) {
    Buffer& buffer = buffers[i];
    for (const Buffer* other : placed) {
      if (other->at + other->size <= buffer.at || order.may_share(*other, buffer)) continue;
      if (buffer.at + buffer.size <= other->at) break;
      buffer.at = other->at + other->size;
    }
    const auto behind = std::upper_bound(placed.begin(), placed.end(), buffer.at,
                                         [](std::int64_t at, const Buffer* other) { return at < other->at; });
    placed.insert(behind, &buffer);
  }
}

// Buffers of graphs too large to compare them all: none share, but for one scratch.
void place_apart(std::vector<Buffer>& buffers) {
  std::int64_t end = 0;
  for (Buffer& buffer : buffers) {
    buffer.at = end;
    end = std::min(kMostFloats, end + buffer.size);
  }
}

class Planner {
 public:
  Planner(const Graph& graph, const MemoryOptions& options) : graph_(graph), options_(options) {
    const std::size_t count = graph.nodes.size();
    kept_.assign(count, options.kept == nullptr);
    if (options.kept != nullptr)
      for (const NodeId id : *options.kept) kept_[index_of(id)] = true;
    for (std::size_t i = 0; i < count; ++i) kept_[i] = kept_[i] || graph.nodes[i].op == nullptr;
    halos_ = halos_of(graph, kept_);
    readers_.resize(count);
    for (std::size_t i = 0; i < count; ++i)
      for (const NodeId input : graph.nodes[i].inputs) readers_[index_of(input)].push_back(i);
  }

  MemoryPlan run() {
    MemoryPlan plan;
    plan.batch = options_.batch;
    plan.slice = 1;
    std::vector<Buffer> buffers = placed_buffers(1);
    if (const std::int64_t slice = slice_for(end_of(buffers)); slice > 1) {
      plan.slice = slice;
      buffers = placed_buffers(slice);
    }
    plan.places.resize(graph_.nodes.size());
    for (std::size_t i = 0; i < plan.places.size(); ++i) {
      Place& place = plan.places[i];
      place.halo = halos_[i];
      place.kept = kept_[i];
      if (!kept_[i]) continue;
      place.at = plan.kept_floats;
      plan.kept_floats = std::min(
          kMostFloats, plan.kept_floats + whole_lines(floats_of(graph_.nodes[i].type.shape, 0, options_.batch)));
    }
    for (const Buffer& buffer : buffers) {
      Place& place = plan.places[buffer.writer];
      (buffer.is_scratch ? place.scratch : place.at) = buffer.at;
      if (buffer.is_scratch) place.scratch_size = buffer.size;
    }
    plan.arena_floats = end_of(buffers);
    find_fullest(buffers, plan);
    return plan;
  }

 private:
  static std::int64_t floats_of(const Shape& shape, std::int64_t halo, std::int64_t samples) {
    const std::int64_t one = sample_floats(shape, halo);
    return one > kMostFloats / samples ? kMostFloats : one * samples;
  }

  std::int64_t slice_for(std::int64_t arena_of_one) const {
    if (options_.slice > 0) return std::min(options_.slice, options_.batch);
    const std::int64_t one = std::max<std::int64_t>(1, arena_of_one * static_cast<std::int64_t>(sizeof(float)));
    const std::int64_t share = (options_.batch + options_.threads - 1) / options_.threads;
    return std::clamp<std::int64_t>(kSliceBytes / one, 1, std::max<std::int64_t>(1, share));
  }

  std::vector<Buffer> placed_buffers(std::int64_t slice) const {
    std::vector<Buffer> buffers;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      if (!kept_[i]) {
        const std::int64_t size = whole_lines(floats_of(node.type.shape, halos_[i], slice));
        buffers.push_back({i, readers_[i].empty() ? std::vector<std::size_t>{i} : readers_[i], size});
      }
      if (const std::int64_t size = whole_lines(scratch_floats(graph_, node, halos_)); size > 0)
        buffers.push_back({.writer = i, .readers = {i}, .size = size, .is_scratch = true});
    }
    if (graph_.nodes.size() > kMostShared) place_apart(buffers);
    else place(buffers, Order(graph_, options_.serial));
    return buffers;
  }

  static std::int64_t end_of(const std::vector<Buffer>& buffers) {
    std::int64_t end = 0;
    for (const Buffer& buffer : buffers) end = std::max(end, std::min(kMostFloats, buffer.at + buffer.size));
    return end;
  }

  void find_fullest(const std::vector<Buffer>& buffers, MemoryPlan& plan) const {
    std::vector<std::int64_t> change(graph_.nodes.size() + 1, 0);
    for (const Buffer& buffer : buffers) {
      change[buffer.writer] += buffer.size;
      change[*std::max_element(buffer.readers.begin(), buffer.readers.end()) + 1] -= buffer.size;
    }
    std::int64_t live = 0;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      live += change[i];
      if (live <= plan.live_floats) continue;
      plan.live_floats = live;
      plan.fullest = NodeId{static_cast<std::int32_t>(i)};
    }
  }

  const Graph& graph_;
  const MemoryOptions& options_;
  std::vector<bool> kept_;
  std::vector<std::int64_t> halos_;
  std::vector<std::vector<std::size_t>> readers_;
};

}  // namespace

std::int64_t MemoryPlan::bytes(std::int64_t frames, std::int64_t trips) const {
  const std::int64_t most = kMostFloats * static_cast<std::int64_t>(sizeof(float));
  const double all = static_cast<double>(frames) * static_cast<double>(kept_floats) +
                     static_cast<double>(trips) * static_cast<double>(arena_floats);
  return all * sizeof(float) >= static_cast<double>(most) ? most : static_cast<std::int64_t>(all) * 4;
}

std::vector<NodeId> unread_nodes(const Graph& graph) {
  std::vector<bool> read(graph.nodes.size());
  for (const Node& node : graph.nodes)
    for (const NodeId input : node.inputs) read[index_of(input)] = true;
  std::vector<NodeId> unread;
  for (std::size_t i = 0; i < read.size(); ++i)
    if (!read[i]) unread.push_back(NodeId{static_cast<std::int32_t>(i)});
  return unread;
}

MemoryPlan plan_memory(const Graph& graph, const MemoryOptions& options) { return Planner(graph, options).run(); }

}  // namespace cleave
