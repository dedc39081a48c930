// How much memory does `cleave run` take beyond the weights and the pool of frames? Goal: at most 16 MiB; the program
// itself, its libraries and the images are in it. Weights are counted as the computation holds them, 4 bytes each.
// An argument names another program to measure.
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>

#include <fmt/format.h>
#include <sys/mman.h>

#include "bench/bench.h"
#include "bench/program.h"
#include "engine/cli/command.h"
#include "engine/data/dataset.h"
#include "engine/runtime/frame.h"
#include "graphs/build.h"
#include "graphs/passes.h"
#include "graphs/weights_file.h"

namespace cleave {
namespace {

constexpr double kMib = 1024.0 * 1024.0;
constexpr double kGoalMib = 16;

struct Sizes {
  std::int64_t weights = 0, frame = 0;  // bytes
};

struct MemoryCase {
  std::string name, model, weights, input;
  std::int64_t batch = 1;
};

const char* const kLarge = R"(version: 1
data:
  test: {dataset: fashion_mnist, split: test}
network:
  input: {image: [1, 28, 28]}
  layers: [flatten, {dense: {units: 4096}}, relu, {dense: {units: 1024}}, relu, {dense: {units: 10}}]
)";

// Does `work` in a process of its own, whose memory is not ours.
void apart(const std::function<void()>& work) {
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    try {
      work();
    } catch (const std::exception& error) {
      fmt::print(stderr, "{}\n", error.what());
      _exit(1);
    }
    _exit(0);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) throw std::runtime_error("cannot prepare the measurement");
}

Sizes sizes_of(const MemoryCase& c) {
  void* const memory = mmap(nullptr, sizeof(Sizes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("cannot map memory");
  Sizes* const sizes = new (memory) Sizes;
  apart([&] {
    Model model = load_model(c.model, cleave_language());
    Weights weights = initial_weights(model.graph, 1);
    run_passes(model.graph, weights);
    for (const LayerWeights& layer : weights)
      for (const std::vector<float>& array : layer.arrays)
        sizes->weights += static_cast<std::int64_t>(sizeof(float) * array.size());
    sizes->frame = frame_bytes(model.graph, c.batch);
  });
  const Sizes result = *sizes;
  munmap(memory, sizeof(Sizes));
  return result;
}

void prepare(const std::filesystem::path& folder) {
  const std::string large = (folder / "large.yaml").string();
  const std::string text = kLarge;
  write_file_atomically(large, ByteSpan(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
  apart([&] {
    const Model model = load_model(large, cleave_language());
    write_weights((folder / "large.safetensors").string(), model.graph, initial_weights(model.graph, 1), {});
    const Dataset set =
        load_dataset("fashion_mnist", {.split = "test", .path = "", .shape = {}, .search = data_search_path(nullptr)});
    write_file_atomically((folder / "images.raw").string(), set.bytes);
  });
}

// Prints one case; returns what was taken beyond weights and pool, by the goal.
double measure(const MemoryCase& c, const std::string& program) {
  constexpr std::int64_t kInFlight = 4;
  std::vector<std::string> arguments{program, "run", c.model, "--threads", "2", "--limit", "1000"};
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) arguments.insert(arguments.end(), {option, value});
  };
  add("--weights", c.weights);
  add("--set", fmt::format("inference.batch={}", c.batch));
  add("--set", fmt::format("inference.in_flight={}", kInFlight));
  if (!c.input.empty()) arguments.insert(arguments.end(), {"--input", "-", "--input-format", "raw"});
  const double peak = static_cast<double>(run_quietly(arguments, c.input.empty() ? "/dev/null" : c.input).peak_bytes);
  const Sizes sizes = sizes_of(c);
  const auto weights = static_cast<double>(sizes.weights);
  const auto pool = static_cast<double>(kInFlight * sizes.frame);
  const double over = (peak - weights - pool) / kMib / kGoalMib;
  fmt::print("{:26} batch {:2}   weights {:6.2f}   pool {:6.2f}   peak {:6.2f}   beyond {:6.2f} MiB\n", c.name, c.batch,
             weights / kMib, pool / kMib, peak / kMib, kGoalMib * over);
  return over;
}

void run(const std::string& program) {
  const std::string models = std::string(CLEAVE_SOURCE_DIR) + "/graphs/models/";
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / fmt::format("cleave-memory-{}", ::getpid());
  std::filesystem::create_directories(folder);
  prepare(folder);
  const std::string hybrid = models + "fashion-hybrid.yaml";
  const std::string large = (folder / "large.yaml").string();
  const std::string raw = (folder / "images.raw").string();
  double worst = 0;
  for (const std::int64_t batch : {1, 64})
    for (const MemoryCase& c :
         {MemoryCase{"first run, data set", hybrid, "", "", batch},
          MemoryCase{"first run, stdin", hybrid, "", raw, batch},
          MemoryCase{"28 MiB, random weights", large, "", "", batch},
          MemoryCase{"28 MiB, weights file", large, (folder / "large.safetensors").string(), "", batch}})
      worst = std::max(worst, measure(c, program));
  std::filesystem::remove_all(folder);
  print_goal("memory of run beyond weights and pool, of 16 MiB", worst, "x", 1);
}

}  // namespace
}  // namespace cleave

int main(int argc, char** argv) {
  try {
    cleave::run(argc > 1 ? argv[1] : CLEAVE_PROGRAM);
  } catch (const std::exception& error) {
    fmt::print(stderr, "memory_bench: {}\n", error.what());
    return 1;
  }
  return 0;
}
