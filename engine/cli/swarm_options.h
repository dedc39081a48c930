// What the commands that use a swarm have in common: where its workers are, and what runs on which.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/cli/log.h"
#include "engine/cli/planning.h"
#include "engine/runtime/local_workers.h"
#include "engine/runtime/swarm_setup.h"

namespace cleave {

struct SwarmOptions {
  PlanningOptions planning;
  bool local = false, emulate = false, here = false;
  std::string keys, plan_file, row;
  double connect_s = 10, gone_s = 30;
};

// Adds the options to a command.
void add_swarm_options(CLI::App& app, SwarmOptions& options);

// Whether the command works on workers: the model states devices, or --local or --devices was given, and not --here.
// Throws UserError for options that exclude each other.
bool uses_swarm(const SwarmOptions& options, const Model& model);

// Plans for when one of the devices is gone, found while the swarm works. Thread safe.
class SparePlans {
 public:
  // Begins to plan; the job must outlive this.
  SparePlans(const PlanningJob& job, std::vector<std::string> devices);
  ~SparePlans();
  // The best plan without these devices; nothing where none fits. Planned now, if it was not before.
  std::optional<Plan> without(const std::vector<std::string>& gone);

 private:
  const PlanningJob& job_;
  std::atomic<bool> stop_ = false;
  std::mutex gate_;
  std::map<std::string, std::optional<Plan>> found_;  // by the device that is gone
  std::thread thread_;
};

// A model, a plan for it and the workers to run it on. Not to be moved.
struct SwarmJob {
  std::unique_ptr<PlanningJob> planning;
  Plan plan;
  std::unique_ptr<SparePlans> spares;
  std::unique_ptr<LocalWorkers> workers;  // with --local
  SwarmSetup setup;                       // batch and in_flight as the model states them
};

// Reads, plans and, with --local, starts the processes. Throws UserError and RunError with what is wrong.
std::unique_ptr<SwarmJob> prepare_swarm(const SwarmOptions& options, const CommonOptions& common, Log& log);
// The same for a plan made by somebody else.
void start_workers(SwarmJob& job, const SwarmOptions& options, const CommonOptions& common, Log& log,
                   const std::vector<std::string>& devices);

// The resolved model as workers are given it: with its name, which a model may leave to its file's.
std::string model_text_of(const Model& model);

// The TLS files of `name` in a keys folder; none when `folder` is empty. Throws UserError with what is missing.
TlsFiles keys_for(const std::string& folder, const std::string& name);
// Throws UserError when other machines could connect and nobody would be asked for a certificate.
void refuse_open_address(const Address& address, const TlsFiles& tls, bool insecure_lan);

}  // namespace cleave
