// What a worker says of itself, and where the figures come from.
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include "engine/runtime/probe.h"

namespace cleave {

namespace {

double utc_s() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

// The first number in a file of the system; nothing where there is none ("max").
std::optional<std::int64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  std::int64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

// What could be had without swapping, of the machine.
std::int64_t free_memory() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("MemAvailable:")) return std::stoll(line.substr(line.find(':') + 1)) * 1024;
  return 0;
}

// A unit's MemoryMax or a container's limit counts, not what the machine has: both appear to the process as the group
// it is in (cgroups(7), version 2; elsewhere the machine's own figures stand).
void apply_limit(ProbeAnswer& answer) {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("0::")) continue;
    const std::string group = "/sys/fs/cgroup" + line.substr(3);
    const std::optional<std::int64_t> most = number_in(group + "/memory.max");
    const std::optional<std::int64_t> used = number_in(group + "/memory.current");
    if (!most || !used || *most >= answer.memory_bytes) continue;
    answer.memory_bytes = *most;
    answer.memory_free_bytes = std::clamp(*most - *used, std::int64_t{0}, answer.memory_free_bytes);
  }
}

}  // namespace

ProbeAnswer own_probe_answer(const std::string& name, std::uint64_t boot_id, const std::string& state,
                             const std::string& plan) {
  ProbeAnswer answer;
  answer.version = CLEAVE_VERSION;
  answer.boot_id = boot_id;
  answer.name = name;
  answer.now_utc_s = utc_s();
  struct sysinfo info {};
  if (::sysinfo(&info) == 0)
    answer.memory_bytes = static_cast<std::int64_t>(info.totalram) * static_cast<std::int64_t>(info.mem_unit);
  answer.memory_free_bytes = free_memory();
  apply_limit(answer);
  answer.cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  utsname machine{};
  if (::uname(&machine) == 0) answer.arch = machine.machine;
  answer.state = state;
  answer.plan = plan;
  return answer;
}

}  // namespace cleave
