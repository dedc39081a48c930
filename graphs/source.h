// Source texts and the list of mistakes found in them.
#pragma once

#include <string>
#include <vector>

#include "ops/core/error.h"

namespace cleave {

// The largest model or swarm file, in bytes.
inline constexpr std::size_t kMaxFileBytes = 512 * 1024;

// Only so many mistakes are shown.
inline constexpr std::size_t kMaxShownErrors = 100;

// Returns "a, b, c", with "…" in place of those behind the twelfth.
std::string some_of(const std::vector<std::string>& names);

// The texts read so far, by file name, in the order they were added. Error messages quote their lines.
class Sources {
 public:
  // Adds a text, or puts it in the place of an earlier one of that name.
  void add(const std::string& file, std::string text);
  // Returns the line at `pos` without its end, "" when there is none. Long lines are cut, and "" behind the cut.
  std::string line(const SourcePos& pos) const;
  // 0 for the first file added, 1 for the second …; behind all of them for an unknown one.
  std::size_t order(const std::string& file) const;

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> files_;  // name, lines
};

// Reads a whole file. Throws ModelError when it is missing, a directory, unreadable, empty or larger than
// kMaxFileBytes, or, for an included file, not a regular one; `from` is the place that names it, if another file does.
std::string read_source(const std::string& path, const SourcePos& from, const Sources& sources);

// Collects mistakes, so that all of a file are shown at once.
class Diagnostics {
 public:
  explicit Diagnostics(const Sources& sources) : sources_(sources) {}

  // Adds a mistake and returns it, to hang notes or a suggestion on.
  Diagnostic& add(const SourcePos& pos, std::string message, std::string hint = {}, std::string suggestion = {});
  void add(Diagnostic diagnostic) { found_.push_back(std::move(diagnostic)); }
  void note(Diagnostic& diagnostic, const SourcePos& pos, std::string text) const;
  bool empty() const { return found_.empty(); }
  std::size_t count() const { return found_.size(); }
  // True when more was found than is shown: a suggestion is no longer worth its search.
  bool too_many() const { return found_.size() >= kMaxShownErrors; }
  // Throws ModelError with everything found, in file order, if anything was.
  void throw_if_any();

 private:
  const Sources& sources_;
  std::vector<Diagnostic> found_;
};

}  // namespace cleave
