// What the commands share.
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "engine/cli/command.h"
#include "partitioner/check_swarm.h"

namespace cleave {

namespace {

// Builds and checks the graph of a model that was read.
void finish_model(Model& model, const Language& language, Diagnostics& found) {
  model.graph = build_graph(model.reading.spec, language, found);
  if (found.empty()) check_placed_nodes(model.reading.doc, model.graph, found);
  check_swarm(model.graph, model.reading.doc, found);
  found.throw_if_any();
}

}  // namespace

Model load_model(const std::string& path, const CommonOptions& common) {
  std::vector<std::string> sets = common.sets;
  if (common.seed) sets.push_back(fmt::format("seed={}", *common.seed));
  const Language language = cleave_language();
  Model model;
  Diagnostics found(model.reading.sources);
  read_model(path, language, sets, model.reading, found);
  finish_model(model, language, found);
  return model;
}

Model load_model_text(const std::string& file, const std::string& text) {
  const Language language = cleave_language();
  Model model;
  Diagnostics found(model.reading.sources);
  read_model_text(file, text, language, {}, model.reading, found);
  finish_model(model, language, found);
  return model;
}

std::string shell_word(const std::string& text) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::strchr("_-./=:,+@%", c) != nullptr;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text.front() == '-' ? "./" + text : text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string model_words(const std::string& path, const CommonOptions& common) {
  std::string words = shell_word(path);
  for (const std::string& set : common.sets) words += " --set " + shell_word(set);
  if (common.seed) words += fmt::format(" --seed {}", *common.seed);
  return words;
}

void refuse_not_run_yet(const ModelSpec& spec, const std::string& command) {
  for (const NotRunYet& part : spec.not_run_yet) {
    if (fmt::format(" {} ", part.commands).find(fmt::format(" {} ", command)) == std::string::npos) continue;
    throw UserError(fmt::format("{}:{}:{}: this version reads '{}' but `cleave {}` cannot obey it yet; {}",
                                part.pos.file, part.pos.line, part.pos.col, part.path, command,
                                part.why.empty() ? "remove it" : part.why));
  }
}

int thread_count(const CommonOptions& common) {
  if (common.threads > 0) return common.threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void print_result(const std::string& text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!written && errno != EPIPE) throw RunError(fmt::format("cannot write the result: {}", std::strerror(errno)));
}

bool fancy_stderr(const CommonOptions& common) {
  if (common.color == "never" || common.quiet) return false;
  if (common.color == "always") return true;
  return isatty(STDERR_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
}

}  // namespace cleave
