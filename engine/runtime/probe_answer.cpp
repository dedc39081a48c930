// What a worker says of itself, as JSON.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "engine/runtime/probe.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::string to_json(const ProbeAnswer& answer) {
  const Json json = {{"version", answer.version},
                     {"boot_id", answer.boot_id},
                     {"name", answer.name},
                     {"now_utc_s", answer.now_utc_s},
                     {"memory_bytes", answer.memory_bytes},
                     {"memory_free_bytes", answer.memory_free_bytes},
                     {"cores", answer.cores},
                     {"arch", answer.arch},
                     {"state", answer.state},
                     {"plan", answer.plan}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<ProbeAnswer> read_probe_answer(const std::string& json) {
  const Json document = Json::parse(json, nullptr, false);
  if (!document.is_object()) return std::nullopt;
  bool sound = true;
  const auto field = [&](const char* name, bool (*fits)(const Json&)) {
    const auto found = document.find(name);
    const bool good = found != document.end() && fits(*found);
    sound = sound && good;
    return good ? *found : Json(0);
  };
  const auto text = [&](const char* name) {
    const Json value = field(name, [](const Json& j) { return j.is_string(); });
    return value.is_string() ? value.get<std::string>() : "";
  };
  const auto count = [&](const char* name, std::int64_t most) {
    const Json value = field(name, [](const Json& j) { return j.is_number_unsigned(); });
    return static_cast<std::int64_t>(std::min(value.get<std::uint64_t>(), static_cast<std::uint64_t>(most)));
  };
  constexpr std::int64_t kMost = std::int64_t{1} << 62;
  ProbeAnswer answer;
  answer.version = text("version");
  answer.boot_id = field("boot_id", [](const Json& j) { return j.is_number_unsigned(); }).get<std::uint64_t>();
  answer.name = text("name");
  answer.now_utc_s = field("now_utc_s", [](const Json& j) { return j.is_number(); }).get<double>();
  answer.memory_bytes = count("memory_bytes", kMost);
  answer.memory_free_bytes = count("memory_free_bytes", kMost);
  answer.cores = static_cast<int>(count("cores", 1 << 20));
  answer.arch = text("arch");
  answer.state = text("state");
  answer.plan = text("plan");
  return sound ? std::optional(answer) : std::nullopt;
}

}  // namespace cleave
