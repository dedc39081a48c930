// Simulator: a plan run event by event, with bounded queues, jitter, batteries and a device that fails.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ops/core/rng.h"
#include "partitioner/plan.h"

namespace cleave {

// How a device shares its time between a frame's computation and its transfers; a row of cost_model_catalog() each.
enum class SimModel : std::uint8_t {
  overlapped,  // computing, receiving and sending at once; a half-duplex one receives and sends in turns
  summed,      // receiving, computing, sending, one after the other
  gacoin,      // computing and sending, one after the other; receiving at any time
};

// One device of the pipeline. Stages nobody sends to read the source; all others wait for a part from each that sends,
// and take these one after the other: from those without `lead_s` first, then in the order of the stages.
struct SimStage {
  std::string device;
  double compute_s = 0;
  double entry_s = 0;        // of a frame's way from the source; 0 = the data are at hand
  int to = -1;               // the stage it sends to, a later one; -1 = the last stage
  double send_s = 0;         // of a frame's way there
  double lead_s = 0;         // of these, the first: do not need the receiver, who takes another's part meanwhile
  double feed_s = 0;         // of sending a frame's copies to all others that read the source; 0 = another does
  bool half_duplex = false;  // it cannot receive while it sends
  std::int64_t queue = 4;    // frames it holds at most before it computes them, those on their way included
  double idle_w = 0, compute_w = 0;
  double battery_j = kInfinity;
};

struct SimPlan {
  std::vector<SimStage> stages;
  SimModel model = SimModel::overlapped;
  bool transfer_costs = false;  // as CostModelDef
};

// What is recorded for a timeline: everything that goes on at some time within it.
struct SimWindow {
  std::string title;
  double start_s = 0, end_s = 0;
};

struct SimOptions {
  std::int64_t frames = 1000;        // 1 … kMaxSimFrames
  double interval_s = 0;             // between frames at the source; 0 = there is always one ready
  double jitter = 0;                 // coefficient of variation of compute and transfer times
  std::uint64_t seed = 1;            // of the jitter
  bool batteries = false;            // stop when the first one is empty
  int fail_stage = -1;               // this device stops …
  double fail_s = 0;                 // … at this time
  std::vector<SimWindow> windows{};  // none = no timeline
};

inline constexpr std::int64_t kMaxSimFrames = 10'000'000;

enum class SimActivity : std::uint8_t { compute, send, receive };

// One bar of the timeline.
struct SimSpan {
  int stage = 0;
  SimActivity activity = SimActivity::compute;
  std::int64_t frame = 0;
  double start_s = 0, end_s = 0;
  bool cut_off = false;  // by a device that stopped
};

// Seconds and joules of one device over the whole run.
struct SimDevice {
  double compute_s = 0, send_s = 0, receive_s = 0;
  double blocked_s = 0;        // a computed frame waits until it can be sent
  double starved_s = 0;        // all other waiting: for a frame
  double joules = 0;           // awake from start to end, or until it stopped
  std::int64_t queue_max = 0;  // most frames that had arrived and waited
};

enum class SimEnd : std::uint8_t { all_frames, device_failed, battery_empty };

struct SimReport {
  SimEnd end = SimEnd::all_frames;
  int stopped_stage = -1;  // the device that failed or ran empty …
  double stopped_s = 0;    // … and when
  double end_s = 0;        // nothing happens any more
  std::int64_t done = 0;
  std::int64_t done_after_stop = 0;  // of these: were past the device that stopped
  std::int64_t lost = 0;             // were in it, or on their way to or from it
  std::int64_t held = 0;             // wait before it for ever
  std::int64_t source_max = 0;       // most frames that were due and had not been let in; only with an interval
  double period_s = 0;               // mean of the second half, without the run's end; 0 = too few frames
  double latency_p50_s = 0, latency_p95_s = 0, latency_p99_s = 0;
  double joules_per_frame = 0;       // of all devices, waiting included
  double work_joules_per_frame = 0;  // as Score::joules
  std::vector<SimDevice> devices;    // by stage
  std::vector<double> finish_s;      // by frame done
  std::vector<SimSpan> spans;        // what the windows show
};

// Returns what the plan comes to for the simulator; every queue holds `queue` frames.
SimPlan sim_plan(const Plan& plan, const Swarm& swarm, const CostModelDef& model, std::int64_t queue);
// Throws UserError for a cost model that the simulator has no rules for.
SimModel sim_model(const CostModelDef& model);

// Says what is wrong, "" when nothing is. For tests and asserts.
const char* check_simulation(const SimPlan& plan, const SimOptions& options);

// Runs the frames; a function of its arguments alone. O(frames × stages) time, twice that with batteries, 16 bytes a
// frame. The latency of a frame counts from when it was due, or without an interval from when the first stage took it.
SimReport simulate(const SimPlan& plan, const SimOptions& options);

// The seconds a frame takes a stage at full load and without jitter, and the longest of these.
double busy_s(const SimPlan& plan, int stage);
double full_load_period_s(const SimPlan& plan);
// 1 for a half-duplex device that, in order to keep pace, receives the next frame before it sends one; else 0.
int turns_ahead(const SimPlan& plan, int stage, double interval_s);

// Factors with mean 1, lognormal: a sequence of its own for every (seed, stage, activity), one factor a frame.
class Jitter {
 public:
  Jitter(double variation, std::uint64_t seed, int stage, SimActivity activity);
  double next();

 private:
  double sigma_, mean_;  // of the logarithm
  Rng rng_;
  double spare_ = 0;  // the second factor of a pair
  bool has_spare_ = false;
};

}  // namespace cleave
