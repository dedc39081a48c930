// T3 to T5 of mcmc.md: how many of the 10 000 test images does a model get right after so much training? Settings were
// chosen on images held out of the training set, see engine/mcmc/defaults.h; here all training images are learnt and
// the test images looked at when the time is over. Time is the process's CPU time from the first batch on, or wall time
// where several modules train at once; scoring is not counted.
#include <atomic>
#include <chrono>
#include <ctime>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/cli/train_job.h"
#include "engine/cli/train_result.h"
#include "engine/train/cascade.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

// An accuracy that is due after so many seconds; 0 = none is.
struct Due {
  double seconds;
  double goal_percent;
  double aim_percent;
};

struct Line {
  const char* name;
  const char* model;
  std::vector<std::string> sets;
  std::vector<Due> due;  // ascending
};

std::vector<Line> lines() {
  const std::string sign = "network.modules.0.body=[flatten, {dense: {units: 400}}, sign]";
  return {
      {"T3 MLP 784-100-10, real weights", "fashion-mlp", {}, {{60, 85, 0}, {180, 86.5, 0}}},
      {"T4 MLP 784-400-10, weights ±1", "fashion-binary", {}, {{60, 85, 0}}},
      {"T4 MLP 784-400-10, weights and activations ±1", "fashion-binary", {sign}, {{60, 83, 85}}},
      {"T5 CIFAR-10, module 1 alone", "cifar10-module1", {}, {{60, 44, 0}, {180, 50, 0}}},
  };
}

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void print_due(const Line& line, const TrainJob& job, const Due& due, double seconds, const Weights& weights) {
  const double found = 100 * score(job, weights, job.test).accuracy.back();
  fmt::print("{}, {:.0f} CPU s: {:.2f} % (goal >= {} %{}): {}   batch {}, N {}, λ/image {:.4g}\n", line.name, seconds,
             found, due.goal_percent, due.aim_percent > 0 ? fmt::format(", aim {} %", due.aim_percent) : "",
             found >= due.goal_percent ? "met" : "missed", images_per_batch(job), job.options.steps,
             lambda_per_image(job));
  std::fflush(stdout);
}

// Trains until the last accuracy is due.
void run(const Line& line) {
  CommonOptions common;
  common.sets = line.sets;
  common.threads = 1;
  TrainJob job;
  prepare_training(fmt::format("{}/graphs/models/{}.yaml", CLEAVE_SOURCE_DIR, line.model), "", common, job);
  std::atomic<bool> stop = false;
  std::atomic<bool> never = false;
  job.options.stop = &stop;
  job.options.epochs = 1000000;
  std::size_t next = 0;
  double last = 0, left_out = 0;
  const double start = cpu_seconds();
  TrainHooks hooks;
  hooks.on_batch = [&](const BatchProgress&) {
    const double now = cpu_seconds() - start - left_out;
    const double batch = now - last;
    last = now;
    if (next == line.due.size() || now + batch < line.due[next].seconds) return;
    job.options.stop = &never;
    const double before = cpu_seconds();
    print_due(line, job, line.due[next], now, job.weights);
    left_out += cpu_seconds() - before;
    job.options.stop = &stop;
    if (++next == line.due.size()) stop = true;
  };
  train(job.graph(), job.weights, batches_of(job.train, job.options.seed), job.options, hooks);
}

}  // namespace
}  // namespace cleave

int main() {
  for (const cleave::Line& line : cleave::lines()) {
    try {
      cleave::run(line);
    } catch (const std::exception& error) {
      fmt::print("{}: left out: {}\n", line.name, error.what());
    }
  }
}
