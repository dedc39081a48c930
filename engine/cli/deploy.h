// Deploy: the files with which an engine people already run (systemd, Docker Compose, Kubernetes, Ansible) keeps a
// worker alive on each device of a swarm. A target is a function and a row of the catalog. Nothing here logs in, opens
// a connection or runs a program.
//
// What goes into the files is fit for all of them as it is: devices' names are letters, digits, '_' and '-' (a rule of
// the language), hosts pass is_host, and the flags are checked by `check_deploy`.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ops/core/error.h"

namespace cleave {

// One device's worker.
struct DeployWorker {
  std::string device, host;
  std::string arch;  // arm64, armv7, x86_64, riscv64; "" = not stated
  int port = 0;
  std::int64_t memory_bytes = 0;  // it may use; 0 = not stated
};

struct DeployRequest {
  std::string title;  // of the swarm, for comments: one line
  std::string out;    // folder the files are written to
  std::string model;  // its words for a command line
  std::string keys;   // folder of the swarm's keys (engine/net/keys.h); "" = workers listen without any
  std::string image;  // of containers
  std::vector<DeployWorker> workers;
};

struct DeployFile {
  std::string path;  // within the folder
  std::string text;

  bool operator==(const DeployFile&) const = default;
};

struct Deployment {
  std::vector<DeployFile> files;
  std::vector<std::string> next;  // commands to type, and comments that begin with '#'
};

struct DeployTargetDef {
  const char* name;  // "systemd"
  const char* doc;   // one line
  // Throws UserError where a name does not fit the engine.
  Deployment (*write)(const DeployRequest& request);
};
std::span<const DeployTargetDef> deploy_catalog();

// Throws UserError for what no target could write: a device without a host, an image's name that is none.
void check_deploy(const DeployRequest& request);

// What the targets share.
inline constexpr int kMostTasks = 512;        // threads and processes of a worker
inline constexpr int kStopSeconds = 15;       // a worker gets to end: it needs 10 at most
inline constexpr int kContainerUser = 65532;  // without a name or rights on the host
// The first lines of every file, as comments: what it is and how it is made again.
std::string deploy_comment(const DeployRequest& request, const std::string& what);
// The words behind `cleave`: "worker", "--listen", …
std::vector<std::string> worker_words(const DeployRequest& request, const DeployWorker& worker, const std::string& keys,
                                      const std::string& run_folder);
// Returns a unit file for systemd.
std::string worker_unit(const DeployRequest& request, const DeployWorker& worker);
std::string unit_name(const DeployWorker& worker);
// How a host stands in front of a ':', and as a folder's name.
std::string host_in_address(const std::string& host);
std::string host_as_folder(const std::string& host);
// The commands that make the keys of all workers.
std::vector<std::string> key_commands(const DeployRequest& request);
// The files of them that a worker needs, as words of a command; "" when there are none.
std::string key_words(const DeployRequest& request, const DeployWorker& worker, const std::string& before = "");

}  // namespace cleave
