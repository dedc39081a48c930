// Patch-based execution (Lin et al. 2021, "MCUNetV2", section 3.1). The first layers of a convolutional network have
// the largest images and so the most memory, while few rows of them are needed for a row of what they end in. So these
// layers are computed for one band of rows after the other: the `tiles` split, run serially. Only the bands' ends stand
// in memory whole. The price are the halos, rows near a band's border that are computed for both its neighbours; more
// bands and more layers cost more of them. Of all ends and numbers of bands that fit, the one with the fewest
// operations is taken.
//
// Only places where something can end without undoing a fusion are tried: not in front of a batch norm or activation.
#include "engine/runtime/fit_memory.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/runtime/evaluate.h"
#include "engine/runtime/memory_plan.h"
#include "graphs/passes.h"
#include "ops/core/catalog.h"
#include "partitioner/split.h"

namespace cleave {

namespace {

constexpr std::array<std::int64_t, 7> kCounts = {2, 3, 4, 6, 8, 12, 16};
constexpr int kMostEnds = 6;  // that fit and are compared; later ones cost more, as a rule

const SplitDef& tiles() { return *find(split_catalog(), "tiles"); }

double operations(const Graph& graph) {
  const Cost cost = total_cost(graph);
  return static_cast<double>(cost.mult_adds) + static_cast<double>(cost.binary_ops);
}

MemoryPlan plan_of(Graph graph) {
  Weights none;
  run_passes(graph, none);
  const std::vector<NodeId> kept = answering_nodes(graph);
  return plan_memory(graph, {.kept = &kept, .serial = true});
}

bool may_end_at(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (!is_image(node.type.shape) || !can_split_at(graph, id)) return false;
  return std::none_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& reader) {
    const bool reads = std::find(reader.inputs.begin(), reader.inputs.end(), id) != reader.inputs.end();
    return reads && reader.op != nullptr &&
           (reader.op->elementwise || std::string_view(reader.op->name) == "batch_norm");
  });
}

struct Tried {
  std::int64_t bytes = 0;
  double operations = 0;
};

// Nothing where the split cannot be done.
std::optional<Tried> try_patches(const Graph& graph, NodeId to, std::int64_t count) {
  try {
    const SplitGraph split = tiles().split(graph, to, count);
    return Tried{plan_of(split.graph).bytes(1, 1), operations(split.graph)};
  } catch (const OpError&) {
    return std::nullopt;
  }
}

// The smallest number of bands up to `to` that fit.
std::optional<std::pair<Patches, Tried>> fewest_bands(const Graph& graph, NodeId to, double most_bytes) {
  const std::int64_t rows = graph.node(to).type.shape[1];
  std::optional<Tried> last = try_patches(graph, to, std::min(rows, kCounts.back()));
  if (!last || static_cast<double>(last->bytes) > most_bytes) return std::nullopt;
  for (const std::int64_t count : kCounts) {
    if (count > rows) break;
    const std::optional<Tried> tried = try_patches(graph, to, count);
    if (tried && static_cast<double>(tried->bytes) <= most_bytes)
      return std::pair{Patches{to, count, tried->operations / operations(graph) - 1}, *tried};
  }
  return std::pair{Patches{to, std::min(rows, kCounts.back()), last->operations / operations(graph) - 1}, *last};
}

std::string in_kib(double bytes) { return fmt::format("{:.1f} KiB", bytes / 1024); }

}  // namespace

RunMemory run_memory(const Graph& graph, const LimitsSpec& limits) {
  RunMemory memory;
  for (const Node& node : graph.nodes) memory.weight_bytes += weight_bytes(node);
  Graph fused = graph;
  Weights none;
  run_passes(fused, none);
  const std::vector<NodeId> kept = answering_nodes(fused);
  memory.apart_bytes = plan_memory(fused, {.slice = 1}).bytes(1, 1);
  const MemoryPlan shared = plan_memory(fused, {.kept = &kept, .serial = true});
  memory.shared_bytes = memory.patched_bytes = shared.bytes(1, 1);
  if (shared.fullest != NodeId::none) memory.fullest = fused.node(shared.fullest).name;
  if (limits.memory_bytes <= 0 || static_cast<double>(memory.shared_bytes) <= limits.memory_bytes) return memory;
  int ends = 0;
  for (std::size_t i = 1; i < graph.nodes.size() && ends < kMostEnds; ++i) {
    const NodeId to{static_cast<std::int32_t>(i)};
    if (!may_end_at(graph, to)) continue;
    const auto fits = fewest_bands(graph, to, limits.memory_bytes);
    if (!fits) continue;
    ++ends;
    if (memory.patches && memory.patches->extra_compute <= fits->first.extra_compute) continue;
    memory.patches = fits->first;
    memory.patched_bytes = fits->second.bytes;
  }
  return memory;
}

std::string why_too_large(const RunMemory& memory, const LimitsSpec& limits) {
  const auto activations = static_cast<double>(memory.patched_bytes);
  if (limits.memory_bytes > 0 && activations > limits.memory_bytes)
    return fmt::format(
        "the activations of one sample take {} at layer '{}', the limit is {}; no number of patches makes them fit: "
        "smaller images or fewer filters would",
        in_kib(activations), memory.fullest, in_kib(limits.memory_bytes));
  const double most = limits.weight_bytes > 0 ? limits.weight_bytes : limits.memory_bytes;
  const auto weights = static_cast<double>(memory.weight_bytes);
  if (most > 0 && weights > most)
    return fmt::format("the weights take {}, the limit is {}; fewer or binary ones would fit{}", in_kib(weights),
                       in_kib(most),
                       limits.weight_bytes > 0 ? "" : ", or limits.weights where they have a memory of their own");
  return "";
}

void apply_patches(Graph& graph, Weights& weights, const Patches& patches) {
  SplitGraph split = tiles().split(graph, patches.to, patches.count);
  weights = tiles().weights(graph, split, weights);
  graph = std::move(split.graph);
}

}  // namespace cleave
