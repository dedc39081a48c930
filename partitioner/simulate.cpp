// The pipeline is a tree of stages that ends in one (a chain, or the shares of a split head in front of a chain), every
// device handles frames in their order, and who comes first at a port is fixed beforehand. Then each event waits for a
// set of earlier events known in advance, and happens at the maximum of their times; its end is that plus a duration.
// Such recurrences in (max, +) are the discrete-event simulation itself, event for event: a heap of pending events
// would only sort what the order of evaluation here already is (Baccelli et al. 1992, "Synchronization and Linearity",
// ch. 2; Krivulin 1995, "A max-algebra approach to modeling and simulation of tandem queueing systems"). So a frame
// costs a few maxima a stage and no heap. With receiving r, start of computing b, its end c, sending from s to t, and
// queue size Q, of frame k at stage i:
//
//   r_i(k) = t_{i-1}(k)      of the last part, if several stages send; the source sends from when the frame is due
//   b_i(k) = max(r_i(k), when the computing part is free)
//   s_i(k) = max(c_i(k), t_i(k-1), r_{i+1}(k-1), b_{i+1}(k-Q), turn)
//
// Where the first of a transfer does not need the receiver (`lead_s`), the receiver's terms hold for the rest of it.
// The computing part is free again at s_i(k-1) (blocking after service: a frame that cannot leave stays where it is),
// or at t_i(k-1) where computing and sending exclude each other. `turn` is for a device that cannot receive and send at
// once: it does so alternately. It sends frame k before it receives k+1 if that all fits into one period, else after it
// (`turns_ahead`), so that it computes meanwhile and no turn is lost: with offsets of r + c + s or r + c + T between
// neighbours a schedule of period T = max(c, r + s) exists, and the earliest schedule, which this is, is no slower. As
// s_i(k) then depends on r_i(k+1), such a stage is one frame ahead of those behind it (`skew`) in the order of
// evaluation. It does not wait for a frame that does not exist.
//
// A device that holds the data and feeds others (`feed_s`) sends their copies between its own transfers: t_i(k) is then
// the end of the copies that follow frame k's.
//
// A device that stops at time F ends what it does at infinity, and maxima carry this on: those behind it finish what
// they have, those before it fill their queues and wait. Which battery is empty first is found by a run of its own,
// up to that time; nothing before it depends on it. O(frames × stages).
#include "partitioner/simulate.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace cleave {

namespace {

std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }

// One stage on its way through the frames: times are those of the frame it handled last.
struct State {
  std::vector<int> inputs{};  // the stages that send to it, in the order in which it receives
  int ahead = 0;              // turns_ahead
  std::int64_t skew = 0;      // in step m it handles frame m - skew
  bool in_turns = false;      // it receives a frame only after one was sent
  bool holds = false;         // it computes a frame only after the one before was sent; else once its sending began
  double stop_s = kInfinity;

  double received_s = 0, computed_s = 0, sent_s = 0;
  double turn_s = 0;                // from when it may send, if it is ahead
  double free_s = 0;                // from when it may compute
  double waiting_s = kInfinity;     // since when a computed frame waits to be sent
  std::vector<double> started_s{};  // [frame mod queue]: of computing
  std::size_t slot = 0;             // of the frame in hand
  std::int64_t head = 0;            // the first frame not started when the last one arrived …
  std::size_t head_slot = 0;        // … and its slot
  Jitter compute_jitter, send_jitter, entry_jitter;
  SimDevice sums{};
  std::int64_t entered = 0;
  double latest_s = 0;
  double empty_s = kInfinity;  // when its battery is empty
};

struct Stop {
  int stage = -1;
  double time_s = kInfinity;
};

struct Run {
  const SimPlan& plan;
  const SimOptions& options;
  double stop_s = kInfinity;
  bool drains = false;  // looks for the first empty battery
  std::vector<State> states{};
  std::vector<double> born_s{};  // by frame; of a frame that is done: its latency
  SimReport report{};
  bool moved = true;
};

struct Interval {
  double start_s = 0, end_s = 0;
};

// What a stop forestalls starts at infinity, what it cuts off ends there.
Interval interval_of(double start_s, double seconds, double stop_s) {
  if (start_s >= stop_s) return {kInfinity, kInfinity};
  return {start_s, start_s + seconds <= stop_s ? start_s + seconds : kInfinity};
}

// Counts what went on; returns the seconds.
double note(Run& run, int stage, SimActivity activity, std::int64_t frame, const Interval& interval, double stop_s) {
  if (interval.start_s == kInfinity) return 0;
  const bool cut_off = interval.end_s == kInfinity;
  const double end_s = cut_off ? stop_s : interval.end_s;
  State& state = run.states[at(stage)];
  state.latest_s = std::max(state.latest_s, end_s);
  run.moved = true;
  for (const SimWindow& window : run.options.windows)
    if (end_s >= window.start_s && interval.start_s < window.end_s) {
      run.report.spans.push_back({stage, activity, frame, interval.start_s, end_s, cut_off});
      break;
    }
  return end_s - interval.start_s;
}

double due_s(const SimOptions& options, std::int64_t frame) { return static_cast<double>(frame) * options.interval_s; }

// A frame is let in at a stage that reads the source.
void let_in(Run& run, std::int64_t frame, double start_s) {
  if (start_s == kInfinity) return;
  double& born_s = run.born_s[at(frame)];
  if (run.options.interval_s <= 0) {
    born_s = std::min(born_s, start_s);
    return;
  }
  born_s = due_s(run.options, frame);
  const double due =
      std::min(std::floor(start_s / run.options.interval_s) + 1, static_cast<double>(run.options.frames));
  run.report.source_max = std::max(run.report.source_max, static_cast<std::int64_t>(due) - frame - 1);
}

// The frame that waited begins to go.
void leave(State& from, double start_s) {
  if (!from.holds) from.free_s = start_s;
  if (start_s == kInfinity) return;
  from.sums.blocked_s += start_s - from.waiting_s;
  from.waiting_s = kInfinity;
}

Interval send(Run& run, int stage, int to, std::int64_t frame, double free_s) {
  State& from = run.states[at(stage)];
  State& into = run.states[at(to)];
  const SimStage& data = run.plan.stages[at(stage)];
  const double factor = from.send_jitter.next();
  double ready_s = std::max(from.computed_s, from.sent_s);
  if (from.ahead > 0) ready_s = std::max(ready_s, from.turn_s);
  if (data.lead_s > 0) {
    const Interval lead = interval_of(ready_s, data.lead_s * factor, from.stop_s);
    from.sums.send_s += note(run, stage, SimActivity::send, frame, lead, from.stop_s);
    leave(from, lead.start_s);
    ready_s = lead.end_s;
    if (from.holds) from.waiting_s = ready_s;
  }
  const double stop_s = std::min(from.stop_s, into.stop_s);
  const Interval interval = interval_of(std::max(ready_s, free_s), (data.send_s - data.lead_s) * factor, stop_s);
  from.sums.send_s += note(run, stage, SimActivity::send, frame, interval, stop_s);
  into.sums.receive_s += note(run, to, SimActivity::receive, frame, interval, stop_s);
  if (data.lead_s <= 0 || from.holds) leave(from, interval.start_s);
  from.sent_s = interval.end_s;
  if (data.feed_s > 0 && frame + 1 < run.options.frames) {
    const Interval feeding = interval_of(interval.end_s, data.feed_s * factor, from.stop_s);
    from.sums.send_s += note(run, stage, SimActivity::send, frame + 1, feeding, from.stop_s);
    from.sent_s = feeding.end_s;
  }
  if (from.holds) from.free_s = from.sent_s;
  return interval;
}

Interval enter(Run& run, int stage, std::int64_t frame, double free_s) {
  State& state = run.states[at(stage)];
  const double seconds = run.plan.stages[at(stage)].entry_s * state.entry_jitter.next();
  const Interval interval = interval_of(std::max(free_s, due_s(run.options, frame)), seconds, state.stop_s);
  state.sums.receive_s += note(run, stage, SimActivity::receive, frame, interval, state.stop_s);
  let_in(run, frame, interval.start_s);
  return interval;
}

void receive(Run& run, int stage, std::int64_t frame) {
  State& state = run.states[at(stage)];
  state.turn_s = 0;
  if (frame >= run.options.frames) return;
  const bool reads_source = state.inputs.empty();
  if (reads_source && run.plan.stages[at(stage)].entry_s <= 0) return;
  double free_s = std::max(state.received_s, state.started_s[state.slot]);
  if (state.in_turns) free_s = std::max(free_s, state.sent_s);
  bool entered = false;
  for (std::size_t part = 0; part < std::max(state.inputs.size(), std::size_t{1}); ++part) {
    const Interval interval =
        reads_source ? enter(run, stage, frame, free_s) : send(run, state.inputs[part], stage, frame, free_s);
    entered = entered || interval.start_s < kInfinity;
    free_s = interval.end_s;
    state.turn_s = std::max(state.turn_s, free_s < kInfinity ? free_s : run.stop_s);
  }
  state.received_s = free_s;
  state.entered += entered ? 1 : 0;
}

// The most frames in the queue are there when one has just arrived.
void count_queue(State& state, std::int64_t frame) {
  if (state.received_s == kInfinity) return;
  const auto queue = static_cast<std::int64_t>(state.started_s.size());  // one more has started before this one came
  while (state.head <= frame - queue || (state.head <= frame && state.started_s[state.head_slot] <= state.received_s)) {
    ++state.head;
    if (++state.head_slot == state.started_s.size()) state.head_slot = 0;
  }
  state.sums.queue_max = std::max(state.sums.queue_max, frame - state.head + 1);
}

// The time at which the battery is empty, if that is before the end of this computation.
void drain(State& state, const SimStage& stage, const Interval& interval) {
  if (state.empty_s < kInfinity || interval.start_s == kInfinity) return;
  const double left_j = stage.battery_j - (stage.compute_w - stage.idle_w) * state.sums.compute_s;
  const double waiting_j = stage.idle_w * interval.start_s;
  if (stage.idle_w > 0 && waiting_j >= left_j) state.empty_s = left_j / stage.idle_w;
  else if (waiting_j + stage.compute_w * (interval.end_s - interval.start_s) >= left_j)
    state.empty_s = interval.start_s + (left_j - waiting_j) / stage.compute_w;
}

void finish(Run& run, std::int64_t frame, double end_s) {
  if (end_s == kInfinity) return;
  run.report.finish_s.push_back(end_s);
  run.born_s[at(frame)] = end_s - run.born_s[at(frame)];
}

void compute(Run& run, int stage, std::int64_t frame) {
  State& state = run.states[at(stage)];
  const SimStage& data = run.plan.stages[at(stage)];
  const bool at_hand = state.inputs.empty() && data.entry_s <= 0;
  const double start_s = std::max(at_hand ? due_s(run.options, frame) : state.received_s, state.free_s);
  const Interval interval = interval_of(start_s, data.compute_s * state.compute_jitter.next(), state.stop_s);
  if (run.drains) drain(state, data, interval);
  state.sums.compute_s += note(run, stage, SimActivity::compute, frame, interval, state.stop_s);
  state.started_s[state.slot] = interval.start_s;
  if (at_hand) {
    let_in(run, frame, interval.start_s);
    state.entered += interval.start_s < kInfinity ? 1 : 0;
  } else {
    count_queue(state, frame);
  }
  if (++state.slot == state.started_s.size()) state.slot = 0;
  state.computed_s = interval.end_s;
  if (data.to < 0) {
    state.free_s = interval.end_s;
    if (state.holds) state.sent_s = interval.end_s;
    finish(run, frame, interval.end_s);
  } else if (interval.end_s < kInfinity) {
    state.waiting_s = interval.end_s;
  }
}

State state_of(const SimPlan& plan, const SimOptions& options, int stage) {
  State state{.compute_jitter = Jitter(options.jitter, options.seed, stage, SimActivity::compute),
              .send_jitter = Jitter(options.jitter, options.seed, stage, SimActivity::send),
              .entry_jitter = Jitter(options.jitter, options.seed, stage, SimActivity::receive)};
  const SimStage& data = plan.stages[at(stage)];
  for (int from = 0; from < stage; ++from)
    if (plan.stages[at(from)].to == stage) state.inputs.push_back(from);
  std::stable_partition(state.inputs.begin(), state.inputs.end(),
                        [&](int from) { return plan.stages[at(from)].lead_s <= 0; });
  state.ahead = turns_ahead(plan, stage, options.interval_s);
  state.in_turns = plan.model == SimModel::summed || (plan.model == SimModel::overlapped && data.half_duplex);
  state.holds = plan.model != SimModel::overlapped;
  state.started_s.assign(at(std::min(data.queue, options.frames)), 0);
  return state;
}

Run start(const SimPlan& plan, const SimOptions& options, const Stop& stop) {
  Run run{.plan = plan, .options = options, .stop_s = stop.time_s};
  run.born_s.assign(at(options.frames), kInfinity);
  run.report.finish_s.reserve(at(options.frames));
  for (std::size_t i = 0; i < plan.stages.size(); ++i)
    run.states.push_back(state_of(plan, options, static_cast<int>(i)));
  for (std::size_t i = run.states.size(); i-- > 0;) {
    State& state = run.states[i];
    state.skew = plan.stages[i].to < 0 ? 0 : run.states[at(plan.stages[i].to)].skew - state.ahead;
  }
  std::int64_t least = 0;
  for (const State& state : run.states) least = std::min(least, state.skew);
  for (State& state : run.states) state.skew -= least;
  if (stop.stage >= 0) run.states[at(stop.stage)].stop_s = stop.time_s;
  return run;
}

// Handles, of each stage, the frame of this step.
void step(Run& run, std::int64_t number) {
  run.moved = false;
  for (std::size_t i = 0; i < run.states.size(); ++i) {
    const int stage = static_cast<int>(i);
    const int ahead = run.states[i].ahead;
    const std::int64_t frame = number - run.states[i].skew;
    const bool computes = frame >= ahead && frame - ahead < run.options.frames;
    run.moved = run.moved || frame < ahead;
    if (ahead > 0 && computes) compute(run, stage, frame - 1);
    if (frame >= 0) receive(run, stage, frame);
    if (ahead == 0 && computes) compute(run, stage, frame);
  }
}

double latest_s(const Run& run) {
  double latest = 0;
  for (const State& state : run.states) latest = std::max(latest, state.latest_s);
  return latest;
}

// The first battery to be empty while frames are under way.
Stop first_empty(const SimPlan& plan, SimOptions options) {
  options.windows.clear();
  Run run = start(plan, options, {});
  run.drains = true;
  Stop first;
  const auto look = [&](std::size_t stage, double empty_s) {
    if (empty_s < first.time_s) first = {static_cast<int>(stage), empty_s};
  };
  const std::int64_t steps = options.frames + run.states.back().skew;
  bool over = false;
  for (std::int64_t number = 0; number < steps && !over; ++number) {
    step(run, number);
    over = true;  // once every stage has computed beyond the time found: no earlier one can come
    for (std::size_t i = 0; i < run.states.size(); ++i) {
      look(i, run.states[i].empty_s);
      over = over && run.states[i].computed_s > first.time_s;
    }
  }
  const double end_s = latest_s(run);
  for (std::size_t i = 0; i < run.states.size() && !over; ++i) {
    const SimStage& stage = plan.stages[i];
    const double left_j = stage.battery_j - (stage.compute_w - stage.idle_w) * run.states[i].sums.compute_s;
    if (run.states[i].empty_s == kInfinity && left_j < stage.idle_w * end_s) look(i, left_j / stage.idle_w);
  }
  return first;
}

// The value that a share `rank` of all is not above (nearest rank). Reorders.
double percentile(std::vector<double>& values, double rank) {
  if (values.empty()) return 0;
  const auto place = static_cast<std::ptrdiff_t>(std::ceil(rank * static_cast<double>(values.size()))) - 1;
  std::nth_element(values.begin(), values.begin() + place, values.end());
  return values[at(place)];
}

double mean_period_s(const std::vector<double>& finish_s, std::int64_t steady) {
  const std::int64_t from = steady / 2, to = steady - 1 - steady / 8;
  return to > from ? (finish_s[at(to)] - finish_s[at(from)]) / static_cast<double>(to - from) : 0;
}

void sum_up_devices(Run& run) {
  SimReport& report = run.report;
  double joules = 0, work_joules = 0;
  for (std::size_t i = 0; i < run.states.size(); ++i) {
    const State& state = run.states[i];
    const SimStage& stage = run.plan.stages[i];
    SimDevice device = state.sums;
    const double life_s = std::min(state.stop_s, report.end_s);
    if (state.waiting_s < life_s) device.blocked_s += life_s - state.waiting_s;
    const bool sends = run.plan.model != SimModel::overlapped, receives = run.plan.model == SimModel::summed;
    const double busy_s =
        device.compute_s + device.blocked_s + (sends ? device.send_s : 0) + (receives ? device.receive_s : 0);
    device.starved_s = std::max(0.0, life_s - busy_s);
    device.joules = stage.idle_w * (life_s - device.compute_s) + stage.compute_w * device.compute_s;
    joules += device.joules;
    const double sent_s = device.send_s + stage.feed_s;  // the first frame's copies went before the run
    work_joules += stage.compute_w * device.compute_s + (run.plan.transfer_costs ? stage.idle_w * sent_s : 0);
    report.devices.push_back(device);
  }
  if (report.done == 0) return;
  report.joules_per_frame = joules / static_cast<double>(report.done);
  report.work_joules_per_frame = work_joules / static_cast<double>(report.done);
}

void sum_up(Run& run, const Stop& stop) {
  SimReport& report = run.report;
  report.done = static_cast<std::int64_t>(report.finish_s.size());
  report.end_s = latest_s(run);
  if (stop.stage >= 0) {
    report.stopped_stage = stop.stage;
    report.stopped_s = stop.time_s;
    report.end_s = std::max(report.end_s, stop.time_s);
    std::int64_t entered = 0;
    for (const State& state : run.states) entered = std::max(entered, state.entered);
    const auto after = std::upper_bound(report.finish_s.begin(), report.finish_s.end(), stop.time_s);
    report.done_after_stop = report.finish_s.end() - after;
    report.lost = run.states[at(stop.stage)].entered - report.done;
    report.held = entered - run.states[at(stop.stage)].entered;
  }
  report.period_s = mean_period_s(report.finish_s, report.done - report.done_after_stop);
  run.born_s.resize(at(report.done));  // now latencies, all of them
  report.latency_p50_s = percentile(run.born_s, 0.5);
  report.latency_p95_s = percentile(run.born_s, 0.95);
  report.latency_p99_s = percentile(run.born_s, 0.99);
  sum_up_devices(run);
}

}  // namespace

SimReport simulate(const SimPlan& plan, const SimOptions& options) {
  assert(*check_simulation(plan, options) == '\0');
  Stop stop;
  if (options.fail_stage >= 0) stop = {options.fail_stage, options.fail_s};
  SimEnd end = SimEnd::device_failed;
  if (options.batteries) {
    const Stop empty = first_empty(plan, options);
    if (empty.time_s < stop.time_s) {
      stop = empty;
      end = SimEnd::battery_empty;
    }
  }
  Run run = start(plan, options, stop);
  const std::int64_t steps = options.frames + run.states.back().skew;
  for (std::int64_t number = 0; number < steps && run.moved; ++number) step(run, number);
  if (stop.stage >= 0 && run.report.finish_s.size() == at(options.frames) && latest_s(run) <= stop.time_s) stop = {};
  if (stop.stage >= 0) run.report.end = end;
  sum_up(run, stop);
  return std::move(run.report);
}

}  // namespace cleave
