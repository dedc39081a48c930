// Errors: whose fault it is stands in the type. UserError is a mistake in the user's file or flag, RunError is the
// world's (disk, network, device); our own bugs are asserts.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace cleave {

// What the program returns to the shell; see `cleave --help`.
enum class ExitCode : int {
  done = 0,
  failed = 1,
  wrong_use = 2,
  invalid_model = 3,
  no_placement = 4,
  unreachable = 5,
  check_failed = 6,
  interrupted = 130,
};

// A place in a text file. Lines and columns count from 1, columns in bytes; line 0 means "the file as a whole".
struct SourcePos {
  std::string file;
  int line = 0;
  int col = 0;
  int length = 1;  // bytes to underline

  bool operator==(const SourcePos&) const = default;
};

// Another place that has to do with a mistake: `FILE:LINE:COL: note: TEXT`.
struct Note {
  SourcePos pos;
  std::string text;
  std::string source_line;
};

// One mistake: where, what is wrong, and what would be right.
struct Diagnostic {
  SourcePos pos;
  std::string message;
  std::string hint;         // printed after the caret, e.g. "did you mean 'iterations'?"; may be empty
  std::string source_line;  // the text of pos.line, empty when there is none
  std::string suggestion;   // the exact replacement for the underlined text, empty when there is none
  std::vector<Note> notes;
};

// Returns `FILE:LINE:COL: error: MESSAGE` with the source line and a caret, ending in a newline.
std::string to_text(const Diagnostic& diagnostic);

// A mistake in the user's file or flag. what() is ready to print and ends without a newline.
class UserError : public std::runtime_error {
 public:
  explicit UserError(const std::string& message, ExitCode code = ExitCode::wrong_use)
      : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

// All the mistakes of one model, in file order. what() holds every one, then `FILE: N errors`.
class ModelError : public UserError {
 public:
  explicit ModelError(std::vector<Diagnostic> diagnostics);
  const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

 private:
  std::vector<Diagnostic> diagnostics_;
};

// Something outside failed while running: disk, network, device. Says what and where.
class RunError : public std::runtime_error {
 public:
  explicit RunError(const std::string& message, ExitCode code = ExitCode::failed)
      : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

// Thrown by the functions of an op (OpDef): the shapes or parameters do not fit. The caller adds node, file and line.
class OpError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The user pressed Ctrl-C; what had to be saved is saved when this is thrown.
class Interrupted : public RunError {
 public:
  explicit Interrupted(const std::string& message) : RunError(message, ExitCode::interrupted) {}
};

}  // namespace cleave
