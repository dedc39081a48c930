#include "partitioner/plan_columns.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

Json seconds_or_null(double seconds) { return seconds < kInfinity ? Json(seconds) : Json(); }

std::size_t shares_of(const Plan& plan) { return plan.split ? static_cast<std::size_t>(plan.split->ways) : 0; }

Figure head_s(const Plan& plan) {
  Figure longest = plan.stages.front().compute_s;
  for (std::size_t i = 1; i < shares_of(plan); ++i)
    if (plan.stages[i].compute_s.value > longest.value) longest = plan.stages[i].compute_s;
  return longest;
}

// The longest stage behind the head; negative = there is none.
Figure tail_s(const Plan& plan) {
  Figure longest{-1, false};
  for (std::size_t i = std::max<std::size_t>(shares_of(plan), 1); i < plan.stages.size(); ++i)
    if (plan.stages[i].compute_s.value > longest.value) longest = plan.stages[i].compute_s;
  return longest;
}

std::int64_t sent_bytes(const Plan& plan) {
  std::int64_t bytes = 0;
  for (const PlanCut& cut : plan.cuts)
    if (cut.from >= 0) bytes += cut.bytes;
  return bytes;
}

std::optional<double> performance(const Plan& plan) {
  if (!plan.accuracy || !(plan.score.joules < kInfinity) || plan.score.joules <= 0) return std::nullopt;
  return *plan.accuracy / plan.score.joules;
}

std::string dash_or(bool some, const std::string& text) { return some ? text : "-"; }

std::string number(double value, int decimals) { return fmt::format("{:.{}f}", value, decimals); }

// "2" branches, which are what a table is about unless it says "2 filters" or "2 tiles".
std::string ways_text(const Plan& plan) {
  if (!plan.split) return "1";
  return plan.split->kind == "branches" ? fmt::format("{}", plan.split->ways)
                                        : fmt::format("{} {}", plan.split->ways, plan.split->kind);
}

constexpr TableColumn kColumns[] = {
    {{"cut", "cut", "the layers behind which it is cut; - = in one piece"},
     [](const Setting&, const PlanTable&, const Plan& p) { return Json(p.cut); },
     [](const Scale&, const Setting&, const Plan& p) { return p.cut; }},
    {{"split", nullptr, "how the head is split: branches, filters or tiles; empty = it is not"},
     [](const Setting&, const PlanTable&, const Plan& p) { return Json(p.split ? p.split->kind : ""); },
     nullptr},
    {{"ways", "ways", "shares of the head"},
     [](const Setting&, const PlanTable&, const Plan& p) { return Json(p.split ? p.split->ways : 1); },
     [](const Scale&, const Setting&, const Plan& p) { return ways_text(p); }},
    {{"cards", "cards", "the devices: + between shares, | between stages"},
     [](const Setting& s, const PlanTable&, const Plan& p) { return Json(cards_text(s.swarm, p)); },
     [](const Scale&, const Setting& s, const Plan& p) { return short_cards(s.swarm, p); }},
    {{"sends_bytes", "sends", "bytes on the wire between stages, of one frame"},
     [](const Setting&, const PlanTable&, const Plan& p) { return Json(sent_bytes(p)); },
     [](const Scale&, const Setting&, const Plan& p) {
       return dash_or(sent_bytes(p) > 0, binary_bytes(sent_bytes(p)));
     }},
    {{"head_s", "head", "seconds the first stage computes (the longest share)"},
     [](const Setting&, const PlanTable&, const Plan& p) { return Json(head_s(p).value); },
     [](const Scale& scale, const Setting&, const Plan& p) { return scale.time(head_s(p)); }},
    {{"tail_s", "tail", "seconds the longest stage behind it computes"},
     [](const Setting&, const PlanTable&, const Plan& p) {
       return tail_s(p).value < 0 ? Json() : Json(tail_s(p).value);
     },
     [](const Scale& scale, const Setting&, const Plan& p) {
       return dash_or(tail_s(p).value >= 0, scale.time(tail_s(p)));
     }},
    {{"link_s", "link", "seconds of the longest transfer between stages"},
     [](const Setting&, const PlanTable&, const Plan& p) {
       return link_seconds(p).value < 0 ? Json() : seconds_or_null(link_seconds(p).value);
     },
     [](const Scale& scale, const Setting&, const Plan& p) {
       return dash_or(link_seconds(p).value >= 0, scale.time(link_seconds(p)));
     }},
    {{"latency_s", "latency", "seconds of one frame, end to end"},
     [](const Setting&, const PlanTable&, const Plan& p) { return seconds_or_null(p.score.latency_s); },
     [](const Scale& scale, const Setting&, const Plan& p) {
       return scale.time({p.score.latency_s, is_estimate(p)});
     }},
    {{"period_s", "period", "seconds between two frames at full load"},
     [](const Setting&, const PlanTable&, const Plan& p) { return seconds_or_null(p.score.period_s); },
     [](const Scale& scale, const Setting&, const Plan& p) {
       return scale.time({p.score.period_s, is_estimate(p)});
     }},
    {{"frames_per_s", "frames/s", "one over the period"},
     [](const Setting&, const PlanTable&, const Plan& p) { return Json(1 / p.score.period_s); },
     [](const Scale&, const Setting&, const Plan& p) {
       return marked({1, is_estimate(p)}, short_number(1 / p.score.period_s));
     }},
    {{"joules", "J/frame", "electrical, all devices' computing and what the cost model adds for transfers"},
     [](const Setting&, const PlanTable&, const Plan& p) { return seconds_or_null(p.score.joules); },
     [](const Scale& scale, const Setting&, const Plan& p) {
       return scale.joules({p.score.joules, is_estimate(p)});
     }},
    {{"balance", "balance", "shortest over longest compute time of a device; 1 = balanced"},
     [](const Setting&, const PlanTable&, const Plan& p) {
       return p.stages.size() < 2 ? Json() : Json(p.score.balance);
     },
     [](const Scale&, const Setting&, const Plan& p) {
       return dash_or(p.stages.size() > 1, number(p.score.balance, 2));
     }},
    {{"accuracy", "accuracy", "as stated in placement.accuracy; empty = unknown"},
     [](const Setting&, const PlanTable&, const Plan& p) { return p.accuracy ? Json(*p.accuracy) : Json(); },
     [](const Scale&, const Setting&, const Plan& p) {
       return p.accuracy ? number(*p.accuracy, 4) : std::string(p.accuracy_kept ? "-" : "unknown");
     }},
    {{"performance", "P", "accuracy per joule of a frame"},
     [](const Setting&, const PlanTable&, const Plan& p) { return performance(p) ? Json(*performance(p)) : Json(); },
     [](const Scale&, const Setting&, const Plan& p) {
       return performance(p) ? marked({1, is_estimate(p)}, short_number(*performance(p))) : std::string("-");
     }},
    {{"frames_per_joule", "N", "frames per joule of one card's battery, the cards' batteries being equal"},
     [](const Setting&, const PlanTable&, const Plan& p) { return Json(p.frames_per_joule); },
     [](const Scale&, const Setting&, const Plan& p) {
       return marked({1, is_estimate(p)}, short_number(p.frames_per_joule));
     }},
    {{"frames_per_swarm_joule", nullptr, "the same over the joules of all cards used"},
     [](const Setting&, const PlanTable&, const Plan& p) {
       return Json(p.frames_per_joule / static_cast<double>(p.stages.size()));
     },
     nullptr},
    {{"frames", nullptr, "until the first battery is empty; empty = all on mains"},
     [](const Setting&, const PlanTable&, const Plan& p) { return seconds_or_null(p.score.frames); },
     nullptr},
    {{"stages", nullptr, "devices that work: shares and stages"},
     [](const Setting&, const PlanTable&, const Plan& p) { return Json(p.stages.size()); },
     nullptr},
    {{"head_work_share", nullptr, "multiply-adds of the head over those of the whole network"},
     [](const Setting&, const PlanTable& t, const Plan& p) { return Json(head_share(t, p).work); },
     nullptr},
    {{"head_time_share", nullptr, "seconds of the head over those of all stages"},
     [](const Setting&, const PlanTable& t, const Plan& p) { return Json(head_share(t, p).seconds); },
     nullptr},
    {{"estimate", nullptr, "true: some time or link is an estimate"},
     [](const Setting&, const PlanTable&, const Plan& p) { return Json(is_estimate(p)); },
     nullptr},
    {{"misfit", nullptr, "why it may not be chosen; empty = it may"},
     [](const Setting&, const PlanTable&, const Plan& p) { return Json(p.misfit); },
     nullptr},
    {{"chosen", nullptr, "true for the plan"},
     [](const Setting&, const PlanTable& t, const Plan& p) { return Json(t.chosen >= 0 && &p == &t.plan()); },
     nullptr},
};

}  // namespace

Figure link_seconds(const Plan& plan) {
  Figure longest{-1, false};
  double joining = 0, latency = 0;
  bool estimate = false;
  for (const PlanCut& cut : plan.cuts) {
    if (cut.from < 0) continue;
    if (plan.stages[at(cut.from)].share >= 0) {
      joining += cut.seconds.value;
      latency = std::max(latency, cut.latency_s);
      joining -= cut.latency_s;
      estimate = estimate || cut.seconds.estimate;
    } else if (cut.seconds.value > longest.value) {
      longest = cut.seconds;
    }
  }
  if (plan.split && joining + latency > longest.value) longest = {joining + latency, estimate};
  return longest;
}

std::span<const TableColumn> table_columns() { return kColumns; }

std::span<const PlanColumn> plan_columns() {
  static constexpr auto kPublic = [] {
    std::array<PlanColumn, std::size(kColumns)> columns{};
    for (std::size_t i = 0; i < columns.size(); ++i) columns[i] = kColumns[i].column;
    return columns;
  }();
  return kPublic;
}

HeadShare head_share(const PlanTable& table, const Plan& row) {
  HeadShare share;
  double work = 0, head_work = 0;
  for (const PlanStage& stage : table.rows.front().stages) work += static_cast<double>(stage.work);
  double all_s = 0;
  for (std::size_t i = 0; i < row.stages.size(); ++i) all_s += row.stages[i].compute_s.value;
  const std::size_t heads = std::max<std::size_t>(shares_of(row), 1);
  double head = 0;
  for (std::size_t i = 0; i < heads; ++i) {
    head_work += static_cast<double>(row.stages[i].work);
    head += row.stages[i].compute_s.value;
  }
  share.work = work > 0 ? head_work / work : 0;
  share.seconds = all_s > 0 ? head / all_s : 0;
  return share;
}

}  // namespace cleave
