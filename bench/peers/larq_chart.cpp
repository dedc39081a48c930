#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "bench/peers/peer_bench.h"
#include "engine/cli/chart.h"

namespace cleave {

void write_larq_chart(const std::string& file, const std::vector<LarqTime>& times) {
  constexpr const char* kShown[] = {"cleave", "cleave, int8", "cleave, binary", "ONNX Runtime",
                                    "oneDNN", "XNNPACK",      "oneDNN u8 x s8"};
  Chart chart{.title = "A 3x3 convolution on Larq's four shapes, one thread",
              .y_label = "time a layer, ms",
              .log_y = true,
              .x_names = {"A 56x56x64", "B 28x28x128", "C 14x14x256", "D 7x7x256"}};
  for (const char* kind : kShown) {
    Series series{.name = kind, .bars = true};
    if (series.name == "cleave") series.name = "cleave, float";
    for (const LarqTime& time : times)
      if (time.kind == kind) series.points.emplace_back(static_cast<double>(time.shape), 1e3 * time.seconds);
    if (!series.points.empty()) chart.series.push_back(std::move(series));
  }
  write_chart(file, chart);
  fmt::print("\ndrawn: {}\n", file);
}

}  // namespace cleave
