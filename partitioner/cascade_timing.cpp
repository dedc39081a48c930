// The cascade as a recurrence over batches, without a clock.
//
// Module m takes batch i when it has arrived and the batch before has left; it computes a full forward and then steps,
// at most max_steps, and stops after the step during which batch i+1 arrived (the first module has all its data and
// never stops early). A link carries one batch at a time. With a blocking buffer a batch leaves its module when the
// link is free, and the link when fewer than `capacity` batches wait; otherwise both leave at once. So
//
//   start(m, i)   = max(arrive(m, i), leave(m, i-1))
//   finish(m, i)  = start + forward + step · min(max_steps, max(1, ceil((arrive(m, i+1) - start - forward) / step)))
//   leave(m, i)   = max(finish(m, i), arrive(m+1, i-1))
//   arrive(m, i)  = max(leave(m-1, i) + receive, start(m, i-capacity))
//
// Steps are whole, so arrivals are uneven by up to a step of the module before: the mean of the steps is not simply
// (interval - forward) / step, and it is counted here over thousands of batches, the start left out. What is exact: a
// module that cannot do forward + 1 step before the next batch comes sets the pace of those behind it, and, once its
// buffer is full and blocks, of all; then everyone before it finds newer input waiting and stops after one step.
//
// Module m does batch i when module m-1 has done batch i+1, so the recurrence runs along diagonals. O(modules) a batch.
#include "partitioner/cascade_timing.h"

#include <algorithm>
#include <cmath>

namespace cleave {

namespace {

constexpr std::int64_t kWarmUp = 1024;                     // batches not counted: buffers fill up
constexpr std::int64_t kCounted = 4096;                    // batches averaged over
constexpr std::int64_t kBatches = kWarmUp + kCounted + 1;  // the last has none behind it
constexpr double kRounding = 1e-9;                         // of a step: what is that near has arrived

class Cascade {
 public:
  Cascade(std::span<const ModuleTimes> modules, const CascadeRule& rule) : modules_(modules), rule_(rule) {
    const std::vector<double> times(static_cast<std::size_t>(kBatches));
    tracks_.assign(modules.size(), {times, times, times, times, times});
  }

  std::vector<ModulePace> run() {
    const auto count = static_cast<std::int64_t>(modules_.size());
    for (std::int64_t t = -1; t < kBatches + count; ++t)
      for (std::int64_t m = 0; m < count; ++m) {
        const std::int64_t batch = t - m;
        if (batch < -1 || batch >= kBatches) continue;
        if (batch >= 0) take(m, batch);
        bring(m, batch + 1);
        if (batch >= 0) work(m, batch);
      }
    std::vector<ModulePace> paces;
    for (std::int64_t m = 0; m < count; ++m) paces.push_back(pace_of(m));
    return paces;
  }

 private:
  struct Track {  // [batch]
    std::vector<double> arrive, start, finish, leave, steps;
  };

  Track& track(std::int64_t m) { return tracks_[static_cast<std::size_t>(m)]; }
  const ModuleTimes& times(std::int64_t m) const { return modules_[static_cast<std::size_t>(m)]; }
  static double at(const std::vector<double>& row, std::int64_t batch) {
    return batch < 0 ? 0 : row[static_cast<std::size_t>(batch)];
  }
  static void set(std::vector<double>& row, std::int64_t batch, double value) {
    row[static_cast<std::size_t>(batch)] = value;
  }

  void take(std::int64_t m, std::int64_t batch) {
    Track& own = track(m);
    set(own.start, batch, std::max(at(own.arrive, batch), at(own.leave, batch - 1)));
  }

  // The batch leaves the module before and arrives.
  void bring(std::int64_t m, std::int64_t batch) {
    if (batch >= kBatches) return;
    Track& own = track(m);
    double left = at(own.arrive, batch - 1);  // the link is free
    if (m > 0) {
      Track& before = track(m - 1);
      left = std::max(left, at(before.finish, batch));
      set(before.leave, batch, rule_.blocks ? left : at(before.finish, batch));
    }
    const double arrived = left + times(m).receive_s;
    set(own.arrive, batch, rule_.blocks ? std::max(arrived, at(own.start, batch - rule_.capacity)) : arrived);
  }

  void work(std::int64_t m, std::int64_t batch) {
    Track& own = track(m);
    const ModuleTimes& module = times(m);
    const double ready = at(own.start, batch) + module.forward_s;
    double steps = static_cast<double>(module.max_steps);
    if (m > 0 && rule_.stop_early && module.step_s > 0 && batch + 1 < kBatches) {
      const double time_left = (at(own.arrive, batch + 1) - ready) / module.step_s;
      steps = std::clamp(std::ceil(time_left - kRounding), 1.0, steps);
    }
    set(own.steps, batch, steps);
    set(own.finish, batch, ready + steps * module.step_s);
    if (m + 1 == static_cast<std::int64_t>(modules_.size())) set(own.leave, batch, at(own.finish, batch));
  }

  ModulePace pace_of(std::int64_t m) {
    const Track& own = track(m);
    ModulePace pace;
    std::int64_t arrived = 0;
    for (std::int64_t batch = kWarmUp; batch < kWarmUp + kCounted; ++batch) {
      pace.steps += at(own.steps, batch) / kCounted;
      while (arrived + 1 < kBatches && at(own.arrive, arrived + 1) <= at(own.start, batch)) ++arrived;
      pace.queue += static_cast<double>(std::max<std::int64_t>(0, arrived - batch)) / kCounted;
    }
    pace.pace_s = (at(own.finish, kWarmUp + kCounted - 1) - at(own.finish, kWarmUp - 1)) / kCounted;
    pace.busy_s = times(m).forward_s + pace.steps * times(m).step_s;
    return pace;
  }

  std::span<const ModuleTimes> modules_;
  CascadeRule rule_;
  std::vector<Track> tracks_;
};

double least_s(const ModuleTimes& module, bool first, const CascadeRule& rule) {
  const auto steps = static_cast<double>(rule.stop_early && !first ? 1 : module.max_steps);
  return module.forward_s + steps * module.step_s;
}

}  // namespace

std::vector<std::int64_t> balanced_steps(std::span<const ModuleTimes> modules, const CascadeRule& rule,
                                         std::int64_t least_steps) {
  constexpr double kMost = 1e9;  // of training.iterations.max
  double pace = 0;
  for (const ModuleTimes& module : modules)
    pace = std::max({pace, module.receive_s, module.forward_s + static_cast<double>(least_steps) * module.step_s});
  std::vector<std::int64_t> steps;
  for (const ModuleTimes& module : modules) {
    const double fitting = module.step_s > 0 ? (pace - module.forward_s) / module.step_s : 0;
    // Where newer input stops the others, the first module must not be faster than they are.
    const bool up = rule.stop_early && steps.empty();
    const double whole = up ? std::ceil(fitting - kRounding) : std::floor(fitting + kRounding);
    steps.push_back(std::max(least_steps, static_cast<std::int64_t>(std::min(whole, kMost))));
  }
  return steps;
}

CascadePace cascade_pace(std::span<const ModuleTimes> modules, const CascadeRule& rule) {
  CascadePace cascade;
  cascade.modules = Cascade(modules, rule).run();
  double longest = -1;
  for (std::size_t m = 0; m < modules.size(); ++m)
    for (const bool link : {true, false}) {
      const double seconds = link ? modules[m].receive_s : least_s(modules[m], m == 0, rule);
      if (seconds <= longest) continue;
      longest = seconds;
      cascade.slowest = static_cast<int>(m);
      cascade.slowest_is_link = link;
    }
  return cascade;
}

}  // namespace cleave
