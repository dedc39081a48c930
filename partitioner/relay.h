// Relay: devices that take turns with the whole network. Gacoin et al. 2019, III.C, second scenario, for any devices.
#pragma once

#include <span>
#include <vector>

#include "partitioner/problem.h"

namespace cleave {

// Devices that take turns with the whole network: one works until it is empty while the others wait at standby power.
struct Relay {
  double frames = 0;         // infinity = one is on mains
  std::vector<int> turn_of;  // kinds, one entry a device, in the order of their turns; who cannot work has none
  bool optimal = true;       // false: the order is a guess (more than kMaxOrdered devices, of unlike speed)
};
inline constexpr std::size_t kMaxOrdered = 8;

// `frame_s`: [kind] seconds of the whole network, infinity = it cannot; a frame comes every `period_s` at best.
Relay best_relay(std::span<const DeviceKind> kinds, std::span<const double> frame_s, double period_s = 0);
// Returns the frames of devices of these kinds, one after the other.
double frames_of_relay(std::span<const DeviceKind> kinds, std::span<const double> frame_s, std::span<const int> turn_of,
                       double period_s = 0);

}  // namespace cleave
