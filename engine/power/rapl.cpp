#include "engine/power/rapl.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

namespace cleave {

namespace {

namespace fs = std::filesystem;

// -1 when it cannot be read.
std::int64_t number_in(const fs::path& path) {
  std::ifstream file(path);
  std::int64_t value = -1;
  file >> value;
  return file ? value : -1;
}

// "intel-rapl:0" is a package (AMD's, too), "intel-rapl:0:1" a part of it.
bool is_package(const fs::path& zone) {
  const std::string name = zone.filename().string();
  std::ifstream file(zone / "name");
  std::string kind;
  file >> kind;
  return name.starts_with("intel-rapl:") && std::count(name.begin(), name.end(), ':') == 1 &&
         kind.starts_with("package");
}

}  // namespace

RaplMeter::RaplMeter(const std::string& folder) {
  why_not_ = fmt::format("there is no energy counter in {}", folder);
  std::error_code unreadable;
  for (const fs::directory_entry& zone : fs::directory_iterator(folder, unreadable)) {
    if (!is_package(zone.path())) continue;
    const fs::path file = zone.path() / "energy_uj";
    if (number_in(file) >= 0) counters_.push_back({file.string(), number_in(zone.path() / "max_energy_range_uj"), 0});
    else why_not_ = fmt::format("{} cannot be read: it is root's; `chmod a+r` opens it", file.string());
  }
  if (found()) why_not_.clear();
}

void RaplMeter::start() {
  for (Counter& counter : counters_) counter.start_uj = number_in(counter.file);
}

double RaplMeter::joules() const {
  std::int64_t all_uj = 0;
  for (const Counter& counter : counters_) {
    const std::int64_t spent = number_in(counter.file) - counter.start_uj;
    all_uj += spent < 0 ? spent + counter.range_uj : spent;
  }
  return 1e-6 * static_cast<double>(all_uj);
}

}  // namespace cleave
