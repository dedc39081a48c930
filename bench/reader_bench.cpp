// How long does reading and checking take? A model of 1 000 layers in this process, and `cleave check` from start to
// end on each shipped model; the fastest of 40 rounds counts. An argument names another program to measure.
#include <algorithm>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bench/bench.h"
#include "bench/program.h"
#include "engine/cli/command.h"
#include "graphs/build.h"

namespace cleave {
namespace {

std::string thousand_layers() {
  std::string text = "version: 1\nnetwork:\n  input: {image: [16, 8, 8]}\n  layers:\n";
  for (int i = 0; i < 250; ++i)
    text += fmt::format(
        "    - conv2d: {{filters: 16, kernel: 3, padding: same, bias: false}}\n      name: conv_{}\n"
        "    - batch_norm\n    - relu\n    - max_pool: {{size: 3, stride: 1, padding: 1}}\n",
        i);
  return text;
}

void run(const std::string& program) {
  const Language language = cleave_language();
  const std::string text = thousand_layers();
  std::vector<BenchCase> cases{{"1 000 layers", [&] { load_model_text("bench.yaml", text, language); }}};
  for (const auto& entry : std::filesystem::directory_iterator(std::string(CLEAVE_SOURCE_DIR) + "/graphs/models")) {
    const std::string file = entry.path().string();
    cases.push_back({"check " + entry.path().filename().string(), [=] { run_quietly({program, "check", file}); }});
  }
  run_interleaved(cases, 40, 0);
  double slowest = 0;
  for (const BenchCase& c : cases) {
    const double ms = 1e3 * fastest(c.seconds);
    if (&c != &cases.front()) slowest = std::max(slowest, ms);
    fmt::print("{:28} fastest {:7.2f} ms   median {:7.2f} ms\n", c.name, ms, 1e3 * median(c.seconds));
  }
  print_goal("reading and checking 1 000 layers", 1e3 * fastest(cases.front().seconds), "ms", 50);
  print_goal("cleave check, slowest shipped model", slowest, "ms", 30);
}

}  // namespace
}  // namespace cleave

int main(int argc, char** argv) {
  try {
    cleave::run(argc > 1 ? argv[1] : CLEAVE_PROGRAM);
  } catch (const std::exception& error) {
    fmt::print(stderr, "reader_bench: {}\n", error.what());
    return 1;
  }
  return 0;
}
