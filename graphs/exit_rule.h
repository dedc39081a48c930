// When a sample may leave a network early: all that `inference.early_exit` says.
#pragma once

#include <limits>
#include <map>
#include <optional>
#include <string>

#include "graphs/yaml_reader.h"

namespace cleave {

// A threshold that no answer reaches.
inline constexpr double kNeverLeaves = std::numeric_limits<double>::infinity();

struct ExitRule {
  std::string rule;  // max_probability | entropy
  double threshold = 0;
  std::map<std::string, double> thresholds = {};  // of some modules, by name, instead

  double threshold_of(const std::string& module) const {
    const auto own = thresholds.find(module);
    return own == thresholds.end() ? threshold : own->second;
  }
};

// Returns what a checked document says; nothing where it has no early exits.
std::optional<ExitRule> exit_rule_of(const DocNode& doc);

}  // namespace cleave
