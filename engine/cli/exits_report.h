// What `cleave exits` prints, draws and writes.
#pragma once

#include <string>
#include <vector>

#include "engine/cli/chart.h"
#include "engine/runtime/exit_choice.h"
#include "graphs/exit_rule.h"

namespace cleave {

struct ExitsResult {
  std::string rule;                  // max_probability | entropy
  std::vector<std::string> modules;  // with a head, in order
  std::string chosen_on;             // "6 000 samples held out of data.train"
  double loss = 0;                   // of accuracy, asked for
  std::vector<ExitPoint> same;       // one threshold for all, by `thresholds`
  std::vector<ExitPoint> best;       // a threshold for each
  std::vector<double> thresholds;    // one for all, as the rule states them
  ExitPoint none, chosen;            // without exits and with the thresholds taken, where they were chosen
  bool has_test = false;
  ExitPoint test_none, test_chosen;  // the same on data.test
};

// Minus the entropy is what sureness means for that rule; this is the number as the rule states it.
double as_stated(const std::string& rule, double sureness);
// Returns the thresholds, rounded to six digits as they are written down, in sureness.
std::vector<double> as_written(const std::string& rule, const std::vector<double>& sureness);

std::string to_json(const ExitsResult& result);
std::string to_text(const ExitsResult& result, const std::string& format);
// Accuracy against compute saved.
Chart exits_chart(const ExitsResult& result);
// The lines of a model file that state the thresholds taken.
std::string exits_yaml(const ExitsResult& result);

}  // namespace cleave
