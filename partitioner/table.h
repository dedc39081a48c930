// The split cost table: every candidate as a row, for people and for programs.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "partitioner/lifetime.h"
#include "partitioner/make_problem.h"

namespace cleave {

// One column: `key` names it in JSON and CSV (with its unit), `title` in the text table.
struct PlanColumn {
  const char* key;
  const char* title;  // null = not in the text table
  const char* doc;
};
// The columns, in order. Keys stay as they are from version to version; new ones are added behind.
std::span<const PlanColumn> plan_columns();

struct TableOptions {
  int top = 12;     // rows shown: the best by the objective, in the order of the cuts; 0 = all
  int width = 100;  // of the text, in columns
};

// Returns head line, table, plan and remarks as text. Estimates are marked `~`.
std::string plan_text(const Setting& setting, const PlanTable& table, const TableOptions& options);
// Returns the rows as md (as the text table, all columns that have a title) or csv (by key, base units, every row).
std::string plan_rows(const Setting& setting, const PlanTable& table, const std::string& format);
// Returns {"schema": 1, model, objective, …, "rows": [...], "plan": {...}}: figures in base units, by the columns'
// keys.
std::string plan_json(const Setting& setting, const PlanTable& table);
// Returns how every figure of a row comes about, each term with its source. `row` is "CUT" or "CUT:WAYS", "-" for the
// network in one piece. Throws UserError, with the nearest name, for a row that is not there.
std::string plan_why(const Setting& setting, const PlanTable& table, const std::string& row);

// "CUT" or "CUT:WAYS", and the row so called, or called "CUT:KIND:WAYS". Throws UserError, with the nearest name, for
// one that is not there.
std::string row_name(const Plan& plan);
const Plan& find_row(const PlanTable& table, const std::string& name);

// Remarks a reader should not miss: where P and balance disagree, where one device alone is faster, what is estimated.
std::vector<std::string> plan_remarks(const Setting& setting, const PlanTable& table);
// Returns "stage 2  b  g1 … out  51.4 ms …", one line a stage, of the chosen plan.
std::string stages_text(const Setting& setting, const Plan& plan);

// Returns how long the swarm lasts with the cuts of the table: one plan, plans that rotate, devices that take turns.
// Roles rotate among all devices, whoever is pinned or holds the data.
Lifetime table_lifetime(const Setting& setting, const PlanTable& table);
std::string lifetime_text(const Setting& setting, const PlanTable& table);

// Multiply-adds and seconds of the head as shares of the whole network; what FLOPs say against what clocks say.
struct HeadShare {
  double work = 0, seconds = 0;
};
HeadShare head_share(const PlanTable& table, const Plan& row);

}  // namespace cleave
