#include "engine/train/message_log.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <locale>
#include <sstream>

#include <fmt/format.h>

#include "engine/train/trace.h"
#include "ops/core/error.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

constexpr const char* kHead = "# cleave messages 1";
constexpr const char* kColumns = "module,learnt,number,sent,epoch,batch,steps,loss";

// A line of the file; the place of a batch in it.
struct Line {
  std::int64_t module = 0, learnt = 0;
  TakenBatch taken;
};

bool parse_line(const std::string& text, Line& line) {
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  TakenBatch& t = line.taken;
  char comma[7] = {};
  std::string loss;
  in >> line.module >> comma[0] >> line.learnt >> comma[1] >> t.number >> comma[2] >> t.sent >> comma[3] >> t.epoch >>
      comma[4] >> t.batch >> comma[5] >> t.steps >> comma[6] >> loss;
  if (in.fail()) return false;
  t.loss = std::strtod(loss.c_str(), nullptr);
  return std::all_of(std::begin(comma), std::end(comma), [](char c) { return c == ','; });
}

// What was read so far, and where in the file each batch stood.
struct Reading {
  MessageLog log;
  std::vector<std::vector<std::int64_t>> lines;  // by module and batch
  struct Lost {
    std::size_t module;
    std::int64_t sent, line;  // the line that put an end to it
  };
  std::vector<Lost> lost;

  void add(const Line& line, std::int64_t at) {
    const auto m = static_cast<std::size_t>(line.module);
    std::vector<TakenBatch>& taken = log.modules[m];
    while (static_cast<std::int64_t>(taken.size()) >= line.learnt) {
      lost.push_back({m, taken.back().sent, at});
      taken.pop_back();
      lines[m].pop_back();
    }
    taken.push_back(line.taken);
    lines[m].push_back(at);
  }

  // What was lost, and learnt before that by who is still there.
  void find_broken() {
    log.broken.assign(log.modules.size(), false);
    for (const Lost& gone : lost) {
      if (gone.module + 1 == log.modules.size()) continue;
      const std::vector<TakenBatch>& next = log.modules[gone.module + 1];
      for (std::size_t i = 0; i < next.size(); ++i)
        if (next[i].number == gone.sent && lines[gone.module + 1][i] < gone.line) log.broken[gone.module] = true;
    }
  }
};

}  // namespace

MessageLogWriter::MessageLogWriter(const std::filesystem::path& path) : path_(path) {
  cut_trace(path, std::numeric_limits<std::int64_t>::max());  // what a killed process left of its last line
  std::error_code none;
  const bool is_new = !std::filesystem::is_regular_file(path, none) || std::filesystem::file_size(path, none) == 0;
  file_.open(path, std::ios::app);
  if (is_new) file_ << kHead << "\n" << kColumns << "\n";
  if (!file_.flush()) throw RunError(fmt::format("{}: cannot write the message log", path.string()));
}

void MessageLogWriter::write(const BatchProgress& p) {
  file_ << fmt::format("{},{},{},{},{},{},{},{:.17g}\n", index_of(p.module), p.learnt, p.number, p.sent, p.epoch,
                       p.batch, p.steps, p.loss);
  if (!file_.flush()) throw RunError(fmt::format("{}: writing the message log failed", path_.string()));
}

MessageLog read_message_log(const std::filesystem::path& path, std::size_t modules) {
  constexpr std::int64_t kLargest = std::int64_t{1} << 30;
  const Bytes bytes = read_file(path.string(), kLargest);
  std::istringstream in(std::string(bytes.begin(), bytes.end()));
  std::string text;
  std::getline(in, text);
  if (text != kHead)
    throw UserError(fmt::format("{}: begins with '{}', this program reads '{}': use the one that wrote it",
                                path.string(), printable(text), kHead));
  std::getline(in, text);
  Reading reading;
  reading.log.modules.resize(modules);
  reading.lines.resize(modules);
  for (std::int64_t at = 3; std::getline(in, text) && !in.eof(); ++at) {
    Line line;
    if (!parse_line(text, line)) throw RunError(fmt::format("{}:{}: is damaged", path.string(), at));
    if (line.module < 0 || line.module >= static_cast<std::int64_t>(modules))
      throw UserError(
          fmt::format("{}:{}: module {} of another model: this one has {}", path.string(), at, line.module, modules));
    const std::vector<TakenBatch>& before = reading.log.modules[static_cast<std::size_t>(line.module)];
    if (line.learnt < 1 || line.learnt > static_cast<std::int64_t>(before.size()) + 1)
      throw RunError(
          fmt::format("{}:{}: module {}'s batch {} is missing", path.string(), at, line.module, before.size() + 1));
    reading.add(line, at);
  }
  reading.find_broken();
  return std::move(reading.log);
}

}  // namespace cleave
