#include "partitioner/presets.h"

#include <algorithm>
#include <array>
#include <thread>

#include <unistd.h>

namespace cleave {

namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;
constexpr std::int64_t kGiB = std::int64_t{1} << 30;

// Gacoin et al. 2019: ResNet20 (40.8 M multiply-adds, so 81.6 MFLOP) took a Pi 3B 0.097 s. The newer boards are scaled
// from it by the four-core CPU benchmark of leoncode.co.uk/articles/raspberry-pi-benchmarks (a 3B+ at 1.4 GHz 2 459,
// a Pi 4 5 901, a Pi 5 10 945 events a second), the 3B+ taken down to the 3B's 1.2 GHz.
constexpr double kPi3Flops = 2 * 40.8e6 / 0.097;
constexpr double kPi4Flops = kPi3Flops * 5901 / 2459 * 1.4 / 1.2;
constexpr double kPi5Flops = kPi3Flops * 10945 / 2459 * 1.4 / 1.2;
// graphs/models/swarm5.yaml states 8 GFLOP/s, 60 Gop/s, 1.5 W and 5 W for a Jetson Nano; nothing better is known of the
// others' binary products than the same proportion.
constexpr double kNanoFlops = 8e9;
constexpr double kBinaryPerFlop = 7.5;
// A third of the 35.6 TFLOP/s that NVIDIA states: what layers of middling size get.
constexpr double kRtxFlops = 35.6e12 / 3;
// One core of a server: `cleave run` of three convolutions (44.1 M multiply-adds) did 62 samples a second on one core
// of an EPYC.
constexpr double kCoreFlops = 2 * 44.1e6 * 62;

// Memory: half of what the makers state (LPDDR2-900 and LPDDR4-3200 and LPDDR4X-4267 on 32 bits, the Nano's 25.6 GB/s,
// the card's 936 GB/s). STREAM on a Pi 4 (sci-pi.org.uk/bench/stream.html) gives 4.8 to 5.6 of 12.8 GB/s.
constexpr double kPi3Memory = 3.6e9 / 2, kPi4Memory = 12.8e9 / 2, kPi5Memory = 17.1e9 / 2;
constexpr double kNanoMemory = 25.6e9 / 2, kRtxMemory = 936e9 / 2, kCoreMemory = 10e9;

// Power, idle and computing. Pi 3B: measured by Gacoin et al. 2019. Pi 4B: pidramble.com, 540 and 1 280 mA at 5 V, for
// all three memory sizes, which drew the same in hal-04270262, figure 5. Pi 5: u-labs.de, 3 W idle and 1.75 W halted
// (it can wake itself), 8 to 10 W under load in public tests. PC: hal-04270262, 141 073 J in ten minutes; 18 W for the
// idle card and 50 W for the rest; 3 W suspended. The other boards do not wake from halt by themselves: they stay idle.
constexpr double kRtxBusyWatts = 141073.0 / 600;

constexpr DevicePreset pi4(const char* name, const char* doc, std::int64_t memory) {
  return {name, doc, "arm64", 4, memory, 256 * kMiB, kPi4Flops, kBinaryPerFlop * kPi4Flops, kPi4Memory, 2.7, 6.4, 2.7};
}
constexpr DevicePreset nano(const char* name, const char* doc, std::int64_t memory) {
  return {name,        doc, "arm64", 4,  memory, 400 * kMiB, kNanoFlops, kBinaryPerFlop * kNanoFlops,
          kNanoMemory, 1.5, 5.0,     1.5};
}

constexpr std::array kPresets = {
    DevicePreset{"raspberry-pi-3b", "Raspberry Pi 3 Model B", "arm64", 4, kGiB, 200 * kMiB, kPi3Flops,
                 kBinaryPerFlop* kPi3Flops, kPi3Memory, 1.99, 3.03, 1.99},
    pi4("raspberry-pi-4b-2gb", "Raspberry Pi 4 Model B, 2 GB", 2 * kGiB),
    pi4("raspberry-pi-4b-4gb", "Raspberry Pi 4 Model B, 4 GB", 4 * kGiB),
    pi4("raspberry-pi-4b-8gb", "Raspberry Pi 4 Model B, 8 GB", 8 * kGiB),
    DevicePreset{"raspberry-pi-5-8gb", "Raspberry Pi 5, 8 GB", "arm64", 4, 8 * kGiB, 256 * kMiB, kPi5Flops,
                 kBinaryPerFlop* kPi5Flops, kPi5Memory, 3.0, 9.0, 1.75},
    nano("jetson-nano-2gb", "NVIDIA Jetson Nano, 2 GB", 2 * kGiB),
    nano("jetson-nano-4gb", "NVIDIA Jetson Nano, 4 GB", 4 * kGiB),
    DevicePreset{"rtx-3090", "a PC with an NVIDIA RTX 3090, 24 GB on the card", "x86_64", 0, 24 * kGiB, kGiB, kRtxFlops,
                 kBinaryPerFlop* kRtxFlops, kRtxMemory, 68, kRtxBusyWatts, 3},
    DevicePreset{"this-machine", "the machine cleave runs on", "", 0, 0, 0, kCoreFlops, kBinaryPerFlop* kCoreFlops,
                 kCoreMemory, 2, 8, 2},
};

std::int64_t memory_of_this_machine() {
  const std::int64_t pages = sysconf(_SC_PHYS_PAGES);
  const std::int64_t page_bytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && page_bytes > 0 ? pages * page_bytes : kGiB;
}

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

DevicePreset filled_in(DevicePreset preset) {
  if (preset.cores == 0) preset.cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  if (preset.memory_bytes > 0) return preset;
  preset.memory_bytes = memory_of_this_machine();
  preset.reserve_bytes = preset.memory_bytes / 8;
  preset.real_flops *= preset.cores;
  preset.binary_ops *= preset.cores;
  for (double* watts : {&preset.idle_w, &preset.compute_w, &preset.standby_w}) *watts *= preset.cores;
  return preset;
}

}  // namespace cleave
