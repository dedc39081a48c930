#include "engine/cli/table.h"

#include <algorithm>
#include <cassert>
#include <cctype>

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

// How a column stands: as wide as its widest cell, numbers right, words left.
struct Layout {
  std::size_t width = 0;
  bool right = true;
};

// "12", "~12" (an estimate), "-".
bool is_number(const std::string& cell) {
  const std::size_t at = cell.starts_with('~') ? 1 : 0;
  return cell == "-" || (cell.size() > at && std::isdigit(static_cast<unsigned char>(cell[at])) != 0);
}

std::string aligned(const std::vector<std::string>& cells, const std::vector<Layout>& layout, const char* gap) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string blanks(layout[i].width - width(cells[i]), ' ');
    if (i > 0) line += gap;
    line += layout[i].right ? blanks + cells[i] : cells[i] + blanks;
  }
  return line;
}

// Without the blanks at its end.
std::string trimmed(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

std::string to_text(const Table& table, const std::string& format) {
  std::vector<Layout> layout;
  for (const std::string& column : table.columns) layout.push_back({width(column), !layout.empty()});
  for (const std::vector<std::string>& row : table.rows) {
    assert(row.size() == layout.size());
    for (std::size_t i = 0; i < row.size(); ++i) {
      layout[i].width = std::max(layout[i].width, width(row[i]));
      layout[i].right = layout[i].right && is_number(row[i]);
    }
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    if (format == "csv") return csv_line(cells);
    if (format == "md") return fmt::format("| {} |\n", aligned(cells, layout, " | "));
    return trimmed(aligned(cells, layout, "  ")) + "\n";
  };
  std::string text = line(table.columns);
  if (format == "md") {
    for (const Layout& column : layout)
      text += fmt::format("|{}{}", std::string(column.width + 1, '-'), column.right ? ":" : "-");
    text += "|\n";
  }
  for (const std::vector<std::string>& row : table.rows) text += line(row);
  return text;
}

std::string percent(double share) { return fmt::format("{:.2f}", 100 * share); }

}  // namespace cleave
