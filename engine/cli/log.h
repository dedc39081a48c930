// Log: what a command says on stderr beside errors.
#pragma once

#include <memory>
#include <string>

#include "engine/cli/command.h"

namespace spdlog {
class logger;
}

namespace cleave {

// Lines as people read them, or with --log-format json one object a line: {"time", "level", "message"}. -q leaves out
// all of them, -v adds `debug`. Thread safe.
class Log {
 public:
  explicit Log(const CommonOptions& common);

  void note(const std::string& message);   // what the user should know: printed as "note: …"
  void info(const std::string& message);   // progress
  void debug(const std::string& message);  // with -v

 private:
  bool json_;
  std::shared_ptr<spdlog::logger> logger_;
};

// Says what the model states and this version does not measure.
void note_unmeasured(const Model& model, Log& log);

// Returns an error as a line of the log in JSON.
std::string json_log_line(const std::string& level, const std::string& message);

}  // namespace cleave
