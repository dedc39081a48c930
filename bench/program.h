// Runs the program as a user does, and says what it took.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cleave {

struct ProgramRun {
  double seconds = 0;           // from start to end
  std::int64_t peak_bytes = 0;  // largest resident set
};

// Runs `arguments` (the program's path first) with stdin from `input` and all output dropped. Throws when it cannot be
// started or does not end with 0. Linux counts what this process holds at the start as the child's: hold little.
inline ProgramRun run_quietly(std::vector<std::string> arguments, const std::string& input = "/dev/null") {
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, input.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  const std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  pid_t child = 0;
  const int failed = posix_spawn(&child, pointers[0], &files, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) throw std::runtime_error("cannot start " + arguments[0]);
  int status = 0;
  rusage usage{};
  while (wait4(child, &status, 0, &usage) < 0)
    if (errno != EINTR) throw std::runtime_error("cannot wait for " + arguments[0]);
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error(arguments[0] + " failed");
  return {spent.count(), std::int64_t{1024} * usage.ru_maxrss};
}

}  // namespace cleave
