// How the figures of a plan are written; shared by the table, the explanation of a row and the plan file.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "partitioner/table.h"

namespace cleave {

// Units in which all times and joules of a table are written, so that they compare at a glance.
struct Scale {
  double per_s = 1e3;
  std::string time_unit = "ms";
  double per_j = 1;
  std::string joule_unit;  // "" = J, as the title says

  std::string time(const Figure& seconds) const;   // "~54.1"
  std::string joules(const Figure& joules) const;  // "0.320"
};
// Chosen by the longest period of the possible rows.
Scale scale_of(const PlanTable& table);

// The longest transfer between stages; the parts of a split head reach the stage behind it one after the other.
// Negative when nothing is sent.
Figure link_seconds(const Plan& plan);
bool is_estimate(const Plan& plan);
std::string cards_text(const Swarm& swarm, const Plan& plan);   // "a+b|c"
std::string short_cards(const Swarm& swarm, const Plan& plan);  // "a|b|…|p", at most 14 columns
std::string binary_bytes(std::int64_t bytes);                   // "64 KiB"
std::string short_number(double value);                         // three significant digits: "18.5", "0.0123", "12 300"

// Rows under titles and units, numbers right, within `width` columns: columns that can be told from others are left out
// where it would be wider, and long names are cut in the middle. `marks` stand before the rows.
std::string aligned_table(std::vector<std::string> titles, std::vector<std::string> units,
                          std::vector<std::vector<std::string>> rows, const std::vector<std::string>& marks, int width);

// Returns the lines of `text`, each ended, broken at blanks where they are wider; what is broken off is indented.
std::string wrapped(const std::string& text, int width);

std::string plan_table_text(const Setting& setting, const PlanTable& table, const TableOptions& options);
std::string plan_csv(const Setting& setting, const PlanTable& table);
nlohmann::ordered_json plan_to_json(const Setting& setting, const Plan& plan);

}  // namespace cleave
