// Source texts and the list of mistakes found in them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ops/core/error.h"

namespace cleave {

// The largest model or swarm file, in bytes.
inline constexpr std::size_t kMaxFileBytes = 512 * 1024;

// The texts read so far, by file name, in the order they were added. Error messages quote their lines.
class Sources {
 public:
  void add(const std::string& file, std::string text);
  // Returns line `line` (from 1) without its end, "" when there is none. Long lines are cut.
  std::string line(const SourcePos& pos) const;
  // 0 for the first file added, 1 for the second …; behind all of them for an unknown one.
  std::size_t order(const std::string& file) const;

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> files_;
};

// Reads a whole file. Throws ModelError when it is missing, a directory, unreadable, empty or larger than
// kMaxFileBytes; `from` is the place that named it, if another file did.
std::string read_source(const std::string& path, const SourcePos& from, const Sources& sources);

// Collects mistakes, so that all of a file are shown at once.
class Diagnostics {
 public:
  explicit Diagnostics(const Sources& sources) : sources_(sources) {}

  // Adds a mistake and returns it, to hang notes or a suggestion on.
  Diagnostic& add(const SourcePos& pos, std::string message, std::string hint = {}, std::string suggestion = {});
  void note(Diagnostic& diagnostic, const SourcePos& pos, std::string text) const;
  bool empty() const { return found_.empty(); }
  std::size_t count() const { return found_.size(); }
  // Throws ModelError with everything found, in file order, if anything was.
  void throw_if_any();

 private:
  const Sources& sources_;
  std::vector<Diagnostic> found_;
};

}  // namespace cleave
