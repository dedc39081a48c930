// What a swarm costs and whether its predictions hold: processes on this machine, by the program itself.
//   - bytes of a batch on the wire
//   - memory and start of a worker
//   - two processes on two cores against one: what the pipeline loses
//   - predicted against measured period of emulated swarms
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/runtime/local_workers.h"
#include "engine/runtime/probe.h"
#include "engine/train/module_trainer.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

void print_batch_bytes() {
  const Shape shape{32, 8, 8};
  const std::int64_t labels = 4 * 512;
  std::printf(
      "a batch of 512 x 32x8x8 on the wire: %lld bytes as f32, %lld as f16, %lld as bits, each and %lld of "
      "labels and 48 of header\n  (goal: 4 194 304 and 131 072; as the authors' JSON text: 13 to 22 MB)\n",
      static_cast<long long>(packed_bytes(shape, DType::f32, 512) - labels),
      static_cast<long long>(packed_bytes(shape, DType::f16, 512) - labels),
      static_cast<long long>(packed_bytes(shape, DType::bit, 512) - labels), static_cast<long long>(labels));
}

// Resident memory of a process, from /proc.
double resident_mib(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmRSS:")) return std::atof(line.c_str() + 6) / 1024;
  return 0;
}

void measure_worker() {
  std::vector<double> starts_s, memory_mib;
  for (int i = 0; i < 11; ++i) {
    LocalWorkersOptions options;
    options.program = CLEAVE_PROGRAM;
    options.devices = {"a"};
    options.log = [](const std::string&) {};
    const Clock::time_point start = Clock::now();
    const LocalWorkers workers(std::move(options));
    while (!probe(workers.addresses().at("a"), {}, "coordinator", "a", 1).done())
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    starts_s.push_back(seconds_since(start));
    memory_mib.push_back(resident_mib(workers.pid_of("a")));
  }
  std::printf("a worker: from start to its first answer %.0f ms (goal 100), idle %.1f MiB resident (goal 15)\n",
              1e3 * median_of(starts_s), median_of(memory_mib));
}

// What `cleave verify` says, as JSON; null when it fails.
Json verified(const std::string& file, const std::string& options) {
  const std::string command =
      fmt::format("{} verify {} --local --format json -q {} 2>/dev/null", CLEAVE_PROGRAM, file, options);
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return {};
  std::string text;
  std::array<char, 4096> piece{};
  for (std::size_t got = 0; (got = std::fread(piece.data(), 1, piece.size(), pipe)) > 0;)
    text.append(piece.data(), got);
  pclose(pipe);
  return Json::parse(text, nullptr, false);
}

std::string network(int filters) {
  std::string text = "network:\n  input: {image: [3, 32, 32]}\n  layers:\n";
  for (int i = 1; i <= 8; ++i)
    text += fmt::format(
        "    - {{conv2d: {{filters: {}, kernel: 3, padding: same}}, name: c{}}}\n    - {{relu: {{}}, name: r{}}}\n",
        filters, i, i);
  return text + "    - flatten\n    - {dense: {units: 10}, name: out}\n";
}

std::string write_model(const std::string& folder, const std::string& name, const std::string& text) {
  const std::string path = folder + "/" + name + ".yaml";
  std::ofstream(path) << "version: 1\n" << text;
  return path;
}

// Two stages as equal as they come, against the longest stage, and against the same network in one process.
void measure_two_processes(const std::string& folder) {
  const std::string file = write_model(folder, "two", R"(devices:
  a: {memory: 2GiB, compute: {real: 10GFLOP/s}}
  b: {memory: 2GiB, compute: {real: 10GFLOP/s}}
links: {default: {bandwidth: 10Gbit/s, latency: 0.05ms}}
placement: {mode: auto, objective: throughput}
)" + network(32));
  std::vector<double> of_longest, of_one;
  for (int i = 0; i < 5; ++i) {
    const Json two = verified(file, "--cut r4 --frames 100");
    const Json one = verified(file, "--cut - --frames 60");
    if (!two.is_object() || !one.is_object()) continue;
    double longest = 0;
    for (const Json& stage : two["stages"]) longest = std::max(longest, stage["measured_s"].get<double>());
    const double period = two["period"]["measured_s"];
    of_longest.push_back(longest / period);
    of_one.push_back(one["period"]["measured_s"].get<double>() / period);
  }
  std::printf("two processes on %u cores: %.3f of 1 / (longest stage) (goal 0.95), %.2f x one process (goal 1.8)\n",
              std::thread::hardware_concurrency(), median_of(of_longest), median_of(of_one));
}

struct EmulatedSwarm {
  const char* name;
  const char* devices;
};
constexpr EmulatedSwarm kSwarms[] = {
    {"three equal boards",
     "  a: {memory: 1GiB, compute: {real: 1.2GFLOP/s}}\n  b: {memory: 1GiB, compute: {real: 1.2GFLOP/s}}\n"
     "  c: {memory: 1GiB, compute: {real: 1.2GFLOP/s}}\n"},
    {"the paper's five, slowed",
     "  j4: {memory: 4GB, compute: {real: 1.6GFLOP/s}}\n  p8: {memory: 8GB, compute: {real: 0.9GFLOP/s}}\n"
     "  p4: {memory: 4GB, compute: {real: 0.9GFLOP/s}}\n  p2: {memory: 2GB, compute: {real: 0.9GFLOP/s}}\n"
     "  j2: {memory: 2GB, compute: {real: 1.6GFLOP/s}}\n"},
    {"mixed 1:2:4",
     "  a: {memory: 1GiB, compute: {real: 0.6GFLOP/s}}\n  b: {memory: 1GiB, compute: {real: 1.2GFLOP/s}}\n"
     "  c: {memory: 1GiB, compute: {real: 2.4GFLOP/s}}\n"},
};
constexpr const char* kLinks[] = {"{bandwidth: 10Mbit/s, latency: 5ms}", "{bandwidth: 40Mbit/s, latency: 2ms}",
                                  "{bandwidth: 100Mbit/s, latency: 1ms}", "{bandwidth: 940Mbit/s, latency: 0.3ms}"};
constexpr const char* kPlans[] = {"", "--cut r2", "--cut r6"};

void measure_predictions(const std::string& folder) {
  std::vector<double> off;
  double worst = 0;
  int combinations = 0;
  for (const EmulatedSwarm& swarm : kSwarms)
    for (const char* links : kLinks)
      for (const char* plan : kPlans) {
        ++combinations;
        const std::string file = write_model(
            folder, "emulated",
            fmt::format("devices:\n{}links: {{default: {}}}\nplacement: {{mode: auto, objective: throughput}}\n{}",
                        swarm.devices, links, network(16)));
        const Json json = verified(file, fmt::format("--emulate --frames 50 {}", plan));
        if (!json.is_object()) {
          std::printf("  FAILED: %s, links %s, plan %s\n", swarm.name, links, plan);
          continue;
        }
        const double predicted = json["period"]["predicted_s"], measured = json["period"]["measured_s"];
        off.push_back(std::abs(measured / predicted - 1));
        worst = std::max(worst, off.back());
        std::printf("  %-26s %-40s %-9s predicted %6.1f ms, measured %6.1f ms (%+.1f %%)\n", swarm.name, links,
                    json["plan"].get<std::string>().c_str(), 1e3 * predicted, 1e3 * measured,
                    100 * (measured / predicted - 1));
      }
  std::printf("period of %zu of %d emulated swarms: off by %.1f %% at the median (goal 5), %.1f %% at most (goal 10)\n",
              off.size(), combinations, 100 * median_of(off), 100 * worst);
}

}  // namespace
}  // namespace cleave

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::string folder = (std::filesystem::temp_directory_path() / "cleave-bench-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return 1;
  cleave::print_batch_bytes();
  cleave::measure_worker();
  cleave::measure_two_processes(folder);
  cleave::measure_predictions(folder);
  std::filesystem::remove_all(folder);
  return 0;
}
