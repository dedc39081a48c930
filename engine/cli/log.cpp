#include "engine/cli/log.h"

#include <chrono>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <nlohmann/json.hpp>

#include "graphs/model_reader.h"

namespace cleave {

std::string json_log_line(const std::string& level, const std::string& message) {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto millis = now.time_since_epoch().count() % 1000;
  const std::string time =
      fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)), millis);
  const nlohmann::ordered_json line = {{"time", time}, {"level", level}, {"message", message}};
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void note_unmeasured(const Model& model, Log& log) {
  const DocNode* power = find_path(model.reading.doc, "output.power");
  if (power != nullptr && power->origin != "default")
    log.note(fmt::format("{}:{}:{}: output.power: no sensor is read in this version, no joules are measured",
                         power->pos.file, power->pos.line, power->pos.col));
}

Log::Log(const CommonOptions& common)
    : json_(common.log_format == "json"),
      logger_(std::make_shared<spdlog::logger>("cleave", std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
  logger_->set_pattern("%v");
  logger_->set_level(common.quiet           ? spdlog::level::err
                     : common.verbosity > 0 ? spdlog::level::debug
                                            : spdlog::level::info);
}

void Log::note(const std::string& message) {
  logger_->warn("{}", json_ ? json_log_line("warning", message) : "note: " + message);
}
void Log::info(const std::string& message) { logger_->info("{}", json_ ? json_log_line("info", message) : message); }
void Log::debug(const std::string& message) { logger_->debug("{}", json_ ? json_log_line("debug", message) : message); }

}  // namespace cleave
