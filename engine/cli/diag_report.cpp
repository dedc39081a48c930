#include "engine/cli/diag_report.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/cli/table.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

std::string cell(double value, int digits) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : "-";
}
Json json_of(double value) { return std::isfinite(value) ? Json(value) : Json(); }
std::string part_name(Part part) { return part == Part::body ? "body" : "head"; }

Table scalar_table(const RunDiagnosis& diagnosis) {
  Table table{{"module", "quantity", "mean", "ESS bulk", "ESS tail", "R-hat", "ranked", "drift"}, {}};
  for (const ModuleDiagnosis& module : diagnosis.modules)
    for (const ScalarDiagnosis& s : module.scalars)
      table.rows.push_back({module.name, s.name, std::isfinite(s.mean) ? fmt::format("{:.6g}", s.mean) : "-",
                            cell(s.bulk_ess, 0), cell(s.tail_ess, 0), cell(s.rhat, 3), cell(s.rank_rhat, 3),
                            cell(s.drift, 1)});
  return table;
}

Table block_table(const RunDiagnosis& diagnosis) {
  Table table{{"module", "part", "layer", "steps", "accepted %", "mean jump", "not finite"}, {}};
  for (const ModuleDiagnosis& module : diagnosis.modules)
    for (const BlockDiagnosis& b : module.blocks)
      table.rows.push_back({module.name, part_name(b.part), b.layer.empty() ? "all" : b.layer,
                            fmt::format("{}", b.steps), percent(b.acceptance()),
                            std::isfinite(b.mean_jump) ? fmt::format("{:.3g}", b.mean_jump) : "-",
                            fmt::format("{}", b.not_finite)});
  return table;
}

std::string csv_text(const RunDiagnosis& diagnosis) {
  Table table{{"module", "quantity", "part", "layer", "mean", "ess_bulk", "ess_tail", "rhat", "rhat_ranked", "drift",
               "steps", "accepted", "mean_jump", "not_finite"},
              {}};
  const auto number = [](double value) { return std::isfinite(value) ? fmt::format("{:.9g}", value) : ""; };
  for (const ModuleDiagnosis& module : diagnosis.modules) {
    for (const ScalarDiagnosis& s : module.scalars)
      table.rows.push_back({module.name, s.name, "", "", number(s.mean), number(s.bulk_ess), number(s.tail_ess),
                            number(s.rhat), number(s.rank_rhat), number(s.drift), "", "", "", ""});
    for (const BlockDiagnosis& b : module.blocks)
      table.rows.push_back({module.name, "", part_name(b.part), b.layer, "", "", "", "", "", "",
                            fmt::format("{}", b.steps), fmt::format("{}", b.accepted), number(b.mean_jump),
                            fmt::format("{}", b.not_finite)});
  }
  return to_text(table, "csv");
}

Json module_json(const ModuleDiagnosis& module) {
  Json scalars = Json::object(), blocks = Json::array(), findings = Json::array();
  for (const ScalarDiagnosis& s : module.scalars)
    scalars[s.name] = {
        {"mean", json_of(s.mean)}, {"ess_bulk", json_of(s.bulk_ess)},     {"ess_tail", json_of(s.tail_ess)},
        {"rhat", json_of(s.rhat)}, {"rhat_ranked", json_of(s.rank_rhat)}, {"drift", json_of(s.drift)}};
  for (const BlockDiagnosis& b : module.blocks)
    blocks.push_back({{"part", part_name(b.part)},
                      {"layer", b.layer.empty() ? Json() : Json(b.layer)},
                      {"steps", b.steps},
                      {"accepted", b.accepted},
                      {"acceptance", b.acceptance()},
                      {"mean_jump", json_of(b.mean_jump)},
                      {"not_finite", b.not_finite}});
  for (const Finding& f : module.findings)
    findings.push_back({{"kind", f.is_fault ? "fault" : "hint"},
                        {"block", f.block.empty() ? Json() : Json(f.block)},
                        {"what", f.what},
                        {"advice", f.advice}});
  return {{"name", module.name},
          {"chains", module.chains},
          {"steps", module.steps},
          {"warm_up", module.warm_up},
          {"draws", module.draws},
          {"steps_per_draw", json_of(module.steps_per_draw)},
          {"not_finite", module.not_finite},
          {"quantities", scalars},
          {"blocks", blocks},
          {"findings", findings}};
}

std::string json_text(const RunDiagnosis& diagnosis) {
  Json modules = Json::array();
  for (const ModuleDiagnosis& module : diagnosis.modules) modules.push_back(module_json(module));
  return Json{{"run", diagnosis.run},
              {"status", diagnosis.status},
              {"chains", diagnosis.chains},
              {"ok", !diagnosis.has_fault()},
              {"modules", modules}}
             .dump(2, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

std::string findings_text(const RunDiagnosis& diagnosis, bool faults) {
  std::string text;
  for (const ModuleDiagnosis& module : diagnosis.modules)
    for (const Finding& f : module.findings)
      if (f.is_fault == faults)
        text += fmt::format("{}{}{} {}: {}\n", module.name, f.block.empty() ? "" : " ", f.block, f.what, f.advice);
  if (text.empty()) return faults ? "nothing is wrong\n" : "";
  return (faults ? "what is wrong:\n" : "\nto know:\n") + text;
}

std::string head_text(const RunDiagnosis& diagnosis) {
  std::string text = fmt::format("{} ({}), {} chain{}\n", diagnosis.run, diagnosis.status, diagnosis.chains.size(),
                                 diagnosis.chains.size() == 1 ? "" : "s");
  for (const ModuleDiagnosis& m : diagnosis.modules)
    text += fmt::format(
        "{}: {} steps a chain, the first {} left out, {} recorded draws{}; rejected as not finite: {}\n", m.name,
        m.steps, m.warm_up, m.draws,
        std::isfinite(m.steps_per_draw) ? fmt::format(", {:.0f} steps for an independent one", m.steps_per_draw) : "",
        m.not_finite);
  return text;
}

}  // namespace

bool RunDiagnosis::has_fault() const {
  return std::any_of(modules.begin(), modules.end(), [](const ModuleDiagnosis& module) {
    return std::any_of(module.findings.begin(), module.findings.end(), [](const Finding& f) { return f.is_fault; });
  });
}

std::string to_text(const RunDiagnosis& diagnosis, const std::string& format) {
  if (format == "json") return json_text(diagnosis);
  if (format == "csv") return csv_text(diagnosis);
  return fmt::format("{}\n{}\n{}\n{}{}", head_text(diagnosis), to_text(scalar_table(diagnosis), format),
                     to_text(block_table(diagnosis), format), findings_text(diagnosis, true),
                     findings_text(diagnosis, false));
}

}  // namespace cleave
