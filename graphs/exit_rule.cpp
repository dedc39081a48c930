#include "graphs/exit_rule.h"

#include "graphs/model_reader.h"

namespace cleave {

namespace {

double number_of(const DocNode& node) {
  const double* number = node.value ? std::get_if<double>(&*node.value) : nullptr;
  return number == nullptr ? kNeverLeaves : *number;
}

}  // namespace

std::optional<ExitRule> exit_rule_of(const DocNode& doc) {
  const DocNode* rule = find_path(doc, "inference.early_exit.rule");
  if (rule == nullptr || !rule->is_map() || rule->entries.empty()) return std::nullopt;
  ExitRule exits{rule->entries.front().key, number_of(rule->entries.front().value)};
  if (const DocNode* thresholds = find_path(doc, "inference.early_exit.thresholds"))
    for (const DocEntry& own : thresholds->entries) exits.thresholds[own.key] = number_of(own.value);
  return exits;
}

}  // namespace cleave
