#include "engine/runtime/local_workers.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ops/core/error.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

// Starts `words`; stdin from /dev/null, stdout and, unless `verbose`, stderr to it as well.
pid_t spawn(const std::vector<std::string>& words, bool verbose) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  if (!verbose) posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  // A group of its own: Ctrl-C reaches the coordinator alone, which then ends the workers in good order.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, words.front().c_str(), &files, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) throw RunError(fmt::format("{}: cannot start a worker: {}", words.front(), std::strerror(error)));
  return pid;
}

}  // namespace

LocalWorkers::LocalWorkers(LocalWorkersOptions options) : options_(std::move(options)) {
  std::string pattern = (std::filesystem::temp_directory_path() / "cleave-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr)
    throw RunError(fmt::format("{}: cannot make a folder for the workers' sockets: {}", pattern, std::strerror(errno)));
  folder_ = pattern;
  for (std::size_t i = 0; i < options_.devices.size(); ++i)
    addresses_[options_.devices[i]] = parse_address(fmt::format("ipc://{}/{}", folder_, i));
  for (const std::string& device : options_.start_order.empty() ? options_.devices : options_.start_order)
    start(device);
}

LocalWorkers::~LocalWorkers() {
  constexpr std::chrono::milliseconds kPatience{2000};
  for (const auto& [device, process] : processes_)
    if (process.pid > 0) {
      kill(process.pid, SIGCONT);
      kill(process.pid, SIGTERM);
    }
  const Clock::time_point start = Clock::now();
  for (const auto& [device, process] : processes_) {
    while (process.pid > 0 && waitpid(process.pid, nullptr, WNOHANG) == 0) {
      if (Clock::now() - start > kPatience) kill(process.pid, SIGKILL);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void LocalWorkers::start(const std::string& device) {
  std::vector<std::string> words = {options_.program, "worker",       "--name",
                                    device,           "--listen",     addresses_.at(device).text(),
                                    "--child",        "--log-format", "text"};
  if (options_.verbose) words.emplace_back("-v");
  Process& process = processes_[device];
  process.pid = spawn(words, options_.verbose);
  process.started = Clock::now();
}

void LocalWorkers::look() {
  constexpr std::chrono::seconds kQuick{1};
  constexpr int kMostQuickDeaths = 20;
  for (auto& [device, process] : processes_) {
    int status = 0;
    if (process.pid <= 0 || waitpid(process.pid, &status, WNOHANG) != process.pid) continue;
    process.pid = -1;
    const std::string how = WIFSIGNALED(status) ? fmt::format("killed by signal {}", WTERMSIG(status))
                                                : fmt::format("ended with code {}", WEXITSTATUS(status));
    process.quick_deaths = Clock::now() - process.started < kQuick ? process.quick_deaths + 1 : 0;
    if (process.quick_deaths >= kMostQuickDeaths)
      throw RunError(fmt::format("worker {} dies as soon as it starts ({}); -v shows what it says", device, how));
    if (!options_.restart) continue;
    options_.log(fmt::format("{}: worker {}; started again", device, how));
    start(device);
  }
}

pid_t LocalWorkers::pid_of(const std::string& device) const {
  const auto found = processes_.find(device);
  return found == processes_.end() ? -1 : found->second.pid;
}

}  // namespace cleave
