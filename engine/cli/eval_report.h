// What `cleave eval` prints and draws.
#pragma once

#include <string>
#include <vector>

#include "engine/cli/chart.h"
#include "engine/runtime/evaluate.h"

namespace cleave {

// The answers of the last weights, or of several draws together.
struct Evaluation {
  std::string predict;     // last | mean_of_draws
  std::int64_t draws = 0;  // of mean_of_draws
  EvaluateReport report;
};

struct EvalResult {
  std::string split, exit;  // exit: "off" or the rule
  bool leaves_early = false;
  std::vector<Evaluation> evaluations;  // the last one is what was asked for
};

// The result as JSON: what was asked for at the top, the others in `compared`.
std::string to_json(const EvalResult& result);
// The result in a --format other than json.
std::string to_text(const EvalResult& result, const std::string& format);
// Accuracy against mean confidence, bin by bin, one line for each head and evaluation; bins with few samples are left
// out.
Chart reliability_chart(const EvalResult& result);

}  // namespace cleave
