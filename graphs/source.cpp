#include "graphs/source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <tuple>

#include <fmt/format.h>

namespace cleave {

namespace {

constexpr std::size_t kMaxShownLine = 200;
constexpr std::size_t kMaxShownNames = 12;

[[noreturn]] void refuse(const std::string& path, const SourcePos& from, const Sources& sources, std::string message,
                         std::string hint = {}) {
  Diagnostics diagnostics(sources);
  if (from.line > 0) diagnostics.add(from, fmt::format("cannot include {}: {}", path, message), std::move(hint));
  else diagnostics.add({path, 0, 0, 1}, std::move(message), std::move(hint));
  diagnostics.throw_if_any();
  throw UserError(path, ExitCode::invalid_model);  // not reached: the line above has thrown
}

// The start of a long line, not cut within a letter.
std::string cut(std::string line) {
  for (char& c : line)  // nothing that a terminal would obey
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F) c = '?';
  if (line.size() <= kMaxShownLine) return line;
  std::size_t end = kMaxShownLine;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0) == 0x80) --end;
  return line.substr(0, end);
}

}  // namespace

std::string some_of(const std::vector<std::string>& names) {
  const std::size_t shown = std::min(names.size(), kMaxShownNames);
  const std::string text =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  return shown < names.size() ? text + ", …" : text;
}

void Sources::add(const std::string& file, std::string text) {
  std::vector<std::string> lines;
  std::istringstream stream(std::move(text));
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back(std::move(line));
  }
  if (order(file) < files_.size()) files_[order(file)].second = std::move(lines);
  else files_.emplace_back(file, std::move(lines));
}

std::string Sources::line(const SourcePos& pos) const {
  for (const auto& [file, lines] : files_)
    if (file == pos.file && pos.line >= 1 && pos.line <= static_cast<int>(lines.size()) &&
        pos.col <= static_cast<int>(kMaxShownLine))
      return cut(lines[static_cast<std::size_t>(pos.line - 1)].substr(0, kMaxShownLine + 1));
  return "";
}

std::size_t Sources::order(const std::string& file) const {
  for (std::size_t i = 0; i < files_.size(); ++i)
    if (files_[i].first == file) return i;
  return files_.size();
}

std::string read_source(const std::string& path, const SourcePos& from, const Sources& sources) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) refuse(path, from, sources, "no such file");
  if (std::filesystem::is_directory(status)) refuse(path, from, sources, "is a directory", "name a .yaml file in it");
  // A pipe on the command line is a way to hand over a text; one that a file includes would only make it wait.
  const bool pipe = status.type() == std::filesystem::file_type::fifo && from.line == 0;
  const bool device = status.type() == std::filesystem::file_type::character && from.line == 0;
  if (!std::filesystem::is_regular_file(status) && !pipe && !device) refuse(path, from, sources, "not a regular file");
  std::ifstream stream(path, std::ios::binary);
  if (!stream) refuse(path, from, sources, fmt::format("cannot be read: {}", std::strerror(errno)));
  std::string text(kMaxFileBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > kMaxFileBytes) refuse(path, from, sources, "larger than 512 KiB, the limit of a model file");
  if (text.find_first_not_of(" \t\r\n") == std::string::npos)
    refuse(path, from, sources, "the file is empty", "`cleave init` writes a model that runs");
  return text;
}

Diagnostic& Diagnostics::add(const SourcePos& pos, std::string message, std::string hint, std::string suggestion) {
  Diagnostic found{pos, std::move(message), std::move(hint), sources_.line(pos), std::move(suggestion), {}};
  if (!found.source_line.empty()) {  // a value over several lines is underlined to the end of its first
    const int rest = static_cast<int>(found.source_line.size()) - pos.col + 1;
    found.pos.length = std::max(1, std::min(pos.length, rest));
    if (pos.length > rest && pos.length > 1) found.suggestion.clear();
  }
  found_.push_back(std::move(found));
  return found_.back();
}

void Diagnostics::note(Diagnostic& diagnostic, const SourcePos& pos, std::string text) const {
  diagnostic.notes.push_back({pos, std::move(text), sources_.line(pos)});
}

void Diagnostics::throw_if_any() {
  if (found_.empty()) return;
  std::stable_sort(found_.begin(), found_.end(), [this](const Diagnostic& a, const Diagnostic& b) {
    return std::tuple(sources_.order(a.pos.file), a.pos.line, a.pos.col) <
           std::tuple(sources_.order(b.pos.file), b.pos.line, b.pos.col);
  });
  const auto same = [](const Diagnostic& a, const Diagnostic& b) { return a.pos == b.pos && a.message == b.message; };
  found_.erase(std::unique(found_.begin(), found_.end(), same), found_.end());  // an alias repeats its anchor's mistake
  if (found_.size() > kMaxShownErrors) found_.resize(kMaxShownErrors);
  throw ModelError(std::move(found_));
}

}  // namespace cleave
