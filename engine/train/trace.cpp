#include "engine/train/trace.h"

#include <charconv>
#include <cstdint>

#include <fmt/format.h>

#include "ops/core/error.h"

namespace cleave {

TraceWriter::TraceWriter(const std::filesystem::path& path,
                         const std::vector<std::pair<std::string, std::string>>& configuration)
    : path_(path) {
  std::error_code none;
  const bool is_new = !std::filesystem::exists(path, none) || std::filesystem::file_size(path, none) == 0;
  file_.open(path, std::ios::app);
  if (!file_) throw RunError(fmt::format("{}: cannot write the trace", path.string()));
  if (!is_new) return;
  for (const auto& [key, value] : configuration) file_ << "# " << key << ": " << value << '\n';
  file_ << "step,batch,part,layer,accepted,loss,log_prior,log_ratio\n";
}

void TraceWriter::write(const TraceRow& row) {
  file_ << fmt::format("{},{},{},{},{},{:.9g},{:.9g},{:.6g}\n", row.step, row.batch,
                       row.part == Part::head ? "head" : "body", *row.layer, row.accepted ? 1 : 0, row.loss,
                       row.log_prior, row.log_ratio);
  if (!file_) throw RunError(fmt::format("{}: writing the trace failed", path_.string()));
}

void cut_trace(const std::filesystem::path& path, std::int64_t steps) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return;
  std::uintmax_t good = 0;  // bytes
  for (std::string line; std::getline(file, line) && !file.eof(); good += line.size() + 1) {
    std::int64_t step = -1;  // of the lines before the first row
    std::from_chars(line.data(), line.data() + line.size(), step);
    if (step >= steps) break;
  }
  file.close();
  std::error_code error;
  std::filesystem::resize_file(path, good, error);
  if (error) throw RunError(fmt::format("{}: cannot cut the trace: {}", path.string(), error.message()));
}

void TraceWriter::finish() {
  file_.flush();
  if (!file_) throw RunError(fmt::format("{}: writing the trace failed", path_.string()));
}

}  // namespace cleave
