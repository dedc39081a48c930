#include "engine/power/rapl.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

namespace cleave {
namespace {

namespace fs = std::filesystem;

// A folder as Linux shows it: a package, a part of it, and what is no package.
class Rapl : public testing::Test {
 protected:
  Rapl() : folder(fs::temp_directory_path() / ("cleave_rapl_" + std::to_string(getpid()))) {
    add_zone("intel-rapl:0", "package-0");
    add_zone("intel-rapl:0:0", "core");
    add_zone("intel-rapl:1", "psys");
  }
  ~Rapl() override { fs::remove_all(folder); }
  void add_zone(const std::string& zone, const std::string& name) {
    fs::create_directories(folder / zone);
    std::ofstream(folder / zone / "name") << name << "\n";
    std::ofstream(folder / zone / "max_energy_range_uj") << "10000000\n";
    set(zone, 0);
  }
  void set(const std::string& zone, std::int64_t uj) { std::ofstream(folder / zone / "energy_uj") << uj << "\n"; }

  fs::path folder;
};

TEST_F(Rapl, CountsPackagesOnly) {
  RaplMeter meter(folder.string());
  ASSERT_TRUE(meter.found());
  meter.start();
  set("intel-rapl:0", 2'500'000);
  set("intel-rapl:0:0", 1'000'000);
  set("intel-rapl:1", 9'000'000);
  EXPECT_DOUBLE_EQ(meter.joules(), 2.5);
}

TEST_F(Rapl, CountsOnWhenACounterWraps) {
  set("intel-rapl:0", 9'000'000);
  RaplMeter meter(folder.string());
  meter.start();
  set("intel-rapl:0", 500'000);
  EXPECT_DOUBLE_EQ(meter.joules(), 1.5);
}

TEST_F(Rapl, SaysWhyThereIsNone) {
  fs::remove_all(folder);
  const RaplMeter meter(folder.string());
  EXPECT_FALSE(meter.found());
  EXPECT_NE(meter.why_not().find(folder.string()), std::string::npos);
}

}  // namespace
}  // namespace cleave
