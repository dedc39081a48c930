#include "engine/cli/train_progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/cli/table.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kPlainEvery_s = 5;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::size_t terminal_columns() {
  struct winsize size {};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 100;
}

std::string accuracy_at(const std::vector<double>& accuracy, std::size_t module) {
  return module < accuracy.size() ? percent(accuracy[module]) : "-";
}

}  // namespace

std::string duration_in_short(double seconds) {
  if (seconds < 99) return fmt::format("{:.0f} s", std::max(0.0, seconds));
  if (seconds < 99 * 60) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.0f} h", seconds / 3600);
}

TrainProgress::TrainProgress(const TrainJob& job, const CommonOptions& common, Log& log, const BatchPlace& from)
    : job_(job),
      log_(log),
      fancy_(fancy_stderr(common) && common.log_format == "text"),
      quiet_(common.quiet),
      start_(Clock::now()),
      last_shown_(start_),
      batches_per_epoch_(batches_per_epoch(job)),
      first_tick_(from.number),
      ticks_(from.number),
      all_ticks_(job.options.epochs * batches_per_epoch_ + static_cast<std::int64_t>(job.graph().modules.size()) - 1),
      from_(from),
      modules_(job.graph().modules.size()),
      live_(job.graph().modules.size(), static_cast<std::size_t>(job.spec().training.chains)),
      chain_batches_(static_cast<std::size_t>(job.spec().training.chains - 1)) {
  if (fancy_) draw();
}

double TrainProgress::seconds_a_batch() const {
  return seconds_since(start_) / static_cast<double>(std::max<std::int64_t>(1, ticks_ - first_tick_));
}

double TrainProgress::eta_s() const { return seconds_a_batch() * static_cast<double>(all_ticks_ - ticks_); }

// The front of the pipeline counts: the first module's batch.
std::string TrainProgress::head_line(std::size_t bar) const {
  const BatchProgress front = modules_[0].value_or(BatchProgress{.epoch = from_.epoch, .batch = from_.batch - 1});
  const std::int64_t done = front.batch + 1;
  std::string text = fmt::format("epoch {}/{}  ", front.epoch + 1, job_.options.epochs);
  if (bar > 0) {
    const auto full = static_cast<std::size_t>(static_cast<std::int64_t>(bar) * done / batches_per_epoch_);
    text += fmt::format("[{}{}]  ", std::string(full, '#'), std::string(bar - full, '-'));
  } else {
    text += "batch ";
  }
  text += fmt::format("{}/{}", done, batches_per_epoch_);
  if (ticks_ == first_tick_) return text;
  return text + fmt::format("  {:.2f} s/batch  eta {}", seconds_a_batch(), duration_in_short(eta_s()));
}

std::string TrainProgress::module_line(std::size_t module) const {
  const std::string& name = job_.graph().modules[module].name;
  if (!modules_[module]) return fmt::format("{:<10} waiting for its first batch", name);
  const BatchProgress& at = *modules_[module];
  const std::string line =
      fmt::format("{:<10}{:>9.4f}{:>9}{:>9}{:>14}{:>10.0f}", name, at.mean_loss, accuracy_at(train_accuracy_, module),
                  accuracy_at(test_accuracy_, module), acceptance(at), at.steps_per_s);
  return is_cascade() ? line + live_cells(module) + queue_cells(at) : line + live_cells(module);
}

// R-hat and effective draws of the losses that batches left, all chains, in the later half of the run.
std::string TrainProgress::live_cells(std::size_t module) const {
  const LiveDiagnostics::Figures figures = live_.of(module);
  if (!std::isfinite(figures.rhat)) return fmt::format("{:>8}{:>7}", "-", "-");
  return fmt::format("{:>8.3f}{:>7.0f}", figures.rhat, figures.ess);
}

std::string TrainProgress::chains_line() const {
  std::string text = "other chains at batch";
  for (const std::atomic<std::int64_t>& done : chain_batches_) text += fmt::format(" {}", done.load());
  return text + fmt::format(" of {}", job_.options.epochs * batches_per_epoch_);
}

std::string TrainProgress::acceptance(const BatchProgress& at) const {
  return job_.options.algorithm == "sgd" ? "-" : fmt::format("{:.2f} {:.2f}", at.accepted_body, at.accepted_head);
}

bool TrainProgress::is_cascade() const { return job_.swarm != nullptr || job_.options.mode == TrainMode::async; }

// Steps on the last batch, batches that wait before the module, the share of the time that it waited for one, and what
// was dropped.
std::string TrainProgress::queue_cells(const BatchProgress& at) const {
  const double waited = 100 * at.buffer.take_wait_s / std::max(1e-9, seconds_since(start_));
  const std::string dropped = at.buffer.dropped > 0 ? fmt::format("  {} dropped", at.buffer.dropped) : "";
  return fmt::format("{:>8}{:>7}{:>6.0f}%{}", at.steps, at.buffer.waiting, std::min(100.0, waited), dropped);
}

void TrainProgress::draw() {
  if (quiet_) return;
  std::vector<std::string> lines = {head_line(20), fmt::format("{:<10}{:>9}{:>9}{:>9}{:>14}{:>10}", "", "loss",
                                                               "train %", "test %", "accept b/h", "steps/s") +
                                                       fmt::format("{:>8}{:>7}", "R-hat", "ESS")};
  if (is_cascade()) lines.back() += fmt::format("{:>8}{:>7}{:>7}", "steps", "queue", "wait");
  for (std::size_t m = 0; m < modules_.size(); ++m) lines.push_back(module_line(m));
  if (!chain_batches_.empty()) lines.push_back(chains_line());
  std::string text = drawn_lines_ > 0 ? fmt::format("\x1b[{}A", drawn_lines_) : "";
  const std::size_t columns = terminal_columns() - 1;
  for (const std::string& line : lines) text += fmt::format("\r{}\x1b[K\n", line.substr(0, columns));
  drawn_lines_ = lines.size();
  std::fputs(text.c_str(), stderr);
}

void TrainProgress::print_plain(bool now) {
  if (!now && seconds_since(last_shown_) < kPlainEvery_s) return;
  last_shown_ = Clock::now();
  std::string text = head_line(0);
  for (std::size_t m = 0; m < modules_.size(); ++m) {
    if (!modules_[m]) continue;
    const BatchProgress& at = *modules_[m];
    text += fmt::format(" | {} loss {:.4f} accept {}", job_.graph().modules[m].name, at.mean_loss, acceptance(at));
    if (const LiveDiagnostics::Figures live = live_.of(m); std::isfinite(live.rhat))
      text += fmt::format(" R-hat {:.2f}", live.rhat);
    if (is_cascade() && at.buffer.waiting > 0) text += fmt::format(" queue {}", at.buffer.waiting);
    if (m < test_accuracy_.size()) text += fmt::format(" test {} %", percent(test_accuracy_[m]));
  }
  log_.info(text);
}

void TrainProgress::batch_done(const BatchProgress& progress) {
  const auto module = static_cast<std::int64_t>(index_of(progress.module));
  modules_[index_of(progress.module)] = progress;
  live_.add(0, index_of(progress.module), progress.mean_loss);
  ticks_ = std::max(ticks_, progress.epoch * batches_per_epoch_ + progress.batch + module + 1);
  if (fancy_) draw();
  else print_plain(false);
}

void TrainProgress::chain_heard(std::size_t chain, const BatchProgress& progress) {
  live_.add(chain, index_of(progress.module), progress.mean_loss);
  if (index_of(progress.module) == 0)
    chain_batches_[chain - 1] = progress.epoch * batches_per_epoch_ + progress.batch + 1;
}

void TrainProgress::scored(std::vector<double> train_accuracy, std::vector<double> test_accuracy) {
  train_accuracy_ = std::move(train_accuracy);
  test_accuracy_ = std::move(test_accuracy);
  if (fancy_) draw();
  else print_plain(true);
}

void TrainProgress::finish() { drawn_lines_ = 0; }

}  // namespace cleave
