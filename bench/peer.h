// A peer in a process of its own that answers lines of text with numbers: so it can be measured in turns with ours.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cleave {

class Peer {
 public:
  Peer(std::FILE* to, std::FILE* from, pid_t pid) : to_(to), from_(from), pid_(pid) {}
  ~Peer() {
    if (to_ == nullptr) return;
    std::fclose(to_);
    std::fclose(from_);
    waitpid(pid_, nullptr, 0);
  }
  Peer(Peer&& other) noexcept : to_(other.to_), from_(other.from_), pid_(other.pid_) { other.to_ = nullptr; }
  Peer(const Peer&) = delete;

  // Returns the number it answers with. Throws when it has ended.
  double ask(const std::string& line) {
    fmt::print(to_, "{}\n", line);
    std::fflush(to_);
    return std::stod(read_line());
  }
  std::string read_line() {
    char text[256];
    if (std::fgets(text, sizeof text, from_) == nullptr) throw std::runtime_error("the peer has ended");
    return text;
  }

 private:
  std::FILE* to_;
  std::FILE* from_;
  pid_t pid_;
};

// Starts bench/SCRIPT with one thread; prints why and returns nothing where it does not say that it is ready.
inline std::optional<Peer> start_peer(const std::string& script) {
  const std::string path = std::string(CLEAVE_SOURCE_DIR) + "/bench/" + script;
  int to[2], from[2];
  if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(to[0], 0);
    dup2(from[1], 1);
    dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 2);
    for (const char* name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}) setenv(name, "1", 1);
    execl("/usr/bin/python3", "python3", path.c_str(), nullptr);
    _exit(127);
  }
  close(to[0]);
  close(from[1]);
  Peer peer(fdopen(to[1], "w"), fdopen(from[0], "r"), pid);
  try {
    fmt::print("peer: PyTorch {}", peer.read_line().substr(6));
    return peer;
  } catch (const std::exception&) {
    fmt::print("left out: {} could not be run (apt-get install python3-torch libopenblas0-pthread)\n", script);
    return std::nullopt;
  }
}

}  // namespace cleave
