// systemd: a unit for each device and a script that installs it there.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/cli/command.h"
#include "engine/cli/deploy.h"

namespace cleave {

namespace {

// What a worker may do: listen and dial, compute, and write below its own folder. Everything here is read by systemd
// 237 (Ubuntu 18.04, which a Jetson Nano runs) or passed over by it with a warning.
constexpr const char* kFences =
    R"(# A model comes from somebody else's machine: the worker gets nothing it does not need.
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
ProtectClock=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
UMask=0077
ReadOnlyPaths=-/etc/cleave -/usr/share/cleave
)";

std::string script(const DeployRequest& request, const DeployWorker& worker) {
  const std::string unit = unit_name(worker);
  std::string text = "#!/bin/sh\n" + deploy_comment(request, fmt::format("Installs the worker {}", worker.device)) +
                     R"sh(# Run it as root on that device, in the folder with the unit. It may be run again.
set -eu
cd "$(dirname "$0")"
stop() { echo "install.sh: $1" >&2; exit 1; }
[ "$(id -u)" = 0 ] || stop 'run it as root'
[ -f cleave ] || [ -x /usr/local/bin/cleave ] || stop 'put the program cleave, built for this machine, into this folder'
)sh";
  if (!request.keys.empty()) text += "[ -d keys ] || stop 'put the keys of this device into keys/'\n";
  text +=
      "getent passwd cleave >/dev/null || useradd --system --no-create-home --shell /usr/sbin/nologin cleave\n"
      "[ ! -f cleave ] || install -D -m 755 cleave /usr/local/bin/cleave\n";
  if (!request.keys.empty())
    text += fmt::format(
        "install -d -m 750 -o root -g cleave /etc/cleave/keys/{0}\n"
        "install -m 640 -o root -g cleave keys/* /etc/cleave/keys/{0}/\n",
        worker.device);
  return text + fmt::format(
                    "install -m 644 {0} /etc/systemd/system/{0}\nsystemctl daemon-reload\nsystemctl enable {0}\n"
                    "systemctl restart {0}\n",
                    unit);
}

}  // namespace

std::string unit_name(const DeployWorker& worker) { return fmt::format("cleave-worker-{}.service", worker.device); }

std::string worker_unit(const DeployRequest& request, const DeployWorker& worker) {
  const std::string state = fmt::format("cleave/{}", worker.device);
  const std::vector<std::string> words =
      worker_words(request, worker, "/etc/cleave/keys/" + worker.device, "/var/lib/" + state);
  std::string text = deploy_comment(request, fmt::format("Worker {}", worker.device));
  text += fmt::format(R"([Unit]
Description=cleave worker {}
Wants=network-online.target
After=network-online.target
# However often it ends, it is started again.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=/usr/local/bin/cleave {}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=2
TimeoutStopSec={}
User=cleave
Group=cleave
StateDirectory={}
StateDirectoryMode=0700
)",
                      worker.device, fmt::join(words, " "), kStopSeconds, state);
  if (worker.memory_bytes > 0)
    text += fmt::format("# The device's memory less what is left for the system.\nMemoryMax={}\n", worker.memory_bytes);
  text += fmt::format("TasksMax={}\nLimitCORE=0\n{}\n[Install]\nWantedBy=multi-user.target\n", kMostTasks, kFences);
  return text;
}

Deployment deploy_systemd(const DeployRequest& request) {
  Deployment deployment;
  deployment.next = key_commands(request);
  const std::string out = shell_word(request.out);
  for (const DeployWorker& worker : request.workers) {
    deployment.files.push_back({worker.device + "/" + unit_name(worker), worker_unit(request, worker)});
    deployment.files.push_back({worker.device + "/install.sh", script(request, worker)});
    const std::string folder = fmt::format("{}/{}", out, worker.device);
    deployment.next.push_back(
        fmt::format("cp CLEAVE{} {}/cleave", worker.arch.empty() ? "" : "-FOR-" + worker.arch, folder));
    if (!request.keys.empty())
      deployment.next.push_back(
          fmt::format("mkdir -p {0}/keys && cp {1} {0}/keys/", folder, key_words(request, worker)));
    deployment.next.push_back(
        fmt::format("rsync -a {}/ {}:cleave-{}/", folder, shell_word(host_in_address(worker.host)), worker.device));
    deployment.next.push_back(fmt::format("ssh -t {} sudo sh cleave-{}/install.sh", worker.host, worker.device));
  }
  deployment.next.push_back("cleave devices doctor " + request.model);
  return deployment;
}

}  // namespace cleave
