// Device presets: the machines a swarm file may name, with what their makers state. Speeds and powers are not facts of
// this kind; they are measured (`cleave profile`) or given in the swarm file.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/core/params.h"

namespace cleave {

struct DevicePreset {
  const char* name;
  const char* doc;
  const char* arch;  // "" = as this machine
  int cores;         // 0 = as this machine
  std::int64_t memory_bytes;
};

std::span<const DevicePreset> device_presets();
// The same rows for the model language.
std::vector<LawDef> preset_laws();

}  // namespace cleave
