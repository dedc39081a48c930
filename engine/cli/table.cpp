#include "engine/cli/table.h"

#include <algorithm>
#include <cassert>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cleave {

namespace {

// Code points, which are columns for everything our tables hold.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::vector<std::string> quoted;
  for (const std::string& cell : cells) quoted.push_back(csv_cell(cell));
  return fmt::format("{}\n", fmt::join(quoted, ","));
}

std::string aligned(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths, const char* gap) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string blanks(widths[i] - width(cells[i]), ' ');
    line += i == 0 ? cells[i] + blanks : gap + blanks + cells[i];
  }
  return line;
}

}  // namespace

std::string to_text(const Table& table, const std::string& format) {
  std::vector<std::size_t> widths;
  for (const std::string& column : table.columns) widths.push_back(width(column));
  for (const std::vector<std::string>& row : table.rows) {
    assert(row.size() == widths.size());
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    if (format == "csv") return csv_line(cells);
    if (format == "md") return fmt::format("| {} |\n", aligned(cells, widths, " | "));
    return aligned(cells, widths, "  ") + "\n";
  };
  std::string text = line(table.columns);
  if (format == "md")
    for (std::size_t i = 0; i < widths.size(); ++i)
      text += fmt::format("|{}{}{}", std::string(widths[i] + 1, '-'), i == 0 ? "-" : ":",
                          i + 1 < widths.size() ? "" : "|\n");
  for (const std::vector<std::string>& row : table.rows) text += line(row);
  return text;
}

std::string percent(double share) { return fmt::format("{:.2f}", 100 * share); }

}  // namespace cleave
