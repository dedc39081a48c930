#include "bench/peers/goals.h"

#include <fstream>
#include <string_view>

#include <fmt/format.h>

namespace cleave {

namespace {

struct Goal {
  const char* name;  // its letter, and what tells it from others of this letter
  const char* doc;
  double least = 0;  // figure ≥ least, or
  double most = 0;   // figure ≤ most where this is above 0
};

constexpr Goal kGoals[] = {
    {"K1.ort", "ResNet-20, batch 1, 1 thread: times as fast as ONNX Runtime", 1.25},
    {"K1.onednn", "  … as oneDNN primitives (its better layout)", 1.0},
    {"K1.script", "  … as TorchScript (its better variant)", 2.5},
    {"K2.ort", "ResNet-20, batch 128, 1 thread: as ONNX Runtime", 1.3},
    {"K2.onednn", "  … as oneDNN primitives", 1.05},
    {"K2.threads", "  2 threads: times as fast as 1", 1.85},
    {"K2.ort_2", "ResNet-20, batch 1, 2 threads: as ONNX Runtime", 1.3},
    {"K3.onednn", "ResNet-20, batch 1, AVX2 only: as oneDNN limited to AVX2", 0.95},
    {"K4.A.peak", "float convolution A: share of the multiply-add peak", 0.80},
    {"K4.B.peak", "  B", 0.80},
    {"K4.C.peak", "  C", 0.80},
    {"K4.D.peak", "  D", 0.60},
    {"K4.A.ort", "  A: as ONNX Runtime", 1.0},
    {"K4.B.ort", "  B", 1.0},
    {"K4.C.ort", "  C", 1.0},
    {"K4.D.ort", "  D", 1.0},
    {"K5.A.float", "binary convolution A, packing included: as the float one", 4.0},
    {"K5.B.float", "  B", 4.0},
    {"K5.C.float", "  C", 4.0},
    {"K5.D.float", "  D", 4.0},
    {"K5.mean", "  geometric mean of A to D", 5.0},
    {"K5.A.int8", "  A: as oneDNN's int8", 1.5},
    {"K5.B.int8", "  B", 1.5},
    {"K5.C.int8", "  C", 1.5},
    {"K5.D.int8", "  D", 1.5},
    {"K5.B.peak", "  B: share of the binary peak", 0.55},
    {"K5.C.peak", "  C", 0.55},
    {"K5.D.peak", "  D", 0.55},
    {"K5.avx2", "  AVX2 only: as the float one, the least of A to D", 4.0},
    {"K7.node", "flow: microseconds a node and frame", 0, 0.25},
    {"K7.share", "  share of ResNet-20, batch 1", 0, 0.015},
    {"K8.time", "cold start: share of ONNX Runtime's time", 0, 0.3},
    {"K8.memory", "  share of its peak memory", 0, 0.5},
};

}  // namespace

void print_goals(const Figures& figures) {
  fmt::print("\n{:4} {:66} {:>10} {:>8}\n", "", "goal", "", "figure");
  std::string_view before;
  for (const Goal& goal : kGoals) {
    const std::string_view letter = std::string_view(goal.name).substr(0, 2);
    const std::string bar = goal.most > 0 ? fmt::format("<= {:g}", goal.most) : fmt::format(">= {:g}", goal.least);
    const auto found = figures.find(goal.name);
    const std::string_view shown = letter == before ? "" : letter;
    before = letter;
    if (found == figures.end()) {
      fmt::print("{:4} {:66} {:>10} {:>8}  not measured\n", shown, goal.doc, bar, "-");
      continue;
    }
    const bool met = goal.most > 0 ? found->second <= goal.most : found->second >= goal.least;
    fmt::print("{:4} {:66} {:>10} {:8.3f}  {}\n", shown, goal.doc, bar, found->second, met ? "met" : "missed");
  }
}

void write_figures(const std::string& file, const Figures& figures) {
  std::ofstream out(file);
  for (const auto& [name, value] : figures) out << name << ' ' << value << '\n';
}

Figures read_figures(const std::string& file) {
  Figures figures;
  std::ifstream in(file);
  std::string name;
  for (double value = 0; in >> name >> value;) figures[name] = value;
  return figures;
}

}  // namespace cleave
