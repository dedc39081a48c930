#include "ops/core/error.h"

#include <algorithm>

#include <fmt/format.h>

namespace cleave {

namespace {

// The caret must stand under the right character although columns count bytes: UTF-8 continuation bytes take no room.
std::string caret_padding(const std::string& line, int col) {
  std::string padding;
  for (int i = 0; i + 1 < col && i < static_cast<int>(line.size()); ++i) {
    const auto byte = static_cast<unsigned char>(line[static_cast<std::size_t>(i)]);
    if (byte == '\t') padding += '\t';
    else if ((byte & 0xC0) != 0x80) padding += ' ';
  }
  return padding;
}

std::string place_text(const SourcePos& pos, const char* kind, const std::string& message, const std::string& line,
                       const std::string& hint) {
  const bool loose = line.empty() && !hint.empty();  // no line to hang the hint on
  std::string text = fmt::format("{}:{}:{}: {}: {}{}\n", pos.file, pos.line, pos.col, kind, message,
                                 loose ? fmt::format(" ({})", hint) : "");
  if (line.empty()) return text;
  const std::string mark = "^" + std::string(static_cast<std::size_t>(std::max(0, pos.length - 1)), '~');
  text += fmt::format("{:5} | {}\n", pos.line, line);
  text += fmt::format("      | {}{}{}{}\n", caret_padding(line, pos.col), mark, hint.empty() ? "" : " ", hint);
  return text;
}

std::string all_texts(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& d : diagnostics) text += to_text(d);
  if (diagnostics.empty()) return text;
  const std::string& file = diagnostics.front().pos.file;
  text += fmt::format("{}: {} error{}", file, diagnostics.size(), diagnostics.size() == 1 ? "" : "s");
  return text;
}

}  // namespace

std::string to_text(const Diagnostic& d) {
  if (d.pos.line == 0) {
    const std::string hint = d.hint.empty() ? "" : fmt::format(" ({})", d.hint);
    return fmt::format("{}: error: {}{}\n", d.pos.file, d.message, hint);
  }
  std::string text = place_text(d.pos, "error", d.message, d.source_line, d.hint);
  for (const Note& note : d.notes) text += place_text(note.pos, "note", note.text, note.source_line, "");
  return text;
}

ModelError::ModelError(std::vector<Diagnostic> diagnostics)
    : UserError(all_texts(diagnostics), ExitCode::invalid_model), diagnostics_(std::move(diagnostics)) {}

}  // namespace cleave
