// How long reading and checking takes: a model of 1 000 layers in this process (goal: at most 50 ms), and `cleave
// check` from start to end on a small file (goal: at most 30 ms; the program's path is the first argument).
#include <cstdlib>

#include <fmt/format.h>

#include "bench/bench.h"
#include "engine/cli/command.h"
#include "graphs/build.h"

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

}  // namespace

int main(int argc, char** argv) {
  const cleave::Language language = cleave::cleave_language();
  const std::string text = thousand_layers();
  std::vector<cleave::BenchCase> cases;
  cases.push_back({"1 000 layers", [&] { cleave::load_model_text("bench.yaml", text, language); }});
  if (argc == 3) {
    const std::string command = fmt::format("'{}' check '{}' > /dev/null", argv[1], argv[2]);
    cases.push_back({"cleave check", [command] {
                       if (std::system(command.c_str()) != 0) std::abort();
                     }});
  }
  cleave::run_interleaved(cases, 15, 0.02);
  const double goals_ms[] = {50, 30};
  for (std::size_t i = 0; i < cases.size(); ++i)
    fmt::print("{:14} {:7.2f} ms   goal {} ms\n", cases[i].name, 1e3 * cleave::median(cases[i].seconds), goals_ms[i]);
  return 0;
}
