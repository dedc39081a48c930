// Device presets: the machines a swarm file may name, with what their makers state (cores, memory) and with estimates
// of their speed and power. Each estimate has its source in presets.cpp; measure (`cleave profile`) or give the figures
// in the swarm file where they matter.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/core/params.h"

namespace cleave {

struct DevicePreset {
  const char* name;
  const char* doc;
  const char* arch;           // "" = as this machine
  int cores;                  // 0 = as this machine
  std::int64_t memory_bytes;  // 0 = as this machine; then speeds and powers are those of one core
  std::int64_t reserve_bytes;
  double real_flops, binary_ops, bytes_per_s;  // sustained, a second (Device of partitioner/swarm.h)
  double idle_w, compute_w, standby_w;
};

std::span<const DevicePreset> device_presets();
// The same rows for the model language.
std::vector<LawDef> preset_laws();

// Returns the row with nothing left at 0: cores and memory read from this machine, its speeds and powers those of all
// cores together.
DevicePreset filled_in(DevicePreset preset);

}  // namespace cleave
