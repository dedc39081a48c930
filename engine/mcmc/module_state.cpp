// The incremental evaluation of a module.
//
// Every node keeps its output for the batch, block of images by block. A proposal first asks each op which channels it
// reaches (`reach`); this holds for all images. Then each block goes through all nodes concerned before the next block
// starts, so that what one node writes the next still finds in the cache. New values stand in `slices`, beside the old
// ones: rejecting is forgetting them, accepting moves them in, by exchanging two pointers where a whole output changed.
//
// In a block where a node's new values equal its old ones (a pixel that is black in all its images, a sign that stays)
// nothing behind the node is computed: the block's loss is the old one.
#include "engine/mcmc/module_state.h"

#include <algorithm>
#include <array>
#include <cassert>

#include <fmt/format.h>
#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "ops/core/half.h"
#include "ops/defs/update.h"
#include "ops/kernels/train_kernels.h"

namespace cleave {

namespace {

// Comparing a few channels is cheap; comparing many costs more than it saves.
constexpr std::int64_t kCompareChannels = 4;
// Tasks a proposal's blocks are shared out as, at most.
constexpr std::int64_t kTasks = 8;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// Calls `work(b)` for every block. Isolated: a thread that waits here must not take up another module's turn.
template <class Work>
void for_each_block(std::int64_t blocks, const Work& work) {
  if (tbb::this_task_arena::max_concurrency() == 1 || blocks < 2) {
    for (std::int64_t b = 0; b < blocks; ++b) work(b);
    return;
  }
  const std::int64_t grain = (blocks + kTasks - 1) / kTasks;
  tbb::this_task_arena::isolate([&] {
    tbb::parallel_for(
        tbb::blocked_range<std::int64_t>(0, blocks, at(grain)),
        [&](const tbb::blocked_range<std::int64_t>& range) {
          for (std::int64_t b = range.begin(); b < range.end(); ++b) work(b);
        },
        tbb::simple_partitioner());
  });
}

bool is_in(const Node& node, ModuleId module) {
  return node.module == module && (node.part == Part::body || node.part == Part::head);
}

}  // namespace

ModuleState::ModuleState(const Graph& graph, ModuleId module, const LikelihoodDef& likelihood)
    : graph_(graph), likelihood_(likelihood) {
  const Module& slice = graph.module(module);
  const auto add = [&](NodeId id, bool is_input) {
    const Node& node = graph.node(id);
    assert(node.epilogue.activation == nullptr && node.epilogue.add == NodeId::none);
    NodeState state;
    state.id = id;
    state.channels = channels_of(node.type.shape);
    state.pixels = pixels_of(node.type.shape);
    state.store = nodes_.size();
    if (!is_input) {
      for (const NodeId input : node.inputs) state.inputs.push_back(state_of(input));
      state.input_types = input_types(graph, node);
      if (node.op->view) state.store = nodes_[state.inputs.front()].store;
      state.changes = !node.weights.empty();
      for (const std::size_t input : state.inputs) state.changes = state.changes || nodes_[input].changes;
    }
    nodes_.push_back(std::move(state));
    if (!is_input && rounds(graph, node)) add_rounding();
  };
  add(slice.input, true);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (is_in(graph.nodes[i], module)) add(static_cast<NodeId>(i), false);
  head_ = state_of(slice.head);
  body_ = state_of(slice.body);
  if (nodes_[head_].pixels > 1)
    throw UserError(
        fmt::format("module '{}': the head gives an image of {}, training needs one number a class: put a "
                    "flatten into it",
                    slice.name, to_text(graph.node(slice.head).type.shape)));
  if (nodes_[head_].channels > kMaxClasses)
    throw UserError(fmt::format("module '{}': the head has {} outputs, training takes at most {}", slice.name,
                                nodes_[head_].channels, kMaxClasses));
  cache_rows_ = likelihood.cache_rows == nullptr ? 0 : likelihood.cache_rows(nodes_[head_].channels);
}

// A node whose values are rounded has a state for what its op gives, which is what an update adds a change to, and
// behind it one for the rounded values, which is what others read.
void ModuleState::add_rounding() {
  NodeState state;
  state.store = nodes_.size();
  state.rounds = true;
  state.id = nodes_.back().id;
  state.channels = nodes_.back().channels;
  state.pixels = nodes_.back().pixels;
  state.inputs = {nodes_.size() - 1};
  state.changes = nodes_.back().changes;
  nodes_.push_back(std::move(state));
}

// What others read of a node.
std::size_t ModuleState::state_of(NodeId id) const {
  for (std::size_t i = nodes_.size(); i-- > 0;)
    if (nodes_[i].id == id) return i;
  assert(false);
  return 0;
}

// What a node's op gives.
std::size_t ModuleState::layer_state_of(NodeId id) const {
  const std::size_t state = state_of(id);
  return nodes_[state].rounds ? nodes_[state].inputs.front() : state;
}

// Shares out memory: values, and behind them slices for nodes that a proposal may reach.
void ModuleState::lay_out() {
  const std::size_t blocks = at(batch_->blocks());
  const std::int64_t lanes = batch_->lanes;
  for (std::size_t n = 0; n < nodes_.size(); ++n) {
    NodeState& node = nodes_[n];
    const std::size_t size = at(node.channels * node.pixels * lanes);
    node.touched.assign(blocks, 0);
    if (node.store != n) continue;
    if (n > 0) node.memory.resize(blocks * size * (node.changes ? 2 : 1));
    node.values.assign(blocks, nullptr);
    node.slices.assign(blocks, nullptr);
    node.given.assign(blocks, nullptr);
    for (std::size_t b = 0; b < blocks; ++b) {
      if (n == 0) {
        node.given[b] = batch_->block(static_cast<std::int64_t>(b)).data;
        continue;
      }
      node.values[b] = node.memory.data() + b * size;
      if (node.changes) node.slices[b] = node.memory.data() + (blocks + b) * size;
    }
  }
  const std::size_t cache = at(cache_rows_ * lanes);
  cache_memory_.resize(2 * blocks * cache);
  caches_.resize(blocks);
  new_caches_.resize(blocks);
  for (std::size_t b = 0; b < blocks; ++b) {
    caches_[b] = cache_memory_.data() + b * cache;
    new_caches_[b] = cache_memory_.data() + (blocks + b) * cache;
  }
  sums_.assign(blocks, 0);
  new_sums_.assign(blocks, 0);
  whole_.assign(blocks, 1);
}

std::int64_t ModuleState::bytes_for(std::int64_t images, std::int64_t lanes) const {
  std::int64_t floats = 2 * cache_rows_;  // of one image
  for (std::size_t n = 1; n < nodes_.size(); ++n)
    if (nodes_[n].store == n) floats += nodes_[n].channels * nodes_[n].pixels * (nodes_[n].changes ? 2 : 1);
  return static_cast<std::int64_t>(sizeof(float)) * floats * ((images + lanes - 1) / lanes * lanes);
}

std::int64_t ModuleState::bytes_held() const {
  std::size_t floats = cache_memory_.size();
  for (const NodeState& node : nodes_) floats += node.memory.size();
  return static_cast<std::int64_t>(sizeof(float) * floats);
}

void ModuleState::set_batch(const BlockBatch& batch, Weights& weights) {
  assert(batch.lanes % kLaneMultiple == 0 && batch.lanes <= kMaxLanes && batch.images > 0);
  batch_ = &batch;
  weights_ = &weights;
  lay_out();
  refresh();
}

void ModuleState::refresh() {
  moved_ = 0;
  moves_.clear();
  for (NodeState& node : nodes_) node.reached = {.all = true, .channels = {}};
  for_each_block(batch_->blocks(), [&](std::int64_t b) {
    for (std::size_t n = 1; n < nodes_.size(); ++n) update_node(n, b, true);
    update_loss(b);
  });
  std::swap(caches_, new_caches_);
  std::swap(sums_, new_sums_);
  loss_ = proposed_loss_ = total(sums_);
}

double ModuleState::total(std::span<const double> sums) const {
  double sum = 0;
  for (const double block : sums) sum += block;
  return sum;
}

ConstBlockView ModuleState::old_block(std::size_t node, std::int64_t block) const {
  const NodeState& state = nodes_[node];
  const NodeState& store = nodes_[state.store];
  const float* data = state.store == 0 ? store.given[at(block)] : store.values[at(block)];
  return {state.channels, state.pixels, batch_->lanes, data};
}

float* ModuleState::new_values(std::size_t node, std::int64_t block) const {
  return nodes_[nodes_[node].store].slices[at(block)];
}

double ModuleState::propose(NodeId layer, std::span<const Move> moves) {
  assert(moved_ == 0);
  moved_ = layer_state_of(layer);
  moves_.clear();
  LayerWeights& weights = (*weights_)[index_of(layer)];
  for (const Move& move : moves) {
    float& weight = weights.arrays[at(move.array)][at(move.index)];
    moves_.push_back({move.array, move.index, weight});
    weight = move.value;
  }
  nodes_[0].reached = {};
  for (std::size_t n = 1; n < nodes_.size(); ++n) {
    NodeState& node = nodes_[n];
    node.reached = {};
    bool any = n == moved_ && !moves_.empty();
    for (const std::size_t input : node.inputs) any = any || !nodes_[input].reached.none();
    if (!any) continue;
    if (node.rounds) {
      node.reached = nodes_[node.inputs.front()].reached;
      continue;
    }
    const Node& source = graph_.node(node.id);
    if (source.op->reach == nullptr) {
      node.reached = {.all = true, .channels = {}};
      continue;
    }
    std::vector<ChangedChannels> inputs;
    for (const std::size_t input : node.inputs) inputs.push_back(nodes_[input].reached);
    node.reached = source.op->reach(source.params, node.input_types, inputs,
                                    n == moved_ ? std::span<const WeightMove>(moves_) : std::span<const WeightMove>(),
                                    source.weights.empty() ? nullptr : &(*weights_)[index_of(node.id)]);
  }
  for_each_block(batch_->blocks(), [&](std::int64_t b) { evaluate_block(b); });
  proposed_loss_ = total(new_sums_);
  return proposed_loss_;
}

// Fetches the old values of the few channels that the block's evaluation will compare and add to.
void ModuleState::prefetch(std::int64_t block) const {
  constexpr std::int64_t kLine = 16;  // floats
  for (std::size_t n = 1; n < nodes_.size(); ++n) {
    const NodeState& node = nodes_[n];
    if (node.store != n || node.reached.all || at(kCompareChannels) < node.reached.channels.size()) continue;
    const ConstBlockView old = old_block(n, block);
    for (const std::int32_t c : node.reached.channels)
      for (std::int64_t i = 0; i < old.channel_size(); i += kLine) __builtin_prefetch(old.channel(c) + i);
  }
}

void ModuleState::evaluate_block(std::int64_t block) {
  const std::size_t b = at(block);
  if (block + 1 < batch_->blocks()) prefetch(block + 1);
  for (std::size_t n = 1; n < nodes_.size(); ++n) {
    NodeState& node = nodes_[n];
    node.touched[b] = 0;
    if (node.reached.none()) continue;
    bool any = n == moved_;
    for (const std::size_t input : node.inputs) any = any || nodes_[input].touched[b] != 0;
    if (!any) continue;
    update_node(n, block, false);
    node.touched[b] = node.store != n || compute_touched(n, block) ? 1 : 0;
  }
  new_sums_[b] = sums_[b];
  if (nodes_[head_].touched[b] != 0) update_loss(block);
}

bool ModuleState::compute_touched(std::size_t node, std::int64_t block) const {
  const NodeState& state = nodes_[node];
  const auto count = static_cast<std::int64_t>(state.reached.channels.size());
  if (state.reached.all || count > kCompareChannels) return true;
  const ConstBlockView old = old_block(node, block);
  for (std::int64_t k = 0; k < count; ++k)
    if (!train_kernels().equal(new_values(node, block) + k * old.channel_size(),
                               old.channel(state.reached.channels[at(k)]), old.channel_size()))
      return true;
  return false;
}

// `fresh`: computes the node's values from its inputs' values, otherwise the slices of the running proposal.
void ModuleState::update_node(std::size_t node, std::int64_t block, bool fresh) {
  NodeState& state = nodes_[node];
  if (state.store != node) return;
  if (state.rounds) return round_node(node, block, fresh);
  const Node& source = graph_.node(state.id);
  if (source.op->update == nullptr) return recompute_node(node, block, fresh);
  static constexpr std::size_t kFew = 4;
  const ChangedChannels unchanged{};
  std::array<UpdateInput, kFew> few;
  std::vector<UpdateInput> many(state.inputs.size() > kFew ? state.inputs.size() : 0);
  const std::span<UpdateInput> inputs = many.empty() ? std::span(few).first(state.inputs.size()) : std::span(many);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const NodeState& input = nodes_[state.inputs[i]];
    const ConstBlockView old = old_block(state.inputs[i], block);
    const bool changed = fresh || input.touched[at(block)] != 0;
    inputs[i] = {old, changed ? &input.reached : &unchanged, fresh ? old.data : new_values(state.inputs[i], block)};
  }
  source.op->update(
      {.params = source.params,
       .types = state.input_types,
       .inputs = inputs,
       .weights = source.weights.empty() ? nullptr : &(*weights_)[index_of(state.id)],
       .moves = node == moved_ && !fresh ? std::span<const WeightMove>(moves_) : std::span<const WeightMove>(),
       .old_output = old_block(node, block),
       .changed = state.reached,
       .slices = fresh ? state.values[at(block)] : state.slices[at(block)]});
}

void ModuleState::round_node(std::size_t node, std::int64_t block, bool fresh) {
  NodeState& state = nodes_[node];
  const std::size_t b = at(block);
  const std::size_t channels = state.reached.all ? at(state.channels) : state.reached.channels.size();
  const std::size_t size = channels * at(state.pixels * batch_->lanes);
  float* to = fresh ? state.values[b] : state.slices[b];
  const std::size_t from = state.inputs.front();
  std::copy_n(fresh ? old_block(from, block).data : new_values(from, block), size, to);
  round_to_f16({to, size});
}

LossArgs ModuleState::loss_args(std::int64_t block, std::span<const float*> rows,
                                const ChangedChannels& changed) const {
  const NodeState& head = nodes_[head_];
  const ConstBlockView old = old_block(head_, block);
  const float* slices = new_values(head_, block);
  const bool fresh = moved_ == 0;
  for (std::int64_t c = 0; c < head.channels; ++c)
    rows[at(c)] = changed.all && !fresh ? slices + c * old.channel_size() : old.channel(c);
  if (!changed.all)
    for (std::size_t k = 0; k < changed.channels.size(); ++k)
      rows[at(changed.channels[k])] = slices + static_cast<std::int64_t>(k) * old.channel_size();
  return {.logits = rows.first(at(head.channels)),
          .lanes = batch_->lanes,
          .used = batch_->used(block),
          .labels = batch_->labels.data() + block * batch_->lanes,
          .changed = changed,
          .cache = caches_[at(block)],
          .new_cache = new_caches_[at(block)]};
}

void ModuleState::update_loss(std::int64_t block) {
  std::array<const float*, kMaxClasses> rows;
  const BlockLoss loss = likelihood_.block_loss(loss_args(block, rows, nodes_[head_].reached));
  new_sums_[at(block)] = loss.sum;
  whole_[at(block)] = loss.whole ? 1 : 0;
}

void ModuleState::accept() {
  assert(moved_ != 0);
  const auto keep = [&](std::int64_t block) {
    const std::size_t b = at(block);
    for (std::size_t n = 1; n < nodes_.size(); ++n) {
      NodeState& node = nodes_[n];
      if (node.touched[b] == 0 || node.store != n) continue;
      if (node.reached.all) {
        std::swap(node.values[b], node.slices[b]);
        continue;
      }
      const std::int64_t size = node.pixels * batch_->lanes;
      for (std::size_t k = 0; k < node.reached.channels.size(); ++k)
        std::copy_n(node.slices[b] + static_cast<std::int64_t>(k) * size, size,
                    node.values[b] + node.reached.channels[k] * size);
    }
    if (nodes_[head_].touched[b] == 0 || cache_rows_ == 0) return;
    std::array<const float*, kMaxClasses> rows;
    if (whole_[b] != 0) std::swap(caches_[b], new_caches_[b]);
    else likelihood_.accept_part(loss_args(block, rows, nodes_[head_].reached), caches_[b]);
  };
  for (std::int64_t b = 0; b < batch_->blocks(); ++b) keep(b);
  std::swap(sums_, new_sums_);
  loss_ = proposed_loss_;
  moved_ = 0;
}

void ModuleState::reject() {
  assert(moved_ != 0);
  LayerWeights& weights = (*weights_)[index_of(nodes_[moved_].id)];
  for (const WeightMove& move : moves_) weights.arrays[at(move.array)][at(move.index)] = move.old_value;
  proposed_loss_ = loss_;
  moved_ = 0;
}

void ModuleState::copy_body(BlockBatch& to) const {
  resize_batch(to, graph_.node(nodes_[body_].id).type.shape, batch_->images, batch_->lanes);
  to.labels = batch_->labels;
  for (std::int64_t b = 0; b < batch_->blocks(); ++b) {
    const ConstBlockView from = old_block(body_, b);
    std::copy_n(from.data, from.size(), to.block(b).data);
  }
}

ConstBlockView ModuleState::output(NodeId node, std::int64_t block) const { return old_block(state_of(node), block); }

}  // namespace cleave
