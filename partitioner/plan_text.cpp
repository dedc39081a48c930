#include "partitioner/plan_text.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

constexpr std::size_t kCardsWidth = 14;

// Code points, which are columns for everything our tables hold.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

// "g1/0/res…/conv2d_2": the ends of a name say most.
std::string shortened(const std::string& text, std::size_t width) {
  if (width_of(text) <= width || width < 3) return text;
  const std::size_t front = (width - 1) / 2, back = width - 1 - front;
  return text.substr(0, front) + "…" + text.substr(text.size() - back);
}

using Rows = std::vector<std::vector<std::string>>;

std::vector<std::size_t> widths_of(const std::vector<std::string>& titles, const std::vector<std::string>& units,
                                   const Rows& rows) {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < titles.size(); ++c) {
    std::size_t widest = std::max(width_of(titles[c]), width_of(units[c]));
    for (const std::vector<std::string>& row : rows) widest = std::max(widest, width_of(row[c]));
    widths.push_back(widest);
  }
  return widths;
}

std::size_t total(const std::vector<std::size_t>& widths) {
  std::size_t sum = 2 + widths.size() - 1;  // the mark, and a blank between columns
  for (const std::size_t width : widths) sum += width;
  return sum;
}

void remove_column(const std::string& title, std::vector<std::string>& titles, std::vector<std::string>& units,
                   Rows& rows) {
  const auto found = std::find(titles.begin(), titles.end(), title);
  if (found == titles.end()) return;
  const std::ptrdiff_t c = found - titles.begin();
  titles.erase(found);
  units.erase(units.begin() + c);
  for (std::vector<std::string>& row : rows) row.erase(row.begin() + c);
}

bool is_empty_column(const std::string& title, const std::vector<std::string>& titles, const Rows& rows) {
  const std::size_t c = static_cast<std::size_t>(std::find(titles.begin(), titles.end(), title) - titles.begin());
  return c < titles.size() && std::all_of(rows.begin(), rows.end(), [&](const std::vector<std::string>& row) {
           return row[c] == "-" || row[c] == "1";
         });
}

bool is_plain_column(const std::string& title, const std::vector<std::string>& titles, const Rows& rows) {
  const std::size_t c = static_cast<std::size_t>(std::find(titles.begin(), titles.end(), title) - titles.begin());
  return c < titles.size() && std::all_of(rows.begin(), rows.end(), [&](const std::vector<std::string>& row) {
           return row[c].find(' ') == std::string::npos;
         });
}

bool is_word_column(const std::string& title) {
  return title == "cut" || title == "cards" || title == "card" || title == "layers";
}

}  // namespace

std::string Scale::time(const Figure& seconds) const {
  if (!(seconds.value < kInfinity)) return "-";
  return marked(seconds, fmt::format("{:.1f}", seconds.value * per_s));
}

std::string Scale::joules(const Figure& joules) const {
  if (!(joules.value < kInfinity)) return "-";
  return marked(joules, fmt::format("{:.3f}", joules.value * per_j));
}

Scale scale_of(const PlanTable& table) {
  double period = 0, joules = 0;
  for (const Plan& plan : table.rows)
    if (plan.score.period_s < kInfinity) {
      period = std::max(period, plan.score.period_s);
      joules = std::max(joules, plan.score.joules);
    }
  Scale scale;
  if (period >= 10) scale.per_s = 1, scale.time_unit = "s";
  if (period < 5e-3) scale.per_s = 1e6, scale.time_unit = "µs";
  if (joules < 0.05 && joules > 0) scale.per_j = 1e3, scale.joule_unit = "mJ";
  if (joules < 5e-5 && joules > 0) scale.per_j = 1e6, scale.joule_unit = "µJ";
  return scale;
}

bool is_estimate(const Plan& plan) {
  return std::any_of(plan.stages.begin(), plan.stages.end(), [](const PlanStage& s) { return s.compute_s.estimate; }) ||
         std::any_of(plan.cuts.begin(), plan.cuts.end(), [](const PlanCut& c) { return c.seconds.estimate; });
}

std::string cards_text(const Swarm& swarm, const Plan& plan) {
  std::string text;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    if (i > 0) text += plan.stages[i].share > 0 ? '+' : '|';
    text += swarm.devices[at(plan.stages[i].device)].name;
  }
  return text;
}

std::string short_cards(const Swarm& swarm, const Plan& plan) {
  return shortened(cards_text(swarm, plan), kCardsWidth);
}

std::string binary_bytes(std::int64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.{}f} {}", value, unit > 0 && value < 10 && std::abs(value - std::round(value)) >= 0.05 ? 1 : 0,
                     kUnits[unit]);
}

std::string short_number(double value) {
  if (!std::isfinite(value)) return "-";
  if (value >= 1e6) return fmt::format("{:.2e}", value);
  const int digits = value <= 0 ? 0 : static_cast<int>(std::floor(std::log10(value)));
  return fmt::format("{:.{}f}", value, std::clamp(2 - digits, 0, 6));
}

std::string aligned_table(std::vector<std::string> titles, std::vector<std::string> units,
                          std::vector<std::vector<std::string>> rows, const std::vector<std::string>& marks,
                          int width) {
  for (const char* title : {"ways", "accuracy", "P"})
    if (is_empty_column(title, titles, rows)) remove_column(title, titles, units, rows);
  const std::size_t most = at(width);
  for (std::vector<std::string>& row : rows) row[0] = shortened(row[0], 16);
  // Cards tell how many ways there are, unless there are several kinds of split.
  const bool plain = is_plain_column("ways", titles, rows);
  for (const char* title : {plain ? "ways" : "frames/s", "frames/s", "balance", "sends"})
    if (total(widths_of(titles, units, rows)) > most) remove_column(title, titles, units, rows);
  const std::vector<std::size_t> widths = widths_of(titles, units, rows);
  const auto line = [&](const std::string& mark, const std::vector<std::string>& cells) {
    std::string text = mark + (width_of(mark) < 2 ? std::string(2 - width_of(mark), ' ') : "");
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const std::string blanks(widths[c] - width_of(cells[c]), ' ');
      text += (c > 0 ? " " : "") + (is_word_column(titles[c]) ? cells[c] + blanks : blanks + cells[c]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
  };
  std::string text = line("", titles);
  if (std::any_of(units.begin(), units.end(), [](const std::string& u) { return !u.empty(); })) text += line("", units);
  for (std::size_t i = 0; i < rows.size(); ++i) text += line(marks[i], rows[i]);
  return text;
}

std::string wrapped(const std::string& text, int width) {
  std::string out;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    while (width_of(line) > at(width)) {
      std::size_t cut = line.rfind(' ', at(width));
      if (cut == std::string::npos || line.find_first_not_of(' ') > cut) break;
      out += line.substr(0, cut) + "\n";
      line = "  " + line.substr(cut + 1);
    }
    out += line + "\n";
    begin = end + 1;
  }
  return out;
}

}  // namespace cleave
