// A relay follows one clock: after T seconds a waiting device has lost w · T, and what is left of its battery E runs it
// for (E − w · T) / p seconds. If all frames take equally long, the frames are as many as the last T holds, and the
// step T → T + (E − w · T) / p, taken by two devices in either order, shows that the one with the smaller E / w goes
// first (an exchange argument: sorting is optimal, O(n log n)). With devices of unlike speed a late frame may be worth
// more than an early one: then all orders of up to kMaxOrdered devices are tried, of more only swaps of neighbours.
#include "partitioner/relay.h"

#include <algorithm>

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// A device in a relay: how long it would run, what it loses waiting for a second, its frames in a second.
struct Runner {
  double run_s = 0, lost = 0, rate = 0;
};

std::vector<Runner> runners_of(std::span<const DeviceKind> kinds, std::span<const double> frame_s, double period_s) {
  std::vector<Runner> runners;
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    const double every_s = std::max(frame_s[k], period_s);
    const double power_w =
        kinds[k].idle_w + (kinds[k].compute_w - kinds[k].idle_w) * (every_s > 0 ? frame_s[k] / every_s : 1);
    runners.push_back({kinds[k].battery_j / power_w, kinds[k].standby_w / power_w, 1 / every_s});
  }
  return runners;
}

double frames_of(const std::vector<Runner>& runners, std::span<const int> turn_of) {
  double clock_s = 0, frames = 0;
  for (const int kind : turn_of) {
    const Runner& runner = runners[at(kind)];
    const double run_s = std::max(0.0, runner.run_s - runner.lost * clock_s);
    clock_s += run_s;
    frames += run_s * runner.rate;
  }
  return frames;
}

// Swaps neighbours while that helps.
double improve(const std::vector<Runner>& runners, std::vector<int>& turn_of) {
  double frames = frames_of(runners, turn_of);
  for (bool better = true; better;) {
    better = false;
    for (std::size_t i = 0; i + 1 < turn_of.size(); ++i) {
      std::swap(turn_of[i], turn_of[i + 1]);
      const double swapped = frames_of(runners, turn_of);
      if (swapped > frames * (1 + 1e-12)) {
        frames = swapped;
        better = true;
      } else {
        std::swap(turn_of[i], turn_of[i + 1]);
      }
    }
  }
  return frames;
}

}  // namespace

double frames_of_relay(std::span<const DeviceKind> kinds, std::span<const double> frame_s, std::span<const int> turn_of,
                       double period_s) {
  return frames_of(runners_of(kinds, frame_s, period_s), turn_of);
}

Relay best_relay(std::span<const DeviceKind> kinds, std::span<const double> frame_s, double period_s) {
  Relay relay;
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    if (frame_s[k] == kInfinity) continue;
    relay.turn_of.insert(relay.turn_of.end(), at(kinds[k].count()), static_cast<int>(k));
    const bool spends = kinds[k].compute_w > 0 && kinds[k].battery_j < kInfinity;
    if (kinds[k].count() > 0 && !spends) return {kInfinity, {static_cast<int>(k)}, true};
  }
  const std::vector<Runner> runners = runners_of(kinds, frame_s, period_s);
  const auto empty_s = [&](int k) {  // of a device that only waits
    return runners[at(k)].lost > 0 ? runners[at(k)].run_s / runners[at(k)].lost : kInfinity;
  };
  std::stable_sort(relay.turn_of.begin(), relay.turn_of.end(), [&](int a, int b) { return empty_s(a) < empty_s(b); });
  relay.frames = frames_of(runners, relay.turn_of);
  const bool alike = std::all_of(relay.turn_of.begin(), relay.turn_of.end(),
                                 [&](int k) { return runners[at(k)].rate == runners[at(relay.turn_of.front())].rate; });
  if (alike) return relay;
  if (relay.turn_of.size() > kMaxOrdered) {
    relay.frames = improve(runners, relay.turn_of);
    relay.optimal = false;
    return relay;
  }
  std::vector<int> order = relay.turn_of;
  std::sort(order.begin(), order.end());
  do {
    const double frames = frames_of(runners, order);
    if (frames > relay.frames * (1 + 1e-12)) relay = {frames, order, true};
  } while (std::next_permutation(order.begin(), order.end()));
  return relay;
}

}  // namespace cleave
