#include "partitioner/presets.h"

#include <gtest/gtest.h>

#include "ops/core/catalog.h"

namespace cleave {

namespace {

DevicePreset preset(const char* name) { return filled_in(*find(device_presets(), name)); }

}  // namespace

TEST(DevicePresets, HaveOnlyPositiveFigures) {
  for (const DevicePreset& row : device_presets()) {
    const DevicePreset filled = filled_in(row);
    for (const double figure : {filled.real_flops, filled.binary_ops, filled.bytes_per_s, filled.idle_w,
                                filled.compute_w, filled.standby_w, static_cast<double>(filled.memory_bytes),
                                static_cast<double>(filled.reserve_bytes), static_cast<double>(filled.cores)})
      EXPECT_GT(figure, 0) << row.name;
  }
}

TEST(DevicePresets, ReserveLessThanTheyHave) {
  for (const DevicePreset& row : device_presets())
    EXPECT_LT(filled_in(row).reserve_bytes, filled_in(row).memory_bytes / 2) << row.name;
}

// The relay formulas need P_idle <= P_c, and a device out of the plan draws no more than one that waits.
TEST(DevicePresets, DrawMoreTheMoreTheyDo) {
  for (const DevicePreset& row : device_presets()) {
    EXPECT_LE(row.standby_w, row.idle_w) << row.name;
    EXPECT_LT(row.idle_w, row.compute_w) << row.name;
  }
}

TEST(DevicePresets, TakeGacoinsFiguresForThePi3) {
  const DevicePreset pi = preset("raspberry-pi-3b");
  EXPECT_NEAR(2 * 40.8e6 / pi.real_flops, 0.097, 1e-9);  // ResNet20 on the whole, Gacoin et al. 2019
  EXPECT_EQ(pi.idle_w, 1.99);
  EXPECT_EQ(pi.compute_w, 3.03);
}

TEST(DevicePresets, TakeTheShippedSwarmsFiguresForTheNano) {
  const DevicePreset nano = preset("jetson-nano-2gb");
  EXPECT_EQ(nano.real_flops, 8e9);
  EXPECT_DOUBLE_EQ(nano.binary_ops, 60e9);
  EXPECT_EQ(nano.idle_w, 1.5);
  EXPECT_EQ(nano.compute_w, 5);
}

TEST(DevicePresets, GrowFasterFromBoardToBoard) {
  EXPECT_LT(preset("raspberry-pi-3b").real_flops, preset("raspberry-pi-4b-2gb").real_flops);
  EXPECT_LT(preset("raspberry-pi-4b-2gb").real_flops, preset("raspberry-pi-5-8gb").real_flops);
  EXPECT_LT(preset("jetson-nano-4gb").real_flops, preset("rtx-3090").real_flops);
}

TEST(DevicePresets, CountThisMachinesCores) {
  const DevicePreset core = *find(device_presets(), "this-machine");
  const DevicePreset machine = preset("this-machine");
  EXPECT_GE(machine.cores, 1);
  EXPECT_DOUBLE_EQ(machine.real_flops, machine.cores * core.real_flops);
  EXPECT_DOUBLE_EQ(machine.compute_w, machine.cores * core.compute_w);
}

}  // namespace cleave
