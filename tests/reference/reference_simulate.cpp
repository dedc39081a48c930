#include "tests/reference/reference_simulate.h"

#include <algorithm>
#include <queue>
#include <set>
#include <vector>

namespace cleave {

namespace {

std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }

constexpr int kSource = -1;

enum class What { due, computed, led, transferred, fed, stop };

struct Event {
  double time_s = 0;
  What what = What::due;
  int stage = 0;  // that computed, or into which the transfer goes
  std::int64_t frame = 0;

  bool operator<(const Event& other) const { return time_s > other.time_s; }  // the earliest on top
};

struct Machine {
  std::vector<int> inputs;        // stages, or kSource
  int ahead = 0;                  // turns_ahead
  bool at_hand = false;           // reads the source without a transfer
  std::set<std::int64_t> inside;  // frames in it, or on their way to or from it
  std::int64_t receive_frame = 0;
  std::size_t receive_part = 0;         // what it takes next
  std::int64_t queued = 0;              // frames arrived or on their way, not started
  std::int64_t arrived = 0;             // frames that are all there
  std::int64_t started = 0;             // frames whose computing has begun
  std::int64_t sent = 0;                // frames that have gone
  std::int64_t in_hand = -1;            // frame being computed, or computed and not gone
  std::int64_t leading = -1, led = -1;  // frame of which the first of the transfer is under way, is over
  bool computing = false, receiving = false, sending = false, dead = false;
  double left_j = 0;
  std::vector<double> compute_s, lead_s, send_s, entry_s, feed_s;  // by frame
  SimDevice sums;
};

struct Twin {
  const SimPlan& plan;
  const SimOptions& options;
  std::vector<Machine> devices{};
  std::priority_queue<Event> events{};
  double now_s = 0;
  int stopped = -1;
  std::set<std::int64_t> entered{}, lost{};
  SimReport report{};

  const SimStage& stage(int i) const { return plan.stages[at(i)]; }
  Machine& device(int i) { return devices[at(i)]; }
  bool half_duplex(int i) const { return plan.model == SimModel::overlapped && stage(i).half_duplex; }
  bool exists(std::int64_t frame) const { return frame < options.frames; }
  bool is_due(std::int64_t frame) const {
    return exists(frame) && now_s >= static_cast<double>(frame) * options.interval_s;
  }
};

// True when the part of `frame` that stage `i` sends must still pass the device that stopped.
bool never_comes(Twin& twin, int i, std::int64_t frame) {
  if (twin.stopped < 0 || i == kSource) return false;
  if (i == twin.stopped) return twin.device(i).sent <= frame;
  const std::vector<int>& inputs = twin.device(i).inputs;
  return std::any_of(inputs.begin(), inputs.end(), [&](int from) { return never_comes(twin, from, frame); });
}

// A half-duplex device that is ahead lets the next frame in before it sends one.
bool has_turn_to_send(Twin& twin, int i) {
  Machine& device = twin.device(i);
  if (twin.half_duplex(i) && device.receiving) return false;
  if (device.ahead == 0) return true;
  const std::int64_t next = device.in_hand + 1;
  if (!twin.exists(next) || device.receive_frame > next) return true;
  return device.receive_frame == next && never_comes(twin, device.inputs[device.receive_part], next);
}

bool has_turn_to_receive(Twin& twin, int j) {
  Machine& device = twin.device(j);
  if (twin.plan.model == SimModel::summed) return device.sent >= device.receive_frame;
  if (twin.half_duplex(j) && twin.stage(j).to >= 0) return device.sent >= device.receive_frame - device.ahead;
  return true;
}

bool may_send(Twin& twin, int i) {
  const Machine& device = twin.device(i);
  return !device.dead && !device.sending && device.leading < 0 && device.led < 0 && !device.computing &&
         device.in_hand >= 0 && has_turn_to_send(twin, i);
}

void let_go(const Twin& twin, Machine& device) {
  if (twin.plan.model == SimModel::overlapped) device.in_hand = -1;
}

bool start_leading(Twin& twin, int i) {
  Machine& device = twin.device(i);
  if (twin.stage(i).lead_s <= 0 || !may_send(twin, i)) return false;
  device.leading = device.in_hand;
  let_go(twin, device);
  twin.events.push({twin.now_s + device.lead_s[at(device.leading)], What::led, i, device.leading});
  return true;
}

bool start_transfer(Twin& twin, int j) {
  Machine& into = twin.device(j);
  const std::int64_t frame = into.receive_frame;
  if (into.at_hand || into.dead || into.receiving || !twin.exists(frame) || !has_turn_to_receive(twin, j)) return false;
  if (into.receive_part == 0 && into.queued >= twin.stage(j).queue) return false;
  const int i = into.inputs[into.receive_part];
  double seconds = 0;
  if (i == kSource) {
    if (!twin.is_due(frame)) return false;
    seconds = into.entry_s[at(frame)];
    twin.entered.insert(frame);
  } else {
    Machine& from = twin.device(i);
    const bool leads = twin.stage(i).lead_s > 0;
    if (leads ? from.dead || from.led != frame : !may_send(twin, i) || from.in_hand != frame) return false;
    seconds = from.send_s[at(frame)];
    from.led = -1;
    from.sending = true;
    if (!leads) let_go(twin, from);
  }
  if (into.receive_part == 0) ++into.queued;
  into.receiving = true;
  into.inside.insert(frame);
  twin.events.push({twin.now_s + seconds, What::transferred, j, frame});
  return true;
}

bool start_computing(Twin& twin, int i) {
  Machine& device = twin.device(i);
  const std::int64_t frame = device.started;
  const bool there = device.at_hand ? twin.is_due(frame) : device.arrived > frame;
  if (device.dead || device.computing || device.in_hand >= 0 || !there) return false;
  if (device.at_hand) {
    twin.entered.insert(frame);
    device.inside.insert(frame);
  } else {
    --device.queued;
  }
  device.computing = true;
  device.in_hand = frame;
  ++device.started;
  twin.events.push({twin.now_s + device.compute_s[at(frame)], What::computed, i, frame});
  return true;
}

void start_all(Twin& twin) {
  for (bool again = true; again;) {
    again = false;
    for (int i = 0; i < static_cast<int>(twin.devices.size()); ++i) {
      again = start_leading(twin, i) || again;
      again = start_transfer(twin, i) || again;
      again = start_computing(twin, i) || again;
    }
  }
}

void end_sending(Twin& twin, int i) {
  Machine& from = twin.device(i);
  from.sending = false;
  if (twin.plan.model != SimModel::overlapped) from.in_hand = -1;
}

void transferred(Twin& twin, int j, std::int64_t frame) {
  Machine& into = twin.device(j);
  const int i = into.inputs[into.receive_part];
  if (into.dead || (i != kSource && twin.device(i).dead)) return;
  into.receiving = false;
  if (++into.receive_part == into.inputs.size()) {
    into.receive_part = 0;
    ++into.receive_frame;
    ++into.arrived;
  }
  if (i == kSource) return;
  Machine& from = twin.device(i);
  from.inside.erase(frame);
  ++from.sent;
  if (from.feed_s[at(frame)] > 0 && twin.exists(frame + 1))
    twin.events.push({twin.now_s + from.feed_s[at(frame)], What::fed, i, frame});
  else end_sending(twin, i);
}

void computed(Twin& twin, int i, std::int64_t frame) {
  Machine& device = twin.device(i);
  if (device.dead) return;
  device.computing = false;
  if (twin.stage(i).to >= 0) return;
  device.in_hand = -1;
  ++device.sent;
  device.inside.erase(frame);
  twin.report.finish_s.push_back(twin.now_s);
}

void stop(Twin& twin, int i) {
  if (twin.stopped >= 0) return;
  twin.stopped = i;
  twin.report.stopped_stage = i;
  twin.report.stopped_s = twin.now_s;
  twin.device(i).dead = true;
  twin.lost = twin.device(i).inside;
  const int to = twin.stage(i).to;  // it gets nothing any more
  if (to >= 0 && twin.device(to).receiving && twin.device(to).inputs[twin.device(to).receive_part] == i)
    twin.device(to).receiving = false;
}

double power_w(const Twin& twin, std::size_t i) {
  const SimStage& stage = twin.plan.stages[i];
  return twin.devices[i].computing ? stage.compute_w : stage.idle_w;
}

// Lets the time pass.
void advance(Twin& twin, double time_s) {
  for (std::size_t i = 0; i < twin.devices.size(); ++i) {
    Machine& device = twin.devices[i];
    if (device.dead) continue;
    device.left_j -= power_w(twin, i) * (time_s - twin.now_s);
    if (device.computing) device.sums.compute_s += time_s - twin.now_s;
  }
  twin.now_s = time_s;
}

// The first battery to be empty before `time_s` if nothing else happens: its device, else -1.
int first_empty(Twin& twin, double time_s, double& empty_s) {
  int first = -1;
  empty_s = time_s;
  if (!twin.options.batteries || twin.stopped >= 0) return first;
  for (std::size_t i = 0; i < twin.devices.size(); ++i) {
    if (power_w(twin, i) <= 0 || twin.now_s + twin.devices[i].left_j / power_w(twin, i) >= empty_s) continue;
    empty_s = twin.now_s + twin.devices[i].left_j / power_w(twin, i);
    first = static_cast<int>(i);
  }
  return first;
}

bool all_done(const Twin& twin) {
  return static_cast<std::int64_t>(twin.report.finish_s.size()) == twin.options.frames;
}

void prepare(Twin& twin) {
  for (int i = 0; i < static_cast<int>(twin.plan.stages.size()); ++i) {
    Machine device;
    for (int from = 0; from < i; ++from)
      if (twin.stage(from).to == i && twin.stage(from).lead_s <= 0) device.inputs.push_back(from);
    for (int from = 0; from < i; ++from)
      if (twin.stage(from).to == i && twin.stage(from).lead_s > 0) device.inputs.push_back(from);
    device.at_hand = device.inputs.empty() && twin.stage(i).entry_s == 0;
    if (device.inputs.empty()) device.inputs = {kSource};
    device.ahead = turns_ahead(twin.plan, i, twin.options.interval_s);
    device.left_j = twin.stage(i).battery_j;
    Jitter compute(twin.options.jitter, twin.options.seed, i, SimActivity::compute);
    Jitter send(twin.options.jitter, twin.options.seed, i, SimActivity::send);
    Jitter entry(twin.options.jitter, twin.options.seed, i, SimActivity::receive);
    for (std::int64_t frame = 0; frame < twin.options.frames; ++frame) {
      device.compute_s.push_back(twin.stage(i).compute_s * compute.next());
      const double factor = send.next();
      device.lead_s.push_back(twin.stage(i).lead_s * factor);
      device.send_s.push_back((twin.stage(i).send_s - twin.stage(i).lead_s) * factor);
      device.feed_s.push_back(twin.stage(i).feed_s * factor);
      device.entry_s.push_back(twin.stage(i).entry_s * entry.next());
    }
    twin.devices.push_back(device);
  }
  for (std::int64_t frame = 0; frame < twin.options.frames; ++frame)
    twin.events.push({static_cast<double>(frame) * twin.options.interval_s, What::due, 0, frame});
  if (twin.options.fail_stage >= 0) twin.events.push({twin.options.fail_s, What::stop, twin.options.fail_stage, 0});
}

// Everything that ends now, then what stops now, then what may begin.
void handle_all_now(Twin& twin) {
  std::vector<int> stops;
  while (!twin.events.empty() && twin.events.top().time_s == twin.now_s) {
    const Event event = twin.events.top();
    twin.events.pop();
    if (event.what == What::computed) computed(twin, event.stage, event.frame);
    if (event.what == What::led) {
      twin.device(event.stage).leading = -1;
      twin.device(event.stage).led = event.frame;
    }
    if (event.what == What::fed) end_sending(twin, event.stage);
    if (event.what == What::transferred) transferred(twin, event.stage, event.frame);
    if (event.what == What::stop) stops.push_back(event.stage);
  }
  for (const int stage : stops)
    if (!all_done(twin)) stop(twin, stage);
  start_all(twin);
  for (Machine& device : twin.devices)
    device.sums.queue_max = std::max(device.sums.queue_max, device.arrived - device.started);
}

}  // namespace

SimReport reference_simulate(const SimPlan& plan, const SimOptions& options) {
  Twin twin{.plan = plan, .options = options};
  prepare(twin);
  while (!twin.events.empty() && !all_done(twin)) {
    double empty_s = 0;
    const int empty = first_empty(twin, twin.events.top().time_s, empty_s);
    if (empty < 0) {
      advance(twin, twin.events.top().time_s);
      handle_all_now(twin);
    } else {
      advance(twin, empty_s);
      stop(twin, empty);
      start_all(twin);
    }
  }
  twin.report.done = static_cast<std::int64_t>(twin.report.finish_s.size());
  twin.report.lost = static_cast<std::int64_t>(twin.lost.size());
  twin.report.held = static_cast<std::int64_t>(twin.entered.size()) - twin.report.done - twin.report.lost;
  for (Machine& device : twin.devices) twin.report.devices.push_back(device.sums);
  return std::move(twin.report);
}

}  // namespace cleave
