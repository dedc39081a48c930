// What it takes to run a plan on workers: who they are, and what each is told.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/runtime/assignment.h"
#include "engine/runtime/coordinator.h"
#include "engine/runtime/shard.h"

namespace cleave {

// A plan and where it runs. `swarm` gives the links and, for emulation, is what is emulated.
struct SwarmSetup {
  std::string run;         // its name in logs
  std::string model_text;  // resolved, as YAML; what every worker builds its graph from
  const Swarm* swarm = nullptr;
  std::map<std::string, Address> addresses;  // of the workers, by device
  TlsFiles tls;
  std::int64_t batch = 1;
  std::int64_t in_flight = 4;  // frames under way in the whole swarm, for each of its stages
  int threads = 1;             // of each worker
  bool emulate = false;        // pace compute and links by the swarm's figures
  double connect_s = 10;
  double dead_s = 2;   // silence after which a link is broken
  double gone_s = 30;  // after which a device is given up, if there is a plan without it
  // Returns the plan for when these devices are gone, nothing if there is none. May be empty.
  std::function<std::optional<Plan>(const std::vector<std::string>& gone)> replan;
  std::function<void()> look;                        // called some twenty times a second while the swarm works
  std::function<void(const std::string&)> log;       // what the user should know
  std::function<void(const std::string&)> link_log;  // what every link does; may be empty
};

// Returns what all workers are told alike; stage, incarnation and first are to be filled in.
Assignment assignment_of(const SwarmSetup& setup, const Plan& plan, const std::string& mode,
                         const std::vector<std::string>& wanted);

// Fills in what the worker of one stage is told.
Assignment for_stage(const Assignment& common, const SwarmSetup& setup, int stage);

// The members of the plan, by stage. Throws UserError for a device without an address.
std::vector<SwarmMember> members_of(const SwarmSetup& setup, const Assignment& assignment);

}  // namespace cleave
