// What the actions of `cleave devices` work on.
#pragma once

#include <string>
#include <vector>

#include "engine/cli/command.h"
#include "partitioner/swarm.h"

namespace cleave {

struct DevicesJob {
  std::string file;
  std::string keys;                  // folder of the keys; "" = without
  std::string name = "coordinator";  // in our certificate
  double timeout_s = 3;              // for each device
  Model model;
  Swarm swarm;
};

void print_presets(const CommonOptions& common);
void list_devices(const Swarm& swarm, const CommonOptions& common);
// Ask every device at once, on threads of their own; exit code 5 when one does not answer.
ExitCode ping_devices(const DevicesJob& job, const CommonOptions& common);
ExitCode examine_devices(const DevicesJob& job, const CommonOptions& common);

}  // namespace cleave
