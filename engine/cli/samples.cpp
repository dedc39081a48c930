#include "engine/cli/samples.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "engine/data/fill.h"
#include "engine/runtime/memory_plan.h"
#include "graphs/passes.h"

namespace cleave {

namespace {

// Fills samples picks[order[first]] … into `input` with their labels.
void fill_picked(const Samples& samples, std::span<const std::int64_t> picks, TensorView input,
                 std::span<std::int32_t> labels) {
  const Dataset& set = *samples.set;
  fill_batch(set, *samples.input, picks, {static_cast<std::int64_t>(picks.size()), input.shape, input.data});
  for (std::size_t i = 0; i < picks.size(); ++i)
    labels[i] = set.labels.empty() ? -1 : set.labels[static_cast<std::size_t>(picks[i])];
}

std::int64_t fewest_classes(const Graph& graph) {
  std::int64_t fewest = element_count(graph.node(graph.output).type.shape);
  for (const Module& module : graph.modules)
    if (module.head != NodeId::none) fewest = std::min(fewest, element_count(graph.node(module.head).type.shape));
  return fewest;
}

}  // namespace

std::string beside_model(const ModelSpec& spec, const std::string& file) {
  return (std::filesystem::path(spec.file).parent_path() / file).string();
}

Dataset load_samples(const Model& model, const DataSetSpec& wanted, const std::string& key, std::int64_t limit) {
  const ModelSpec& spec = model.reading.spec;
  if (wanted.dataset.empty())
    throw UserError(fmt::format("{} names no {}; write e.g. {}: {{dataset: two_moons}} into its `data`", spec.file, key,
                                key.substr(key.find('.') + 1)));
  DatasetRequest request;
  request.split = wanted.split;
  request.limit = wanted.limit == 0 || limit == 0 ? std::max(wanted.limit, limit) : std::min(wanted.limit, limit);
  if (!wanted.path.empty()) request.path = beside_model(spec, wanted.path);
  request.seed = spec.seed;
  request.shape = spec.input.shape;
  request.search = data_search_path(std::getenv("CLEAVE_DATA"));
  Dataset set = load_dataset(wanted.dataset, request);
  const std::string where =
      wanted.pos.line > 0 ? fmt::format("{}:{}:{}: ", wanted.pos.file, wanted.pos.line, wanted.pos.col) : std::string();
  const std::string wrong = check_input(set, spec.input);
  if (!wrong.empty()) throw UserError(where + wrong);
  if (set.classes > fewest_classes(model.graph))
    throw UserError(fmt::format("{}the data set {} has {} classes, a head of the network {} outputs", where, set.name,
                                set.classes, fewest_classes(model.graph)));
  return set;
}

std::vector<std::int64_t> all_of(std::int64_t count) {
  std::vector<std::int64_t> picks(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < picks.size(); ++i) picks[i] = static_cast<std::int64_t>(i);
  return picks;
}

std::vector<std::int64_t> hold_out(std::int64_t count, double share, std::uint64_t seed,
                                   std::vector<std::int64_t>& held_out) {
  constexpr std::int64_t kNoEpoch = -1;  // an order that no epoch of training has
  if (count < 2) throw UserError("data.validation: one training image cannot be parted; use more or no validation");
  std::vector<std::int64_t> order = shuffled_order(count, seed, kNoEpoch);
  const auto wanted = static_cast<std::int64_t>(share * static_cast<double>(count));
  const auto part = order.begin() + std::clamp<std::int64_t>(wanted, 1, count - 1);
  std::sort(order.begin(), part);
  std::sort(part, order.end());
  held_out.assign(order.begin(), part);
  return {part, order.end()};
}

BatchSource batches_of(const Samples& samples, std::uint64_t seed) {
  std::vector<std::int64_t> order;
  std::int64_t order_epoch = -1;
  const Samples* from = &samples;
  return [=](std::int64_t epoch, std::int64_t batch, TensorView input, std::span<std::int32_t> labels) mutable {
    const auto images = static_cast<std::int64_t>(from->picks.size());
    if (epoch != order_epoch) {
      order = shuffled_order(images, seed, epoch);
      for (std::int64_t& image : order) image = from->picks[static_cast<std::size_t>(image)];
    }
    order_epoch = epoch;
    const auto [first, count] = batch_range(images, input.batch, batch);
    fill_picked(*from, std::span(order).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)),
                input, labels);
    return count;
  };
}

LabelledSource stream_of(const Samples& samples) {
  std::size_t next = 0;
  const Samples* from = &samples;
  return [=](std::int64_t /*seq*/, TensorView input, std::span<std::int32_t> labels) mutable {
    const std::size_t count = std::min(static_cast<std::size_t>(input.batch), from->picks.size() - next);
    if (count > 0) fill_picked(*from, std::span(from->picks).subspan(next, count), input, labels);
    next += count;
    return static_cast<std::int64_t>(count);
  };
}

std::int64_t fill_samples(const Samples& samples, std::int64_t batch, TensorView input,
                          std::span<std::int32_t> labels) {
  const auto count = static_cast<std::int64_t>(samples.picks.size());
  const std::int64_t first = std::min(count, batch * input.batch);
  const std::int64_t taken = std::min(input.batch, count - first);
  if (taken > 0)
    fill_picked(samples,
                std::span(samples.picks).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(taken)),
                input, labels);
  return taken;
}

EvaluateReport evaluate_samples(const Graph& graph, const Weights& weights, const Samples& samples,
                                EvaluateOptions options) {
  Graph fused = graph;
  Weights fused_weights = weights;
  run_passes(fused, fused_weights);
  const auto count = static_cast<std::int64_t>(samples.picks.size());
  options.flow.batch = std::clamp<std::int64_t>(count, 1, options.flow.batch);
  return evaluate(fused, std::move(fused_weights), stream_of(samples), options);
}

std::int64_t evaluation_batch(const Graph& graph, std::int64_t in_flight) {
  constexpr std::int64_t kMostBytes = std::int64_t{64} << 20;
  const std::vector<NodeId> kept = answering_nodes(graph);
  std::int64_t batch = 256;
  const auto bytes = [&] { return plan_memory(graph, {.batch = batch, .kept = &kept}).bytes(in_flight, in_flight); };
  while (batch > 1 && bytes() > kMostBytes) batch /= 2;
  return batch;
}

}  // namespace cleave
