// Commands: a catalog. A command is one file with a `declare_…` function that adds its options to a CLI11 app and says
// what runs, and one row in engine/cli/commands.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graphs/build.h"
#include "ops/core/error.h"

namespace CLI {
class App;
}

namespace cleave {

// The options every command has.
struct CommonOptions {
  std::vector<std::string> arguments;  // the program's, as given
  std::vector<std::string> sets;       // --set path=value
  std::string out_dir;                 // -o
  std::string format = "text";
  std::string log_format = "text";
  std::string color = "auto";
  std::optional<std::uint64_t> seed;
  int threads = 0;  // 0 = all cores
  int verbosity = 0;
  bool quiet = false;
};

struct CommandDef {
  const char* name;
  const char* doc;       // its purpose in one sentence
  const char* examples;  // two lines
  const char* formats;   // what --format takes, parted by '|'; null = text only
  const char* exits;     // exit codes that mean something beside 0 and 2: "3 model not valid"
  const char* ignores;   // options every command has that say nothing to this one, "--set|--out"; null = none
  // Adds the options to `app`; returns what runs once they are parsed. `common` is filled by then.
  std::function<ExitCode()> (*declare)(CLI::App& app, const CommonOptions& common);
  int threads = 0;  // --threads where it is not given
};

std::span<const CommandDef> command_catalog();

// Runs the program: parses `args` (without the program's name), runs a command and prints errors to stderr. Catches
// everything. Returns the exit code.
int run_program(const std::vector<std::string>& args);

// The model language with every catalog of the program.
Language cleave_language();

// Reads a model as every command does: with --set and --seed applied.
Model load_model(const std::string& path, const CommonOptions& common);
// Reads a model from its text; `file` is where it came from: its name in messages, and files it names lie beside it.
Model load_model_text(const std::string& file, const std::string& text);
// Returns `text` as one word of a shell command: quoted where it must be.
std::string shell_word(const std::string& text);
// Returns the words that name the same model again: its file, --set and --seed as given.
std::string model_words(const std::string& path, const CommonOptions& common);
// Throws UserError (one line) when the model states something that `command` cannot obey in this version.
void refuse_not_run_yet(const ModelSpec& spec, const std::string& command);
// --threads, or the number of cores.
int thread_count(const CommonOptions& common);
// Writes a result to stdout. Throws RunError when that fails (a full disk, a closed pipe).
void print_result(const std::string& text);
// True when messages on stderr may be coloured and redrawn.
bool fancy_stderr(const CommonOptions& common);

}  // namespace cleave
