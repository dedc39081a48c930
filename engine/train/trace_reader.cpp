#include "engine/train/trace_reader.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>

#include <fmt/format.h>

#include "ops/core/error.h"

namespace cleave {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

void split(std::string_view line, std::vector<std::string_view>& cells) {
  cells.clear();
  for (std::size_t at = 0;;) {
    const std::size_t comma = line.find(',', at);
    cells.push_back(line.substr(at, comma - at));
    if (comma == std::string_view::npos) return;
    at = comma + 1;
  }
}

// False when the text is no such number.
template <class Number>
bool parse(std::string_view text, Number& to) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
  return error == std::errc() && end == text.data() + text.size();
}

// Reads lines that are finished, and counts them.
struct Lines {
  explicit Lines(const std::filesystem::path& path) : file(path, std::ios::binary) {}
  bool next() { return std::getline(file, text) && !file.eof() && ++number > 0; }

  std::ifstream file;
  std::string text;
  std::int64_t number = 0;
};

struct Reader {
  const std::filesystem::path& path;
  Trace trace;
  std::size_t columns = 0;  // of the rows; 0 = no header yet
  double lambda = kNone;    // the configuration's

  [[noreturn]] void refuse(std::int64_t line) const {
    throw RunError(fmt::format("{}:{}: is no line of a trace; the file is damaged", path.string(), line));
  }

  void read_setting(const std::string& line) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos || colon < 2) return;
    const std::string key = line.substr(2, colon - 2), value = line.substr(colon + 2);
    int version = 0;
    if (key == "trace version" && (!parse(value, version) || version > kTraceVersion))
      throw UserError(
          fmt::format("{}: has trace version {}, this cleave ({}) reads up to {}: use the newer cleave that wrote it",
                      path.string(), value, CLEAVE_VERSION, kTraceVersion));
    if (key == "every") parse(value, trace.every);
    if (key == "lambda") parse(value, lambda);
    trace.configuration.emplace_back(key, value);
  }

  std::int32_t layer_of(std::string_view name, std::string_view part) {
    for (std::size_t i = 0; i < trace.layers.size(); ++i)
      if (trace.layers[i].name == name) return static_cast<std::int32_t>(i);
    trace.layers.push_back({std::string(name), part == "head" ? Part::head : Part::body});
    return static_cast<std::int32_t>(trace.layers.size() - 1);
  }

  bool read_row(const std::vector<std::string_view>& cells) {
    RecordedStep step;
    step.jump = kNone;
    step.lambda = lambda;
    if (cells.size() != columns) return false;
    bool good = parse(cells[0], step.step) && parse(cells[1], step.batch) && parse(cells[5], step.loss) &&
                parse(cells[6], step.log_prior) && parse(cells[7], step.log_ratio);
    if (columns > 8) good = good && parse(cells[8], step.jump) && parse(cells[9], step.lambda);
    step.accepted = cells[4] == "1";
    step.layer = layer_of(cells[3], cells[2]);
    if (good) trace.steps.push_back(step);
    return good;
  }
};

}  // namespace

Trace read_trace(const std::filesystem::path& path) {
  Lines lines(path);
  if (!lines.file) throw RunError(fmt::format("{}: cannot read the trace", path.string()));
  Reader reader{path, {}};
  std::vector<std::string_view> cells;
  while (lines.next()) {
    if (lines.text.starts_with('#')) {
      reader.read_setting(lines.text);
      continue;
    }
    split(lines.text, cells);
    if (reader.columns > 0 ? reader.read_row(cells) : cells[0] == "step" && (cells.size() == 8 || cells.size() == 10))
      reader.columns = cells.size();
    else reader.refuse(lines.number);
  }
  reader.trace.every = std::max<std::int64_t>(1, reader.trace.every);
  return std::move(reader.trace);
}

double sum_of_column(const std::filesystem::path& path, const std::string& column) {
  Lines lines(path);
  std::vector<std::string_view> cells;
  std::size_t place = std::string::npos;
  double sum = 0, value = 0;
  while (lines.next()) {
    if (lines.text.starts_with('#')) continue;
    split(lines.text, cells);
    if (place == std::string::npos) {
      place = static_cast<std::size_t>(std::find(cells.begin(), cells.end(), column) - cells.begin());
      if (place == cells.size()) return 0;
    } else if (place < cells.size() && parse(cells[place], value)) {
      sum += value;
    }
  }
  return sum;
}

}  // namespace cleave
