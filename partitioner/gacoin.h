// The closed formulas of Gacoin, Kolar, Ren and Guinvarc'h, "Distributing deep neural networks for maximising computing
// capabilities and power efficiency in swarm", ISCAS 2019, for devices that are all alike. Sections are the paper's.
// Powers, times and energies are positive (asserted); where devices differ, see partitioner/lifetime.h.
#pragma once

#include <span>

namespace cleave {

// Returns N_share: frames until a device's `battery_j` is spent, the work shared out with `period_s` (t_max, the
// longest stage or transfer) and each device taken to compute all the time, at `compute_w`: E / (P_c · t_max)
// (III.C, first scenario). The network on one device: its own time in place of t_max.
double frames_shared(double battery_j, double compute_w, double period_s);

// Returns N_relay: frames of `devices` devices that take turns, each the whole network in `frame_s`, while those that
// wait draw `waiting_w`: E · Σ_{i<n} (1 − r)^i / (P_c · t_base), r = waiting_w / compute_w (III.C, second scenario,
// there for n = 2). With r > 1 nothing is left of those that wait when the first is empty.
double frames_relayed(int devices, double battery_j, double compute_w, double waiting_w, double frame_s);

// Returns P: accuracy per joule of a frame, acc / (P_c · Σ t + transfer) in 1/J (II.C). `compute_s` is summed over all
// devices: with branches each branch counts. The paper drops the transfer in III.B.
double performance(double accuracy, double compute_w, double compute_s, double transfer_j = 0);

// Returns the shortest over the longest of the stages' times, 0 … 1 (the paper's "balanced" as a number); 1 if there is
// one stage. A split is balanced if this is at least 1 − tolerance.
double balance_of(std::span<const double> stage_s);
bool is_balanced(std::span<const double> stage_s, double tolerance);

// Returns the t_max in seconds below which sharing gives more frames than the relay: t_base / Σ_{i<n} (1 − r)^i (III.C,
// the criterion, there for n = 2).
double break_even_period_s(int devices, double compute_w, double waiting_w, double frame_s);

// Returns the power in watts a waiting device must draw for sharing with `period_s` to give more frames than the relay:
// the root of the same criterion in waiting_w. 0 when sharing always does, infinity when it never does.
double break_even_standby_w(int devices, double compute_w, double frame_s, double period_s);

// Returns the frames of one battery at a fixed rate: E / (P_c · t + P_wait · (τ − t)), a frame of `compute_s` every
// `period_s` (IV, the future work). Where τ < t the rate cannot be kept and τ = t. The life is that many τ.
double frames_at_rate(double battery_j, double compute_w, double waiting_w, double compute_s, double period_s);

// Returns the frames for each joule of all the batteries together. Splitting costs energy: this falls while the frames
// for each joule of one battery rise.
double frames_per_swarm_joule(double frames, double battery_j, int devices);

}  // namespace cleave
