#include "tests/reference/simulated_cascade.h"

#include <algorithm>
#include <limits>

namespace cleave {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

struct Worker {
  ModuleTimes times;
  bool first = false, last = false;
  int queue = 0;   // batches waiting
  int outbox = 0;  // done, and still to be sent
  bool working = false;
  double until = kNever;    // the end of the forward or step under way
  std::int64_t steps = -1;  // done on this batch; -1 = the forward is under way
  int done = 0;             // batches
  double steps_counted = 0, from = 0, to = 0;
};

// A link with the batch on it, or the one it cannot put down.
struct Wire {
  bool carries = false, arrived = false;
  double until = kNever;
};

class Simulation {
 public:
  Simulation(std::span<const ModuleTimes> modules, const CascadeRule& rule, int warm_up, int counted)
      : rule_(rule), warm_up_(warm_up), counted_(counted), wires_(modules.size()) {
    for (const ModuleTimes& times : modules) workers_.push_back({times});
    workers_.front().first = true;
    workers_.back().last = true;
  }

  std::vector<ModulePace> run() {
    while (workers_.back().done < warm_up_ + counted_) {
      while (settle()) {}
      double next = kNever;
      for (const Worker& worker : workers_) next = std::min(next, worker.until);
      for (const Wire& wire : wires_) next = std::min(next, wire.until);
      now_ = next;
      for (Wire& wire : wires_)
        if (wire.until <= now_) wire = {true, true, kNever};
      while (settle()) {}
      for (Worker& worker : workers_)
        if (worker.until <= now_) end_of_work(worker);
    }
    std::vector<ModulePace> paces;
    for (const Worker& worker : workers_)
      paces.push_back({worker.steps_counted / counted_, (worker.to - worker.from) / counted_, 0, 0});
    return paces;
  }

 private:
  // Moves whatever can move now.
  bool settle() {
    bool moved = false;
    for (std::size_t m = 0; m < workers_.size(); ++m) {
      Worker& worker = workers_[m];
      Wire& wire = wires_[m];
      if (wire.arrived && (!rule_.blocks || worker.queue < rule_.capacity)) {
        ++worker.queue;
        wire = {};
        moved = true;
      }
      const bool offered = m == 0 ? worker.queue < rule_.capacity : workers_[m - 1].outbox > 0;
      if (!wire.carries && offered) {
        if (m > 0) --workers_[m - 1].outbox;
        wire = {true, false, now_ + worker.times.receive_s};
        moved = true;
      }
      if (!worker.working && worker.queue > 0 && !(rule_.blocks && worker.outbox > 0)) {
        --worker.queue;
        worker.working = true;
        worker.until = now_ + worker.times.forward_s;
        worker.steps = -1;
        moved = true;
      }
    }
    return moved;
  }

  void end_of_work(Worker& worker) {
    ++worker.steps;
    const bool newer = rule_.stop_early && !worker.first && worker.queue > 0;
    if (worker.steps < worker.times.max_steps && !(worker.steps > 0 && newer)) {
      worker.until = now_ + worker.times.step_s;
      return;
    }
    worker.working = false;
    worker.until = kNever;
    ++worker.done;
    if (!worker.last) ++worker.outbox;
    if (worker.done == warm_up_) worker.from = now_;
    if (worker.done > warm_up_ && worker.done <= warm_up_ + counted_)
      worker.steps_counted += static_cast<double>(worker.steps);
    if (worker.done == warm_up_ + counted_) worker.to = now_;
  }

  CascadeRule rule_;
  int warm_up_, counted_;
  double now_ = 0;
  std::vector<Worker> workers_;
  std::vector<Wire> wires_;
};

}  // namespace

std::vector<ModulePace> simulated_cascade(std::span<const ModuleTimes> modules, const CascadeRule& rule, int warm_up,
                                          int counted) {
  return Simulation(modules, rule, warm_up, counted).run();
}

}  // namespace cleave
