#include "engine/cli/stop.h"

#include <csignal>

#include <unistd.h>

#include "ops/core/error.h"

namespace cleave {

namespace {

// A signal handler is given nothing but the signal's number, so what it sets must be global. Lock-free, hence safe
// there.
std::atomic<bool> stop_asked = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int /*number*/) {
  if (stop_asked.exchange(true)) _exit(static_cast<int>(ExitCode::interrupted));
}

}  // namespace

const std::atomic<bool>& watch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return stop_asked;
}

}  // namespace cleave
