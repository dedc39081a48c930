// The columns of the cost table, each with its raw value and its cell.
#pragma once

#include <span>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "partitioner/plan_text.h"

namespace cleave {

struct TableColumn {
  PlanColumn column;
  nlohmann::ordered_json (*value)(const Setting&, const PlanTable&, const Plan&);
  std::string (*cell)(const Scale&, const Setting&, const Plan&);  // null = not in the text table
};
std::span<const TableColumn> table_columns();

}  // namespace cleave
