#include "partitioner/table.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "partitioner/plan_columns.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// The rows to show: the best ones, the network in one piece and the plan, in the table's order.
std::vector<std::size_t> shown_rows(const Setting& setting, const PlanTable& table, int top) {
  std::vector<std::size_t> order(table.rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (top <= 0 || table.rows.size() <= at(top)) return order;
  const ObjectiveDef& objective = *setting.request.objective;
  const auto rank = [&](std::size_t row) {
    return static_cast<int>(row) == table.chosen ? 0 : row == 0 ? 1 : table.rows[row].is_feasible() ? 2 : 3;
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (rank(a) != rank(b)) return rank(a) < rank(b);
    return is_better(objective, table.rows[a].value, table.rows[b].value);
  });
  order.resize(at(top));
  std::sort(order.begin(), order.end());
  return order;
}

struct Cells {
  std::vector<std::string> titles, units;
  std::vector<std::vector<std::string>> rows;
};

Cells cells_of(const Setting& setting, const PlanTable& table, const std::vector<std::size_t>& shown) {
  const Scale scale = scale_of(table);
  Cells cells;
  for (const TableColumn& column : table_columns()) {
    if (column.cell == nullptr) continue;
    const std::string key = column.column.key;
    cells.titles.emplace_back(column.column.title);
    cells.units.push_back(key == "joules"                                ? scale.joule_unit
                          : key.ends_with("_s") && key != "frames_per_s" ? scale.time_unit
                                                                         : "");
  }
  cells.titles[0] = "cut";
  for (const std::size_t row : shown) {
    const Plan& plan = table.rows[row];
    std::vector<std::string>& line = cells.rows.emplace_back();
    for (const TableColumn& column : table_columns()) {
      if (column.cell == nullptr) continue;
      const std::string_view key = column.column.key;
      const bool always = key == "cut" || key == "ways" || key == "cards" || key == "sends_bytes";
      line.push_back(plan.is_feasible() || plan.score.period_s < kInfinity || always ? column.cell(scale, setting, plan)
                                                                                     : "-");
    }
  }
  return cells;
}

}  // namespace

std::string plan_rows(const Setting& setting, const PlanTable& table, const std::string& format) {
  if (format == "csv") return plan_csv(setting, table);
  std::string text;
  const Cells cells = cells_of(setting, table, shown_rows(setting, table, 0));
  for (std::size_t i = 0; i < cells.titles.size(); ++i)
    text += fmt::format(
        "| {} ", cells.units[i].empty() ? cells.titles[i] : fmt::format("{} ({})", cells.titles[i], cells.units[i]));
  text += "| |\n";
  for (std::size_t i = 0; i < cells.titles.size(); ++i) text += i == 0 || i == 2 ? "|---" : "|--:";
  text += "|---|\n";
  for (std::size_t row = 0; row < cells.rows.size(); ++row) {
    std::vector<std::string> line = cells.rows[row];
    for (std::string& cell : line)
      for (std::size_t bar = 0; (bar = cell.find('|', bar)) != std::string::npos; bar += 2) cell.insert(bar, "\\");
    text += fmt::format("| {} | {} |\n", fmt::join(line, " | "),
                        static_cast<int>(row) == table.chosen ? "chosen" : table.rows[row].misfit);
  }
  return text;
}

std::string plan_table_text(const Setting& setting, const PlanTable& table, const TableOptions& options) {
  const std::vector<std::size_t> shown = shown_rows(setting, table, options.top);
  Cells cells = cells_of(setting, table, shown);
  std::vector<std::string> marks;
  for (const std::size_t row : shown)
    marks.push_back(static_cast<int>(row) == table.chosen ? ">" : table.rows[row].is_feasible() ? " " : "x");
  std::string text = aligned_table(cells.titles, cells.units, cells.rows, marks, options.width);
  if (shown.size() < table.rows.size())
    text += fmt::format("  … the best {} of {} candidates; --top 0 shows all\n", shown.size(), table.rows.size());
  return text;
}

}  // namespace cleave
