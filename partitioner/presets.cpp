#include "partitioner/presets.h"

#include <array>

namespace cleave {

namespace {

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

constexpr std::array kPresets = {
    DevicePreset{"raspberry-pi-3b", "Raspberry Pi 3 Model B", "arm64", 4, kGiB},
    DevicePreset{"raspberry-pi-4b-2gb", "Raspberry Pi 4 Model B, 2 GB", "arm64", 4, 2 * kGiB},
    DevicePreset{"raspberry-pi-4b-4gb", "Raspberry Pi 4 Model B, 4 GB", "arm64", 4, 4 * kGiB},
    DevicePreset{"raspberry-pi-4b-8gb", "Raspberry Pi 4 Model B, 8 GB", "arm64", 4, 8 * kGiB},
    DevicePreset{"raspberry-pi-5-8gb", "Raspberry Pi 5, 8 GB", "arm64", 4, 8 * kGiB},
    DevicePreset{"jetson-nano-2gb", "NVIDIA Jetson Nano, 2 GB", "arm64", 4, 2 * kGiB},
    DevicePreset{"jetson-nano-4gb", "NVIDIA Jetson Nano, 4 GB", "arm64", 4, 4 * kGiB},
    DevicePreset{"rtx-3090", "a PC with an NVIDIA RTX 3090, 24 GB on the card", "x86_64", 0, 24 * kGiB},
    DevicePreset{"this-machine", "the machine cleave runs on", "", 0, 0},
};

}  // namespace

std::span<const DevicePreset> device_presets() { return kPresets; }

std::vector<LawDef> preset_laws() {
  std::vector<LawDef> laws;
  for (const DevicePreset& preset : kPresets) {
    LawDef law{};
    law.name = preset.name;
    law.doc = preset.doc;
    laws.push_back(law);
  }
  return laws;
}

}  // namespace cleave
