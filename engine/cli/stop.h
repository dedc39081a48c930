// Ctrl-C and SIGTERM: the first asks the running command to finish what it is at, the second ends the program at once.
#pragma once

#include <atomic>

namespace cleave {

// Catches SIGINT and SIGTERM from now on. The flag returned is set by the first of them; the second ends the program
// with exit code 130 and saves nothing. The flag lives as long as the program. To be called by one thread.
const std::atomic<bool>& watch_signals();

}  // namespace cleave
