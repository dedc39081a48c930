// Backpropagation inside one module. A block of images goes forward through all nodes, each of which keeps its output,
// and back again; then the next block. Nothing is asked of nodes behind which no weight stands: the module's input gets
// no slopes, so that of the first layer costs only its weights.
#include "engine/train/sgd_gradient.h"

#include <algorithm>
#include <array>
#include <cassert>

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "ops/core/half.h"
#include "ops/kernels/train_kernels.h"

namespace cleave {

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// Calls `work(i)` for every i. Isolated: a thread that waits here must not take up another module's turn.
template <class Work>
void for_each(std::int64_t count, const Work& work) {
  if (tbb::this_task_arena::max_concurrency() == 1 || count < 2) {
    for (std::int64_t i = 0; i < count; ++i) work(i);
    return;
  }
  tbb::this_task_arena::isolate([&] { tbb::parallel_for(std::int64_t{0}, count, work); });
}

}  // namespace

ModuleGradient::ModuleGradient(const Graph& graph, ModuleId module, const LikelihoodDef& likelihood)
    : graph_(graph), likelihood_(likelihood) {
  add_step(graph.module(module).input, true);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.module == module && (node.part == Part::body || node.part == Part::head))
      add_step(static_cast<NodeId>(i), false);
  }
  head_ = step_of(graph.module(module).head);
}

void ModuleGradient::add_step(NodeId id, bool is_input) {
  const Node& node = graph_.node(id);
  Step step;
  step.id = id;
  step.channels = channels_of(node.type.shape);
  step.pixels = pixels_of(node.type.shape);
  if (!is_input) {
    for (const NodeId input : node.inputs) step.inputs.push_back(step_of(input));
    step.types = input_types(graph_, node);
    step.rounds = rounds(graph_, node);
    for (const std::size_t input : step.inputs) step.trains = step.trains || steps_[input].trains;
    for (std::size_t a = 0; a < node.weights.size(); ++a) {
      const bool is_statistic = node.weights[a].role == Role::statistic;
      step.first_slope.push_back(is_statistic ? -1 : weights_);
      if (is_statistic) continue;
      arrays_.push_back({id, a, weights_, element_count(node.weights[a].shape)});
      weights_ += arrays_.back().size;
      step.trains = true;
    }
  }
  steps_.push_back(std::move(step));
}

std::size_t ModuleGradient::step_of(NodeId id) const {
  const auto step = std::find_if(steps_.begin(), steps_.end(), [&](const Step& s) { return s.id == id; });
  assert(step != steps_.end());
  return static_cast<std::size_t>(step - steps_.begin());
}

void ModuleGradient::reserve(Workspace& space, std::int64_t lanes) const {
  space.values.resize(steps_.size());
  space.slopes.resize(steps_.size());
  for (std::size_t s = 1; s < steps_.size(); ++s) {
    const std::size_t size = at(steps_[s].channels * steps_[s].pixels * lanes);
    space.values[s].resize(size);
    space.slopes[s].assign(steps_[s].trains ? size : 0, 0);
  }
  space.weight_slopes.resize(at(weights_));
}

void ModuleGradient::go_forward(const ConstBlockView& input, const Weights& weights, Workspace& space) const {
  std::vector<ConstBlockView> inputs;
  for (std::size_t s = 1; s < steps_.size(); ++s) {
    const Step& step = steps_[s];
    const Node& node = graph_.node(step.id);
    inputs.clear();
    for (const std::size_t from : step.inputs)
      inputs.push_back({steps_[from].channels, steps_[from].pixels, input.lanes,
                        from == 0 ? input.data : space.values[from].data()});
    compute_node(node, step.types, inputs, node.weights.empty() ? nullptr : &weights[index_of(step.id)],
                 {step.channels, step.pixels, input.lanes, space.values[s].data()});
    if (step.rounds) round_to_f16(space.values[s]);
  }
}

void ModuleGradient::take_loss(const BlockBatch& batch, std::int64_t block, Workspace& space) const {
  const Step& head = steps_[head_];
  std::array<const float*, kMaxClasses> rows;
  for (std::int64_t c = 0; c < head.channels; ++c) rows[at(c)] = space.values[head_].data() + c * batch.lanes;
  const std::int64_t cache_rows = likelihood_.cache_rows == nullptr ? 0 : likelihood_.cache_rows(head.channels);
  std::vector<float> cache(at(cache_rows * batch.lanes));
  const ChangedChannels all{.all = true, .channels = {}};
  const LossArgs args{.logits = std::span<const float* const>(rows).first(at(head.channels)),
                      .lanes = batch.lanes,
                      .used = batch.used(block),
                      .labels = batch.labels.data() + block * batch.lanes,
                      .changed = all,
                      .cache = cache.data(),
                      .new_cache = cache.data()};
  space.loss = likelihood_.block_loss(args).sum;
  likelihood_.gradient(args, space.slopes[head_].data());
}

void ModuleGradient::go_back(const ConstBlockView& input, const Weights& weights, Workspace& space) const {
  std::vector<ConstBlockView> inputs;
  std::vector<float*> input_slopes, weight_slopes;
  for (std::size_t s = steps_.size(); s-- > 1;) {
    const Step& step = steps_[s];
    if (!step.trains) continue;
    const Node& node = graph_.node(step.id);
    inputs.clear();
    input_slopes.clear();
    weight_slopes.clear();
    for (const std::size_t from : step.inputs) {
      inputs.push_back({steps_[from].channels, steps_[from].pixels, input.lanes,
                        from == 0 ? input.data : space.values[from].data()});
      input_slopes.push_back(steps_[from].trains ? space.slopes[from].data() : nullptr);
    }
    for (const std::int64_t first : step.first_slope)
      weight_slopes.push_back(first < 0 ? nullptr : space.weight_slopes.data() + first);
    node.op->backward({.params = node.params,
                       .types = step.types,
                       .inputs = inputs,
                       .weights = node.weights.empty() ? nullptr : &weights[index_of(step.id)],
                       .output = {step.channels, step.pixels, input.lanes, space.values[s].data()},
                       .gradient = {step.channels, step.pixels, input.lanes, space.slopes[s].data()},
                       .input_gradients = input_slopes,
                       .weight_gradients = weight_slopes});
  }
}

void ModuleGradient::run_block(const BlockBatch& batch, std::int64_t block, const Weights& weights,
                               Workspace& space) const {
  reserve(space, batch.lanes);
  const ConstBlockView input = batch.block(block);
  go_forward(input, weights, space);
  take_loss(batch, block, space);
  go_back(input, weights, space);
}

double ModuleGradient::compute(const BlockBatch& batch, std::span<const std::int64_t> blocks, const Weights& weights) {
  const auto count = static_cast<std::int64_t>(blocks.size());
  if (spaces_.size() < blocks.size()) spaces_.resize(blocks.size());
  for_each(count, [&](std::int64_t i) { run_block(batch, blocks[at(i)], weights, spaces_[at(i)]); });
  double loss = 0;
  std::int64_t images = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    loss += spaces_[at(i)].loss;
    images += batch.used(blocks[at(i)]);
  }
  const float share = 1.0F / static_cast<float>(images);
  slopes_.resize(at(weights_));
  for (std::size_t w = 0; w < slopes_.size(); ++w) {
    float sum = spaces_[0].weight_slopes[w];
    for (std::size_t i = 1; i < blocks.size(); ++i) sum += spaces_[i].weight_slopes[w];
    slopes_[w] = sum * share;
  }
  return loss / static_cast<double>(images);
}

}  // namespace cleave
