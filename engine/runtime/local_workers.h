// Workers of a swarm as processes on this machine: started, restarted when they die, ended with us.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

#include "engine/net/channel.h"

namespace cleave {

struct LocalWorkersOptions {
  std::string program;                   // cleave itself
  std::vector<std::string> devices;      // one process each
  std::vector<std::string> start_order;  // devices; empty = as listed
  bool verbose = false;                  // the workers' log goes to stderr
  bool restart = true;
  std::function<void(const std::string&)> log;
};

// Not thread safe. The processes end when this does, and when the process that made it dies in any way.
class LocalWorkers {
 public:
  // Makes a private folder for their sockets and starts them. Throws RunError when the program cannot be started.
  explicit LocalWorkers(LocalWorkersOptions options);
  ~LocalWorkers();
  LocalWorkers(const LocalWorkers&) = delete;
  LocalWorkers& operator=(const LocalWorkers&) = delete;

  // Where each listens.
  const std::map<std::string, Address>& addresses() const { return addresses_; }
  // Starts again those that have died; to be called now and then. A worker that dies at once again and again is given
  // up: throws RunError with its last words' place.
  void look();
  pid_t pid_of(const std::string& device) const;

 private:
  struct Process {
    pid_t pid = -1;
    int quick_deaths = 0;
    std::chrono::steady_clock::time_point started;
  };
  void start(const std::string& device);

  LocalWorkersOptions options_;
  std::string folder_;
  std::map<std::string, Address> addresses_;
  std::map<std::string, Process> processes_;
};

}  // namespace cleave
