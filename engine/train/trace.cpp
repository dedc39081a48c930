#include "engine/train/trace.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include <fmt/format.h>

#include "ops/core/error.h"

namespace cleave {

TraceFile::TraceFile(const std::filesystem::path& path, const TraceConfiguration& configuration,
                     const std::string& columns)
    : path_(path) {
  std::error_code none;
  const bool is_new = !std::filesystem::exists(path, none) || std::filesystem::file_size(path, none) == 0;
  file_.open(path, std::ios::app);
  if (!file_) throw RunError(fmt::format("{}: cannot write the trace", path.string()));
  if (!is_new) return;
  file_ << "# trace version: " << kTraceVersion << '\n';
  for (const auto& [key, value] : configuration) file_ << "# " << key << ": " << value << '\n';
  write(columns);
  finish();
}

void TraceFile::write(const std::string& line) {
  file_ << line << '\n';
  if (!file_) throw RunError(fmt::format("{}: writing the trace failed", path_.string()));
}

void TraceFile::finish() {
  file_.flush();
  if (!file_) throw RunError(fmt::format("{}: writing the trace failed", path_.string()));
}

TraceWriter::TraceWriter(const std::filesystem::path& path, const TraceConfiguration& configuration)
    : file_(path, configuration, "step,batch,part,layer,accepted,loss,log_prior,log_ratio,jump,lambda") {}

void TraceWriter::write(const TraceRow& row) {
  file_.write(fmt::format("{},{},{},{},{},{:.9g},{:.9g},{:.6g},{:.6g},{:.9g}", row.step, row.batch,
                          row.part == Part::head ? "head" : "body", *row.layer, row.accepted ? 1 : 0, row.loss,
                          row.log_prior, row.log_ratio, row.jump, row.lambda));
}

BatchWriter::BatchWriter(const std::filesystem::path& path, const TraceConfiguration& configuration,
                         std::int64_t batches_per_epoch)
    : file_(path, configuration, kBatchColumns), batches_per_epoch_(batches_per_epoch) {}

void BatchWriter::write(const BatchProgress& batch) {
  const BufferCounts& now = batch.buffer;
  if (now.arrived < before_.arrived) before_ = {};  // another process took the module over
  const std::int64_t dropped = now.dropped - before_.dropped;
  file_.write(fmt::format("{},{},{},{},{},{:.6g},{:.6g},{:.9g},{:.9g},{},{},{:.6f},{},{},{}",
                          batch.epoch * batches_per_epoch_ + batch.batch, batch.epoch, batch.batch, batch.images,
                          batch.steps, batch.accepted_body, batch.accepted_head, batch.loss, batch.log_prior,
                          batch.not_finite, now.waiting, std::max(0.0, now.take_wait_s - before_.take_wait_s),
                          now.waiting + dropped, dropped, now.reused > before_.reused ? 1 : 0));
  before_ = now;
}

void cut_trace(const std::filesystem::path& path, std::int64_t first) {
  std::error_code none;
  if (!std::filesystem::is_regular_file(path, none)) return;
  std::ifstream file(path, std::ios::binary);
  if (!file) return;
  std::uintmax_t good = 0;  // bytes
  for (std::string line; std::getline(file, line) && !file.eof(); good += line.size() + 1) {
    std::int64_t number = -1;  // of the lines before the first row
    std::from_chars(line.data(), line.data() + line.size(), number);
    if (number >= first) break;
  }
  file.close();
  std::error_code error;
  std::filesystem::resize_file(path, good, error);
  if (error) throw RunError(fmt::format("{}: cannot cut the trace: {}", path.string(), error.message()));
}

}  // namespace cleave
