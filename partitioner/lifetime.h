// Lifetime: the frames a swarm's batteries give: by one plan, by plans that rotate, by devices that take turns.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "partitioner/problem.h"
#include "partitioner/relay.h"
#include "partitioner/roles.h"

namespace cleave {

// How often each plan is to run so that the batteries give the most frames together.
struct RotationPlan {
  double frames = 0;                   // all plans together, with every battery alive; infinity = a plan needs none
  std::vector<double> frames_of_plan;  // [plan]; 0 where `frames` is infinite
  std::vector<double> share_of_plan;   // [plan], of all frames; they sum to 1 unless there is no frame at all
  std::vector<double> frames_per_j;    // [battery]: what one more joule in it would add; 0 = it does not bind
  double bound = 0;                    // no rotation gives more frames: follows from frames_per_j alone
};

// Returns x ≥ 0 that maximises Σ_p x_p subject to Σ_p x_p · joules[p][b] ≤ battery_j[b] (gacoin.md, point 6). `joules`
// of a frame and batteries are ≥ 0; an infinite battery is mains, a plan with infinite joules is never run. Thousands
// of plans × 64 batteries take well under a second. Throws RunError when the solver gives up.
RotationPlan best_rotation(const std::vector<std::vector<double>>& joules, const std::vector<double>& battery_j);
RotationPlan best_rotation(const RolePlans& plans, std::span<const DeviceKind> kinds);

enum class Regime : std::uint8_t { alone, sharing, relay, rotation };

struct Lifetime {
  RolePlans plans;
  int alone = -1, shared = -1;  // the best plan of one device, and of several; −1 = there is none
  double alone_frames = 0, shared_frames = 0;
  RotationPlan rotation;
  Relay relay;
  Regime regime = Regime::alone;  // what gives the most frames; ties go to the simpler
  double frames = 0;
  // What a waiting device must draw for the best plan of several to give more frames than the relay, in watts: 0 = it
  // always does, infinity = it never does. Nothing without a plan of several.
  std::optional<double> break_even_standby_w;
  bool rate_kept = true;  // false: no plan reaches the fixed rate
};

// Returns how long the swarm lasts: every regime, and the best. `whole_s`: [kind] seconds of the whole network.
// `period_s` > 0 is a fixed rate: devices of the plan wait at idle power between frames, the others at standby power.
Lifetime lifetime_of(std::span<const DeviceKind> kinds, std::span<const double> whole_s, std::span<const RoleCut> cuts,
                     double period_s = 0);

// Returns two or three lines: the frames of each regime, which one wins, and the break-even standby power.
std::string to_text(const Lifetime& lifetime);

}  // namespace cleave
