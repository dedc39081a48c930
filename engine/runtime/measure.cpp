#include "engine/runtime/measure.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include <fmt/format.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#include <time.h>

#include "engine/runtime/frame.h"
#include "engine/runtime/run_node.h"
#include "graphs/passes.h"
#include "ops/core/rng.h"

namespace cleave {

namespace {

constexpr double kTick = 1e-9;  // what nothing at all takes: the clock cannot tell less
constexpr std::int64_t kMostRuns = 10'000;

double seconds_of(clockid_t clock) {
  struct timespec time {};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// What passed on the clocks.
struct Elapsed {
  double wall_s = 0, cpu_s = 0;  // CPU time per thread
};

// Bits are ±1, everything else lies in (0, 1).
void fill(const Node& node, std::uint64_t step, const TensorView& slot) {
  Rng rng(1, kDataStream, step);
  for (float& value : slot.values()) {
    value = static_cast<float>(rng.uniform());
    if (node.type.dtype == DType::bit) value = value < 0.5F ? -1.0F : 1.0F;
  }
}

// Some nodes, ready to be run as inference would run them.
class Job {
 public:
  Job(SubGraph part, const MeasureOptions& options, tbb::task_arena& arena) : options_(options), arena_(arena) {
    run_passes(part.graph, part.weights);
    graph_ = std::move(part.graph);
    packed_ = pack_weights(graph_, std::move(part.weights));
    const std::vector<NodeId> kept = unread_nodes(graph_);
    plan_ = plan_memory(graph_, {.batch = options.batch, .kept = &kept});
    for (int i = 0; i < options.threads; ++i) {
      trips_.push_back(std::make_unique<Trip>(graph_, plan_));
      frames_.push_back(std::make_unique<Frame>(graph_, plan_));
      frames_.back()->count = options.batch;
      for (std::size_t n = 0; n < graph_.nodes.size(); ++n)
        if (graph_.nodes[n].op == nullptr) fill(graph_.nodes[n], n, frames_.back()->slot(NodeId{static_cast<int>(n)}));
    }
  }

  // Weights as they are held, and one frame on its trip.
  std::int64_t memory_bytes() const { return plan_.bytes(1, 1) + packed_bytes(packed_); }

  // Finds out how often a timing repeats the work; the first run fills the caches.
  void warm_up() {
    run(1);
    for (double seconds = time(); seconds < options_.sample_s / 2 && runs_ < kMostRuns; seconds = time())
      runs_ = static_cast<std::int64_t>(std::min(
          static_cast<double>(kMostRuns),
          std::ceil(static_cast<double>(runs_) * std::max(2.0, options_.sample_s / std::max(kTick, seconds)))));
  }

  // Returns the seconds of one frame.
  double sample() { return std::max(kTick, time() / static_cast<double>(runs_ * options_.threads)); }
  // Of everything so far.
  Elapsed elapsed() const { return elapsed_; }

 private:
  void run(std::int64_t times) {
    const auto repeat = [&](std::size_t thread) {
      for (std::int64_t i = 0; i < times; ++i) run_graph(graph_, packed_, *frames_[thread], *trips_[thread]);
    };
    if (frames_.size() == 1) return repeat(0);
    arena_.execute([&] { tbb::parallel_for(std::size_t{0}, frames_.size(), repeat, tbb::static_partitioner()); });
  }

  // The seconds of `runs_` runs.
  double time() {
    const bool alone = options_.threads == 1;
    const auto clock = [&](clockid_t id) { return options_.now_s ? options_.now_s() : seconds_of(id); };
    const clockid_t cpu = alone ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID;
    const double wall_start = clock(CLOCK_MONOTONIC), cpu_start = clock(cpu);
    run(runs_);
    const double cpu_s = (clock(cpu) - cpu_start) / options_.threads;
    const double wall_s = clock(CLOCK_MONOTONIC) - wall_start;
    elapsed_.wall_s += wall_s;
    elapsed_.cpu_s += cpu_s;
    return alone ? cpu_s : wall_s;
  }

  const MeasureOptions& options_;
  tbb::task_arena& arena_;
  Graph graph_;
  std::vector<PackedWeights> packed_;
  MemoryPlan plan_;
  std::vector<std::unique_ptr<Frame>> frames_;
  std::vector<std::unique_ptr<Trip>> trips_;
  std::int64_t runs_ = 1;
  Elapsed elapsed_;
};

// What is to be timed, and what came of it.
struct Task {
  std::vector<NodeId> nodes;
  std::vector<double> samples;
  std::int64_t memory_bytes = -1;

  bool timed() const { return !samples.empty(); }
  Measured measured() const {
    Measured made = summary_of(samples);
    made.memory_bytes = memory_bytes;
    return made;
  }
};

std::vector<NodeId> node_range(std::size_t first, std::size_t last) {
  std::vector<NodeId> nodes;
  for (std::size_t i = first; i <= last; ++i) nodes.push_back(NodeId{static_cast<std::int32_t>(i)});
  return nodes;
}

std::int64_t bytes_of(const Graph& graph, const std::vector<NodeId>& nodes, const MeasureOptions& options) {
  std::int64_t bytes = 0;
  for (const NodeId id : nodes) {
    for (const WeightSlot& slot : graph.node(id).weights) bytes += 4 * element_count(slot.shape);
    bytes += 4 * options.batch * options.threads * element_count(graph.node(id).type.shape);
  }
  return bytes;
}

class Measurer {
 public:
  Measurer(const Graph& graph, const Weights& weights, const std::vector<CutPoint>& cuts, const MeasureOptions& options)
      : graph_(graph), weights_(weights), options_(options), arena_(options.threads) {
    add_segments(cuts);
    add_layers();
    for (std::size_t i = 1; i < graph.nodes.size(); ++i) node_task_.push_back(add(node_range(i, i)));
  }

  Measurement run() {
    result_.all = static_cast<std::int64_t>(tasks_.size()) * (options_.repeats + 1);  // and a warm-up
    for (std::size_t begin = 0; begin < tasks_.size() && !stopped();) {
      std::int64_t bytes = 0;
      std::size_t end = begin;
      do bytes += bytes_of(graph_, tasks_[end++].nodes, options_);
      while (end < tasks_.size() && bytes + bytes_of(graph_, tasks_[end].nodes, options_) <= options_.memory_bytes);
      time_together(begin, end);
      begin = end;
    }
    result_.stopped = result_.done < result_.all;
    collect();
    return std::move(result_);
  }

 private:
  void count() {
    ++result_.done;
    if (options_.progress) options_.progress(result_.done, result_.all);
  }
  bool stopped() const { return options_.stop != nullptr && options_.stop->load(); }

  std::size_t add(std::vector<NodeId> nodes) {
    const auto [known, fresh] = index_.emplace(nodes, tasks_.size());
    if (fresh) tasks_.push_back({std::move(nodes), {}});
    return known->second;
  }

  void add_segment(const CutPoint* from, const CutPoint* to) {
    const std::size_t first = from == nullptr ? 1 : index_of(from->node) + 1;
    const std::size_t last = to == nullptr ? graph_.nodes.size() - 1 : index_of(to->node);
    if (first > last) return;
    const std::size_t task = add(node_range(first, last));
    const bool stated = std::any_of(segments_.begin(), segments_.end(),
                                    [&](const std::pair<SegmentProfile, std::size_t>& s) { return s.second == task; });
    if (!stated)
      segments_.push_back({{from == nullptr ? "" : from->name, to == nullptr ? "" : to->name, {}, {}, {}}, task});
  }

  void add_segments(const std::vector<CutPoint>& cuts) {
    add_segment(nullptr, nullptr);
    for (const CutPoint& cut : cuts) add_segment(nullptr, &cut);
    for (const CutPoint& cut : cuts) add_segment(&cut, nullptr);
    for (std::size_t i = 1; i < cuts.size(); ++i) add_segment(&cuts[i - 1], &cuts[i]);
  }

  void add_layers() {
    const std::vector<NodeId> computed = computed_by(graph_);
    std::map<NodeId, std::vector<NodeId>> layers;
    for (std::size_t i = 1; i < graph_.nodes.size(); ++i) {
      NodeId layer = computed[i];
      if (layer == NodeId{0}) layer = NodeId{static_cast<std::int32_t>(i)};  // dropped, and nothing stands before it
      layers[layer].push_back(NodeId{static_cast<std::int32_t>(i)});
    }
    for (const auto& [layer, nodes] : layers) layer_task_.push_back(add(nodes));
  }

  // Holds these tasks ready and times them in turn.
  void time_together(std::size_t begin, std::size_t end) {
    std::vector<std::unique_ptr<Job>> jobs;
    for (std::size_t i = begin; i < end && !stopped(); ++i) {
      jobs.push_back(std::make_unique<Job>(sub_graph(graph_, weights_, tasks_[i].nodes), options_, arena_));
      jobs.back()->warm_up();
      tasks_[i].memory_bytes = jobs.back()->memory_bytes();
      count();
    }
    if (jobs.size() < end - begin) return;  // stopped
    for (std::int64_t repeat = 0; repeat < options_.repeats; ++repeat)
      for (std::size_t i = begin; i < end; ++i) {
        if (stopped()) return add_up(jobs);
        tasks_[i].samples.push_back(jobs[i - begin]->sample());
        count();
      }
    add_up(jobs);
  }

  void add_up(const std::vector<std::unique_ptr<Job>>& jobs) {
    for (const std::unique_ptr<Job>& job : jobs) {
      result_.wall_s += job->elapsed().wall_s;
      result_.cpu_s += job->elapsed().cpu_s;
    }
  }

  void collect() {
    for (auto& [segment, task] : segments_) {
      if (!tasks_[task].timed()) continue;
      segment.measured = tasks_[task].measured();
      result_.segments.push_back(segment);
    }
    std::vector<double> factor(graph_.nodes.size(), 1);
    for (const std::size_t layer : layer_task_) {
      if (!tasks_[layer].timed()) continue;
      result_.layers.push_back({tasks_[layer].nodes, tasks_[layer].measured()});
      share_out(tasks_[layer], factor);
    }
    for (std::size_t i = 1; i < graph_.nodes.size(); ++i) {
      Task task = tasks_[node_task_[i - 1]];
      if (!task.timed()) continue;
      for (double& sample : task.samples) sample *= factor[i];
      result_.nodes.push_back({graph_.nodes[i].name, task.measured(), {}});
    }
  }

  // What the nodes of a layer take alone is scaled to what the layer takes.
  void share_out(const Task& layer, std::vector<double>& factor) const {
    double alone = 0;
    for (const NodeId id : layer.nodes) {
      const Task& task = tasks_[node_task_[index_of(id) - 1]];
      if (!task.timed()) return;
      alone += task.measured().seconds;
    }
    for (const NodeId id : layer.nodes) factor[index_of(id)] = layer.measured().seconds / alone;
  }

  const Graph& graph_;
  const Weights& weights_;
  const MeasureOptions& options_;
  tbb::task_arena arena_;
  std::vector<Task> tasks_;
  std::map<std::vector<NodeId>, std::size_t> index_;
  std::vector<std::pair<SegmentProfile, std::size_t>> segments_;
  std::vector<std::size_t> layer_task_, node_task_;  // by layer; by node, from the second on
  Measurement result_;
};

double quantile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (at - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

}  // namespace

Measured summary_of(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const double median = quantile(samples, 0.5);
  const double spread = (quantile(samples, 0.75) - quantile(samples, 0.25)) / median;
  const double unit = median < 1e-3 ? 1e-6 : 1e-3;
  return {std::stod(fmt::format("{:.5g}", median / unit)) * unit, std::round(spread * 1e4) / 1e2 * 0.01};
}

Measurement measure(const Graph& graph, const Weights& weights, const std::vector<CutPoint>& cuts,
                    const MeasureOptions& options) {
  return Measurer(graph, weights, cuts, options).run();
}

}  // namespace cleave
