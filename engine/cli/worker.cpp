// cleave worker: the process on a device.
#include <chrono>
#include <csignal>
#include <memory>
#include <thread>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include "engine/cli/command.h"
#include "engine/cli/jobs.h"
#include "engine/cli/log.h"
#include "engine/cli/stop.h"
#include "engine/cli/swarm_options.h"
#include "engine/runtime/worker.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string listen = fmt::format("tcp://127.0.0.1:{}", kDefaultPort);
  std::string name, keys, run_dir;
  bool insecure_lan = false, child = false;
};

// The worker itself, until a signal ends it.
ExitCode serve(const Options& options, const CommonOptions& common) {
  Log log(common);
  const Language language = cleave_language();
  WorkerOptions worker;
  worker.listen = parse_address(options.listen);
  worker.name = options.name;
  worker.run_dir = options.run_dir;
  worker.tls = keys_for(options.keys, options.name);
  worker.language = &language;
  worker.log = [&log, &options](const std::string& line) {
    log.info(options.name.empty() ? line : fmt::format("[{}] {}", options.name, line));
  };
  refuse_open_address(worker.listen, worker.tls, options.insecure_lan);
  worker.listening = [&](const Address& address) {
    worker.log(fmt::format("waiting for work on {}{}", address.text(),
                           worker.tls.used()      ? ""
                           : is_loopback(address) ? ""
                                                  : "  (NOT SECURED: anybody may use it)"));
  };
  const std::atomic<bool>& stop = watch_signals();
  run_worker(worker, job_catalog(), stop);
  return ExitCode::done;
}

volatile std::sig_atomic_t child_pid = -1;  // for the handler below, which is given nothing else

void pass_on(int number) {
  if (child_pid > 0) kill(static_cast<pid_t>(child_pid), number);
}

// Starts the worker as a child and starts it again when it dies, until a signal asks it to end.
ExitCode supervise(const Options& options, const CommonOptions& common) {
  constexpr std::chrono::milliseconds kLongestPause{2000};
  std::chrono::milliseconds pause{20};
  Log log(common);
  for (;;) {
    const Clock::time_point started = Clock::now();
    const pid_t pid = fork();
    if (pid < 0) throw RunError("cannot start the worker's process: there is no memory or no number left");
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      return serve(options, common);
    }
    child_pid = pid;
    std::signal(SIGTERM, pass_on);
    std::signal(SIGINT, pass_on);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    child_pid = -1;
    if (WIFEXITED(status)) return static_cast<ExitCode>(WEXITSTATUS(status));  // it was asked to, or may not run at all
    log.note(fmt::format("the worker was killed by signal {}; started again", WTERMSIG(status)));
    if (Clock::now() - started > kLongestPause) pause = std::chrono::milliseconds(20);
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, kLongestPause);
  }
}

ExitCode worker_command(const Options& options, const CommonOptions& common) {
  if (!options.child) return supervise(options, common);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() == 1) return ExitCode::failed;  // who started us has died meanwhile
  return serve(options, common);
}

}  // namespace

std::function<ExitCode()> declare_worker(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("--listen", options->listen, "where to wait for a coordinator and for other workers")
      ->capture_default_str()
      ->type_name("ADDR");
  app.add_option("--name", options->name, "the device's name, as the swarm file calls it; else whatever is asked for")
      ->type_name("NAME");
  app.add_option("--keys", options->keys, "folder with authority.crt, NAME.crt and NAME.key, from `cleave keys`")
      ->type_name("DIR");
  app.add_option("--run-dir", options->run_dir,
                 "folder where weights are kept, so that the next run need not send them")
      ->type_name("DIR");
  app.add_flag("--insecure-lan", options->insecure_lan,
               "accept connections from other machines without keys: anybody there may use this machine");
  app.add_flag("--child", options->child, "run without a supervisor of its own")->group("");
  return [options, &common] { return worker_command(*options, common); };
}

}  // namespace cleave
