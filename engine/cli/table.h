// Tables: results in rows and columns, as text, CSV or Markdown.
#pragma once

#include <string>
#include <vector>

namespace cleave {

// The first column stands left, so do others that hold words; numbers stand right. Cells hold UTF-8.
struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  // as many cells as columns
};

// Returns the table in a --format: text, csv or md.
std::string to_text(const Table& table, const std::string& format);

// "81.23": a share in per cent.
std::string percent(double share);

}  // namespace cleave
