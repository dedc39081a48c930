// How long does the planner take to find the best plan and to prove it? Problems of the size and the kind PipeEdge's
// scheduler takes: transformer layers, memory with buffers, devices that differ in speed (by layer, too), memory and
// bandwidth. And a residual network, cut wherever its graph allows. CPU seconds on one core, the least of some rounds,
// and the memory the process takes. An argument picks sizes by name.
#include <cmath>
#include <ctime>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"
#include "engine/cli/command.h"
#include "graphs/build.h"
#include "ops/core/rng.h"
#include "partitioner/make_problem.h"
#include "partitioner/solve.h"
#include "tests/reference/exhaustive.h"

namespace cleave {
namespace {

constexpr double kMib = 1024.0 * 1024.0;

enum class Links { slower_end, pairwise };

struct Size {
  const char* name;
  int layers = 0, devices = 0, kinds = 0;
  Links links = Links::slower_end;
  double goal_s = 0;      // 0 = none stated
  double pipeedge_s = 0;  // of its scheduler on this size; 0 = not known
};

const std::vector<Size> kSizes = {
    {"48 layers x (4+4)", 48, 8, 2, Links::slower_end, 0.010, 0},
    {"100 layers x 12 different", 100, 12, 12, Links::slower_end, 0.3, 0},
    {"100 layers x 12, all links different", 100, 12, 12, Links::pairwise, 0.3, 0},
    {"400 layers x 16 different", 400, 16, 16, Links::slower_end, 5, 0},
    {"400 layers x 16, all links different", 400, 16, 16, Links::pairwise, 5, 0},
    {"400 layers x (32+32)", 400, 64, 2, Links::slower_end, 0.1, 0},
    {"20 layers x 16 different", 20, 16, 16, Links::slower_end, 0, 21},
    {"20 layers x 16, all links different", 20, 16, 16, Links::pairwise, 0, 21},
    {"100 layers x 10 different", 100, 10, 10, Links::slower_end, 0, 7.8},
    {"200 layers x 8 different", 200, 8, 8, Links::slower_end, 0, 7.4},
    {"400 layers x 32 different, 10 s", 400, 32, 32, Links::slower_end, 0, 0},
};

double between(Rng& rng, double least, double most) { return least + (most - least) * rng.uniform(); }

// ViT-like blocks of four: attention, its output, the wide layer, its way back. All activations are kept `buffers`
// deep.
void set_layers(Rng& rng, Problem& problem, int layers, double buffers) {
  problem.positions = layers + 1;
  problem.held_bytes = {0};
  std::vector<double> sent = {150528 * 32.0};
  for (int i = 0; i < layers; ++i) {
    constexpr double kOutputs[] = {302592, 151296, 756480, 151296};
    sent.push_back(32 * kOutputs[i % 4]);
    problem.held_bytes.push_back(problem.held_bytes.back() + between(rng, 19, 27) * kMib);
  }
  for (int p = 0; p <= layers; ++p) {
    const double bytes = sent[static_cast<std::size_t>(p)];
    problem.in_bytes.push_back((p == 0 ? 1 : 1 + buffers) * bytes);
    problem.out_bytes.push_back((1 + buffers) * bytes);
  }
  problem.sent_bytes = sent;
}

Problem problem_of(const Size& size) {
  Rng rng(1, kTestStream, 0);
  Problem problem;
  set_layers(rng, problem, size.layers, 2);
  std::vector<double> load, seconds_per_byte;
  for (int i = 0; i < size.layers; ++i) load.push_back(i % 4 == 1 ? 0.1 : between(rng, 0.3, 0.4));
  const double share_bytes = problem.held_bytes.back() / size.devices;
  const double period_s = 0.3 * size.layers / size.devices / 2;
  for (int k = 0; k < size.kinds; ++k) {
    DeviceKind kind;
    for (int d = k; d < size.devices; d += size.kinds) kind.devices.push_back(d);
    kind.memory_bytes = between(rng, 1, 4) * share_bytes + 128 * kMib;
    problem.kinds.push_back(kind);
    const double speed = between(rng, 1, 4);
    problem.done_s.push_back({0});
    for (const double work : load)
      problem.done_s.back().push_back(problem.done_s.back().back() + work / speed * between(rng, 0.8, 1.2));
    seconds_per_byte.push_back(between(rng, 0.3, 1.5) * period_s / problem.sent_bytes[3]);
  }
  problem.measured_s.resize(problem.kinds.size());
  problem.entry_s.resize(problem.kinds.size());
  problem.model = &cost_model_catalog()[0];
  problem.links.assign(problem.kinds.size(), std::vector<LinkCost>(problem.kinds.size()));
  for (std::size_t a = 0; a < problem.kinds.size(); ++a)
    for (std::size_t b = a; b < problem.kinds.size(); ++b) {
      const double slower = std::max(seconds_per_byte[a], seconds_per_byte[b]);
      const double any = between(rng, 0.3, 1.5) * period_s / problem.sent_bytes[3];
      problem.links[a][b] = problem.links[b][a] = {
          .latency_s = 0, .seconds_per_byte = size.links == Links::pairwise ? any : slower, .half_duplex = false};
    }
  return problem;
}

double cpu_seconds_of(const std::function<void()>& run) {
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  const double start = now();
  run();
  return now() - start;
}

struct Measurement {
  double seconds = 0, peak_bytes = 0;
  double value = 0;
  int stages = 0;
  double gap = 0;
  bool optimal = false;
};

// Solves it in a process of its own, whose peak of memory is then its own, too.
Measurement measure(const Problem& problem, const ObjectiveDef& objective, int rounds) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("cannot make a pipe");
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    Measurement made;
    made.seconds = kInfinity;
    Goal goal;
    goal.time_limit_s = 10;
    for (int i = 0; i < rounds; ++i) {
      Solution solution;
      made.seconds = std::min(made.seconds, cpu_seconds_of([&] { solution = objective.solve(problem, goal); }));
      made.value = solution.value;
      made.optimal = solution.optimal;
      made.gap = gap_of(solution);
      made.stages = static_cast<int>(solution.stages.size());
    }
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    made.peak_bytes = 1024.0 * static_cast<double>(usage.ru_maxrss);
    _exit(write(ends[1], &made, sizeof made) == sizeof made ? 0 : 1);
  }
  Measurement made;
  const bool whole = read(ends[0], &made, sizeof made) == sizeof made;
  int status = 0;
  waitpid(child, &status, 0);
  close(ends[0]);
  close(ends[1]);
  if (!whole) throw std::runtime_error("the solver's process failed");
  return made;
}

const ObjectiveDef& throughput() { return objective_catalog().front(); }

void speed(const std::string& filter) {
  fmt::print("{:38} {:>10} {:>9} {:>7}   {}\n", "throughput, proven best", "ours", "memory", "stages", "PipeEdge's");
  for (const Size& size : kSizes) {
    if (std::string(size.name).find(filter) == std::string::npos) continue;
    const Measurement m = measure(problem_of(size), throughput(), size.goal_s > 0 ? 5 : 1);
    const std::string theirs =
        size.pipeedge_s > 0 ? fmt::format("{} s ({:.0f} x)", size.pipeedge_s, size.pipeedge_s / m.seconds) : "";
    fmt::print("{:38} {:7.2f} ms {:5.1f} MiB {:7} {} {}\n", size.name, 1e3 * m.seconds, m.peak_bytes / kMib, m.stages,
               m.optimal ? " " : fmt::format("gap {:.2f} %", 100 * m.gap), theirs);
    if (size.goal_s > 0) print_goal(size.name, 1e3 * m.seconds, "ms", 1e3 * size.goal_s);
    if (size.layers == 400 && size.goal_s > 0)
      print_goal(std::string(size.name) + ", memory", m.peak_bytes / kMib, "MiB", 100);
  }
}

void against_exhaustive() {
  fmt::print("\n{:38} {:>10} {:>14}\n", "against trying every plan", "ours", "every plan");
  for (const int layers : {8, 12}) {
    for (const int devices : {3, 4, 5}) {
      const Problem problem = problem_of({"", layers, devices, devices, Links::pairwise, 0, 0});
      const Measurement ours = measure(problem, throughput(), 20);
      double value = 0;
      const double theirs = cpu_seconds_of([&] { value = exhaustive(problem, Goal{}, throughput()).value; });
      fmt::print("{:38} {:7.2f} ms {:11.2f} ms ({:.0f} x), {}\n",
                 fmt::format("{} layers x {}, all links different", layers, devices), 1e3 * ours.seconds, 1e3 * theirs,
                 theirs / ours.seconds, std::abs(value - ours.value) <= 1e-12 * value ? "the same" : "ANOTHER VALUE");
    }
  }
}

// Every block has a convolution in its shortcut: without one the down-sets of a block are a chain.
std::string residual_network(int blocks) {
  std::string text = "version: 1\nnetwork:\n  input: {image: [16, 32, 32]}\n  layers:\n";
  for (int i = 0; i < blocks; ++i)
    text +=
        "    - residual:\n        body:\n"
        "          - conv2d: {filters: 16, kernel: 3, padding: same, bias: false}\n          - batch_norm\n"
        "          - relu\n          - conv2d: {filters: 16, kernel: 3, padding: same, bias: false}\n"
        "          - batch_norm\n        shortcut:\n"
        "          - conv2d: {filters: 16, kernel: 1, bias: false}\n          - batch_norm\n    - relu\n";
  return text + "    - flatten\n    - dense: {units: 10}\n";
}

// Four devices and four of half the speed on one switch.
Swarm two_types() {
  Swarm swarm;
  for (int d = 0; d < 8; ++d) {
    Device device;
    device.name = std::string(1, static_cast<char>('a' + d));
    device.memory_bytes = std::int64_t{1} << 30;
    device.real_flops.value = device.binary_ops.value = d < 4 ? 4e9 : 2e9;
    device.bytes_per_s.value = 2e9;
    swarm.devices.push_back(device);
  }
  swarm.links.assign(8, std::vector<Link>(8, {{1e9, false}, {1e-4, false}, false}));
  return swarm;
}

// From the graph to the proven best, its down-sets, costs and problem included.
void graphs_with_skips() {
  const Model model = load_model_text("bench.yaml", residual_network(50), cleave_language());
  const Swarm swarm = two_types();
  PlanRequest request;
  request.objective = &throughput();
  request.model = &cost_model_catalog()[0];
  Solution solution;
  int positions = 0;
  double seconds = kInfinity, solving = kInfinity;
  for (int round = 0; round < 5; ++round)
    seconds = std::min(
        seconds, cpu_seconds_of([&] {
          const CostTable costs = cost_table(model.graph, swarm, {}, 1);
          const Setting setting{model.graph, swarm, costs, request};
          const Numbers numbers = numbers_of(setting);
          const Problem problem = problem_behind(setting, numbers, 0, std::vector<bool>(swarm.devices.size())).problem;
          positions = problem.positions;
          if (problem.after.empty()) throw std::runtime_error("the residual network came out as a chain");
          solving = std::min(solving, cpu_seconds_of([&] { solution = throughput().solve(problem, Goal{}); }));
        }));
  fmt::print(
      "\n50 residual blocks x (4+4): {} nodes, {} down-sets, {} stages, {}; {:.2f} ms, of these solving {:.2f} ms\n",
      model.graph.nodes.size(), positions, solution.stages.size(), solution.optimal ? "proven" : "not proven",
      1e3 * seconds, 1e3 * solving);
  print_goal("residual network of 50 blocks, as a graph", 1e3 * seconds, "ms", 200);
}

void run(const std::string& filter) {
  speed(filter);
  if (!filter.empty()) return;
  against_exhaustive();
  graphs_with_skips();
}

}  // namespace
}  // namespace cleave

int main(int argc, char** argv) {
  try {
    cleave::run(argc > 1 ? argv[1] : "");
  } catch (const std::exception& error) {
    fmt::print(stderr, "planner_bench: {}\n", error.what());
    return 1;
  }
  return 0;
}
