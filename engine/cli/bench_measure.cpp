#include "engine/cli/bench_measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <sys/resource.h>

#include "engine/power/rapl.h"
#include "engine/runtime/flow.h"
#include "ops/core/rng.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSlices = 40;  // of the run at full load
constexpr double kWarmUp = 0.1;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// One way of running the network, for a while at a time.
class Runner {
 public:
  Runner(const Graph& graph, const Weights& weights, const BenchSettings& settings, std::int64_t in_flight, bool nodes)
      : settings_(settings), output_(graph.output), input_(settings.batch, graph.nodes.front().type.shape) {
    Rng rng(1, kDataStream, 0);
    for (float& value : input_.data) value = static_cast<float>(rng.uniform());
    flow = std::make_unique<Flow>(graph, weights,
                                  FlowOptions{.batch = settings.batch,
                                              .in_flight = in_flight,
                                              .threads = settings.threads,
                                              .kept = {graph.output},
                                              .time_nodes = nodes,
                                              .stop = settings.stop});
  }

  // At least a frame; `on_frame` hears the seconds since the frame was filled, which has a meaning with one in flight.
  RunReport run_for(double seconds, const std::function<void(double)>& on_frame = {}) {
    const Clock::time_point start = Clock::now();
    Clock::time_point filled;
    volatile float seen = 0;
    const FrameSource source = [&](std::int64_t seq, TensorView frame) {
      if (seq > 0 && seconds_since(start) >= seconds) return std::int64_t{0};
      std::copy(input_.data.begin(), input_.data.end(), frame.data);
      filled = Clock::now();
      return settings_.batch;
    };
    return flow->run(source, [&](const FrameResult& result) {
      if (on_frame) on_frame(seconds_since(filled));
      seen = result.output(output_).data[0];
    });
  }

  std::unique_ptr<Flow> flow;

 private:
  const BenchSettings& settings_;
  NodeId output_;
  Tensor input_;
};

bool is_stopped(const BenchSettings& settings) { return settings.stop != nullptr && settings.stop->load(); }

// Calls `slice` with seconds until those of a phase are over.
void run_phase(const BenchSettings& settings, const char* name, const std::function<void(double)>& slice) {
  const Clock::time_point start = Clock::now();
  for (double spent = 0; spent < settings.seconds && !is_stopped(settings); spent = seconds_since(start)) {
    slice(settings.seconds / kSlices);
    if (settings.progress) settings.progress(name, std::min(1.0, seconds_since(start) / settings.seconds));
  }
}

void measure_latency(const Graph& graph, const Weights& weights, const BenchSettings& settings, BenchResult& result) {
  Runner runner(graph, weights, settings, 1, false);
  runner.run_for(kWarmUp * settings.seconds);
  std::vector<double> latencies;
  run_phase(settings, "latency",
            [&](double seconds) { runner.run_for(seconds, [&](double latency) { latencies.push_back(latency); }); });
  result.latency = percentiles_of(std::move(latencies));
}

void measure_rate(const Graph& graph, const Weights& weights, const BenchSettings& settings, BenchResult& result) {
  Runner runner(graph, weights, settings, settings.in_flight, false);
  runner.run_for(kWarmUp * settings.seconds);
  RaplMeter meter;
  meter.start();
  std::vector<double> periods;
  std::int64_t frames = 0;
  run_phase(settings, "rate", [&](double seconds) {
    const RunReport report = runner.run_for(seconds);
    frames += report.frames;
    if (report.samples > 0 && !report.stopped) periods.push_back(report.seconds / static_cast<double>(report.samples));
  });
  if (meter.found() && frames > 0) result.joules_per_frame = meter.joules() / static_cast<double>(frames);
  result.no_joules = meter.why_not();
  result.per_sample = percentiles_of(std::move(periods));
  result.activation_bytes = runner.flow->activation_bytes();
  result.weight_bytes = runner.flow->weight_bytes();
}

void measure_nodes(const Graph& graph, const Weights& weights, const BenchSettings& settings, BenchResult& result) {
  Runner runner(graph, weights, settings, 1, true);
  runner.run_for(kWarmUp * settings.seconds);
  std::vector<double> seconds(graph.nodes.size());
  double all = 0;
  std::int64_t frames = 0;
  run_phase(settings, "nodes", [&](double slice_s) {
    const RunReport report = runner.run_for(slice_s);
    frames += report.frames;
    for (std::size_t i = 1; i < seconds.size(); ++i) {
      seconds[i] += report.node_seconds[i];
      all += report.node_seconds[i];
    }
  });
  for (std::size_t i = 1; i < seconds.size() && frames > 0; ++i) {
    const Node& node = graph.nodes[i];
    const double frame_s = seconds[i] / static_cast<double>(frames);
    const auto work = static_cast<double>(settings.batch * (node.cost.mult_adds + node.cost.binary_ops));
    result.nodes.push_back({node.name, node.op->name, frame_s, seconds[i] / all, work / std::max(frame_s, 1e-12)});
  }
}

}  // namespace

Percentiles percentiles_of(std::vector<double> seconds) {
  Percentiles result;
  if (seconds.empty()) return result;
  std::sort(seconds.begin(), seconds.end());
  const auto at = [&](double share) {
    const double rank = std::ceil(share * static_cast<double>(seconds.size()));
    return seconds[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
  };
  result = {at(0.5), at(0.9), at(0.99), 0, static_cast<std::int64_t>(seconds.size())};
  result.spread = (at(0.75) - at(0.25)) / result.p50;
  return result;
}

BenchResult measure_bench(const Graph& graph, const Weights& weights, const BenchSettings& settings) {
  BenchResult result;
  measure_latency(graph, weights, settings, result);
  if (!is_stopped(settings)) measure_rate(graph, weights, settings, result);
  if (settings.nodes && !is_stopped(settings)) measure_nodes(graph, weights, settings, result);
  result.stopped = is_stopped(settings);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  result.peak_bytes = std::int64_t{1024} * usage.ru_maxrss;
  return result;
}

}  // namespace cleave
