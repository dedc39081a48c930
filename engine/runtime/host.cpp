#include "engine/runtime/host.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ops/kernels/isa.h"

namespace cleave {

namespace {

constexpr std::size_t kMostLetters = 200;

// ASCII on one line: what a file on some odd machine holds ends up in ours.
std::string tidy(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F) c = ' ';
  const std::size_t start = std::min(text.find_first_not_of(' '), text.size());
  text = text.substr(start, kMostLetters);
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return tidy(line);
}

// On x86 the processor, on small ARM boards the board.
std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name") && line.find(':') != std::string::npos)
      return tidy(line.substr(line.find(':') + 1));
  return first_line("/proc/device-tree/model");
}

}  // namespace

std::vector<std::pair<std::string, std::string>> host_facts() {
  struct utsname system {};
  uname(&system);
  const auto pages = static_cast<double>(sysconf(_SC_PHYS_PAGES));
  const double memory_bytes = pages * static_cast<double>(sysconf(_SC_PAGESIZE));
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const std::vector<std::pair<std::string, std::string>> facts = {
      {"cpu", processor()},
      {"cores", fmt::format("{}", std::thread::hardware_concurrency())},
      {"memory", fmt::format("{:.1f}GiB", memory_bytes / 1073741824.0)},
      {"machine", tidy(system.machine)},
      {"kernel", tidy(fmt::format("{} {}", system.sysname, system.release))},
      {"governor", first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")},
      {"instructions", to_text(chosen_isa())},
      {"cleave", CLEAVE_VERSION},
      {"date", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(now)))},
  };
  std::vector<std::pair<std::string, std::string>> known;
  for (const auto& fact : facts)
    if (!fact.second.empty()) known.push_back(fact);
  return known;
}

}  // namespace cleave
