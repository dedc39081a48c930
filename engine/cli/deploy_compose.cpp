// Docker Compose: one file for each host. A Compose project runs on one engine, so a file with all devices would need
// a profile a host and somebody who remembers which; a file a host is copied there, or used with `docker --context`.
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/cli/command.h"
#include "engine/cli/deploy.h"

namespace cleave {

namespace {

// The names Docker has for our instruction sets.
const char* platform_of(const std::string& arch) {
  if (arch == "arm64") return "linux/arm64";
  if (arch == "armv7") return "linux/arm/v7";
  if (arch == "x86_64") return "linux/amd64";
  return arch == "riscv64" ? "linux/riscv64" : "";
}

std::string quoted(const std::vector<std::string>& words) {
  return fmt::format("[\"{}\"]", fmt::join(words, "\", \""));
}

std::string service(const DeployRequest& request, const DeployWorker& worker) {
  std::string text = fmt::format("  worker-{}:\n    image: \"{}\"\n", worker.device, request.image);
  if (const std::string platform = platform_of(worker.arch); !platform.empty())
    text += fmt::format("    platform: {}\n", platform);
  text += fmt::format("    entrypoint: [\"cleave\"]\n    command: {}\n    ports: [\"{}:{}\"]\n",
                      quoted(worker_words(request, worker, "/keys", "/run/cleave")), worker.port, worker.port);
  text += fmt::format(R"(    restart: always
    stop_grace_period: {}s
    user: "{}:{}"
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    pids_limit: {}
)",
                      kStopSeconds, kContainerUser, kContainerUser, kMostTasks);
  if (worker.memory_bytes > 0) text += fmt::format("    mem_limit: {}b\n", worker.memory_bytes);
  text += fmt::format("    tmpfs: [\"/tmp\", \"/run/cleave:uid={0},gid={0},mode=0700\"]\n", kContainerUser);
  if (!request.keys.empty()) text += fmt::format("    volumes: [\"./keys/{}:/keys:ro\"]\n", worker.device);
  return text;
}

}  // namespace

Deployment deploy_compose(const DeployRequest& request) {
  std::vector<std::string> hosts;
  std::map<std::string, std::vector<const DeployWorker*>> on;
  for (const DeployWorker& worker : request.workers) {
    if (on.count(worker.host) == 0) hosts.push_back(worker.host);
    on[worker.host].push_back(&worker);
  }
  Deployment deployment;
  deployment.next = key_commands(request);
  deployment.next.push_back(fmt::format("# each host needs the image {}, with cleave in its PATH", request.image));
  for (const std::string& host : hosts) {
    const std::string folder = fmt::format("{}/{}", shell_word(request.out), host_as_folder(host));
    std::string text = deploy_comment(request, fmt::format("Workers on {}", host)) + "name: cleave\nservices:\n";
    for (const DeployWorker* worker : on[host]) {
      text += service(request, *worker);
      if (!request.keys.empty())
        deployment.next.push_back(fmt::format("mkdir -p {0}/keys/{1} && cp {2} {0}/keys/{1}/", folder, worker->device,
                                              key_words(request, *worker)));
    }
    deployment.files.push_back({host_as_folder(host) + "/compose.yaml", text});
    const std::string there = "cleave-" + host_as_folder(host);
    deployment.next.push_back(fmt::format("rsync -a {}/ {}:{}/", folder, shell_word(host_in_address(host)), there));
    const std::string own =
        request.keys.empty() ? "" : fmt::format("sudo chown -R {} {}/keys && ", kContainerUser, there);
    deployment.next.push_back(
        fmt::format("ssh -t {} '{}sudo docker compose --project-directory {} up -d'", host, own, there));
  }
  deployment.next.push_back("cleave devices doctor " + request.model);
  return deployment;
}

}  // namespace cleave
