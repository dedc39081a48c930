#include "partitioner/gacoin.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace cleave {

namespace {

// Σ_{i<n} left^i: the device that computes has spent its battery; of each of the others `left` is still there.
double turns(int devices, double left) {
  double sum = 0;
  for (int i = 0; i < devices; ++i) sum = 1 + left * sum;
  return sum;
}

double left_of(double waiting_w, double compute_w) { return std::max(0.0, 1 - waiting_w / compute_w); }

}  // namespace

double frames_shared(double battery_j, double compute_w, double period_s) {
  assert(battery_j > 0 && compute_w > 0 && period_s > 0);
  return battery_j / (compute_w * period_s);
}

double frames_relayed(int devices, double battery_j, double compute_w, double waiting_w, double frame_s) {
  assert(devices > 0 && waiting_w >= 0);
  return frames_shared(battery_j, compute_w, frame_s) * turns(devices, left_of(waiting_w, compute_w));
}

double performance(double accuracy, double compute_w, double compute_s, double transfer_j) {
  assert(compute_w > 0 && compute_s > 0 && transfer_j >= 0);
  return accuracy / (compute_w * compute_s + transfer_j);
}

double balance_of(std::span<const double> stage_s) {
  if (stage_s.empty()) return 1;
  const auto [shortest, longest] = std::minmax_element(stage_s.begin(), stage_s.end());
  return *longest > 0 ? *shortest / *longest : 1;
}

bool is_balanced(std::span<const double> stage_s, double tolerance) { return balance_of(stage_s) >= 1 - tolerance; }

double break_even_period_s(int devices, double compute_w, double waiting_w, double frame_s) {
  assert(devices > 0 && compute_w > 0 && frame_s > 0);
  return frame_s / turns(devices, left_of(waiting_w, compute_w));
}

double break_even_standby_w(int devices, double compute_w, double frame_s, double period_s) {
  assert(devices > 0 && compute_w > 0 && frame_s > 0 && period_s > 0);
  const double wanted = frame_s / period_s;
  if (wanted >= devices) return 0;
  if (wanted <= 1) return std::numeric_limits<double>::infinity();
  double low = 0, high = 1;  // turns() rises from 1 to `devices` between them
  for (double middle = 0.5; low < middle && middle < high; middle = low + (high - low) / 2)
    (turns(devices, middle) < wanted ? low : high) = middle;
  return compute_w * (1 - high);
}

double frames_at_rate(double battery_j, double compute_w, double waiting_w, double compute_s, double period_s) {
  assert(battery_j > 0 && compute_w > 0 && compute_s > 0 && waiting_w >= 0);
  return battery_j / (compute_w * compute_s + waiting_w * std::max(0.0, period_s - compute_s));
}

double frames_per_swarm_joule(double frames, double battery_j, int devices) {
  assert(battery_j > 0 && devices > 0);
  return frames / (battery_j * devices);
}

}  // namespace cleave
