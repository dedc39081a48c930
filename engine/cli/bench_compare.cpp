#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/cli/bench_report.h"
#include "engine/cli/table.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

using Json = nlohmann::json;

constexpr std::int64_t kLargestFile = std::int64_t{16} << 20;

std::string fact_of(const BenchReport& report, const std::string& name) {
  for (const auto& [fact, text] : report.host)
    if (fact == name) return text;
  return "";
}

// Throws UserError with what would make the two comparable.
void check_comparable(const BenchReport& now, const std::string& file, const Json& then) {
  const auto refuse = [&](const std::string& why) { throw UserError(fmt::format("--compare {}: {}", file, why)); };
  if (then.at("graph").get<std::string>() != now.graph)
    refuse(fmt::format("it is of another network ('{}'), or of this one before it was edited; --save a new one",
                       then.at("model").get<std::string>()));
  const std::string cpu = then.at("host").value("cpu", "");
  if (cpu != fact_of(now, "cpu"))
    refuse(
        fmt::format("it was measured on '{}' and this is '{}'; --save one of this machine", cpu, fact_of(now, "cpu")));
  const auto same = [&](const char* key, std::int64_t value, const char* option) {
    if (const auto had = then.at(key).get<std::int64_t>(); had != value)
      refuse(fmt::format("it was measured with {1} {0}, this with {2}; add {1} {0}", had, option, value));
  };
  same("batch", now.batch, "--batch");
  same("threads", now.threads, "--threads");
  same("in_flight", now.in_flight, "--in-flight");
  if (!then.at("complete").get<bool>()) refuse("that run was stopped before it had measured all");
}

BenchChange change_of(const char* what, const Percentiles& now, const Json& then, double tolerance) {
  const double allowed = std::max({tolerance, now.spread, then.at("spread").get<double>()});
  return {what, then.at("p50_s").get<double>(), now.p50, allowed};
}

}  // namespace

std::vector<BenchChange> compare_bench(const BenchReport& now, const std::string& file, double tolerance) {
  const Bytes bytes = read_file(file, kLargestFile);
  const Json then = Json::parse(bytes.begin(), bytes.end(), nullptr, false);
  try {
    if (then.at("bench").get<int>() > 1)
      throw UserError(fmt::format("--compare {}: was written by a newer cleave; use that", file));
    check_comparable(now, file, then);
    if (now.result.per_sample.count == 0) return {};
    return {change_of("latency", now.result.latency, then.at("latency"), tolerance),
            change_of("time a sample at full load", now.result.per_sample, then.at("per_sample"), tolerance)};
  } catch (const Json::exception&) {
    throw UserError(fmt::format("--compare {}: was not written by `cleave bench --save`, or is damaged", file));
  }
}

std::string to_text(const std::vector<BenchChange>& changes, const std::string& format) {
  Table table{{"compared", "then ms", "now ms", "change %", "allowed %", ""}, {}};
  for (const BenchChange& change : changes)
    table.rows.push_back({change.what, fmt::format("{:.4g}", 1e3 * change.then_s),
                          fmt::format("{:.4g}", 1e3 * change.now_s), fmt::format("{:+.1f}", 100 * change.slowdown()),
                          fmt::format("{:.1f}", 100 * change.allowed), change.is_slower() ? "slower" : "as before"});
  return to_text(table, format);
}

}  // namespace cleave
