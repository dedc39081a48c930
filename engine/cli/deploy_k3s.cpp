// k3s and any other Kubernetes: one Deployment for each device, bound to its node. Not a DaemonSet: every worker has a
// name, a port and a memory limit of its own.
#include <algorithm>
#include <cctype>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/cli/command.h"
#include "engine/cli/deploy.h"

namespace cleave {

namespace {

constexpr std::size_t kLongestName = 63;  // of a label: RFC 1123
constexpr const char* kNamespace = "cleave";

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// "worker-p4": lower case letters, digits and '-' inside.
std::string name_of(const DeployWorker& worker) {
  std::string name = "worker-" + lower(worker.device);
  std::replace(name.begin(), name.end(), '_', '-');
  if (name.size() > kLongestName || name.back() == '-')
    throw UserError(
        fmt::format("device '{}' cannot be named so in Kubernetes: at most {} letters, the last no '-' or '_'",
                    worker.device, kLongestName - std::string_view("worker-").size()));
  return name;
}

// A node is called as its machine is: without the domain. An address says nothing of that.
std::string node_of(const DeployWorker& worker) {
  const bool address =
      worker.host.find_first_not_of("0123456789.") == std::string::npos || worker.host.find(':') != std::string::npos;
  const std::string name = address ? worker.device : worker.host.substr(0, worker.host.find('.'));
  if (name.size() > kLongestName || name.back() == '-' || name.back() == '_')
    throw UserError(fmt::format("'{}' cannot be a node of Kubernetes; give devices.{}.host", name, worker.device));
  return lower(name);
}

constexpr const char* kNamespaceText = R"(apiVersion: v1
kind: Namespace
metadata:
  name: {0}
)";

// `Recreate`, for two workers cannot share a
// port; a small request, for a limit's worth of memory is never free beside the system; no limit on processors, for
// throttled kernels break the plan's times.
constexpr const char* kDeployment = R"(---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: {space}
  labels:
    app.kubernetes.io/name: cleave-worker
    app.kubernetes.io/instance: {name}
spec:
  replicas: 1
  strategy:
    type: Recreate
  selector:
    matchLabels:
      app.kubernetes.io/instance: {name}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: cleave-worker
        app.kubernetes.io/instance: {name}
    spec:
      nodeSelector:
        kubernetes.io/hostname: "{node}"
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: {stop}
      securityContext:
        runAsNonRoot: true
        runAsUser: {user}
        runAsGroup: {user}
        fsGroup: {user}
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: worker
          image: "{image}"
          command: ["cleave"]
          args: ["{words}"]
          ports:
            - containerPort: {port}
              hostPort: {port}
          resources:
            requests:
              cpu: 100m
              memory: 64Mi
{limits}          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: ["ALL"]
          volumeMounts:
            - name: run
              mountPath: /run/cleave
            - name: tmp
              mountPath: /tmp
{mount}      volumes:
        - name: run
          emptyDir: {{}}
        - name: tmp
          emptyDir: {{}}
{secret})";

std::string deployment_of(const DeployRequest& request, const DeployWorker& worker) {
  const std::string name = name_of(worker);
  const std::string limits =
      worker.memory_bytes > 0 ? fmt::format("            limits:\n              memory: \"{}\"\n", worker.memory_bytes)
                              : "";
  std::string mount, secret;
  if (!request.keys.empty()) {
    mount = "            - name: keys\n              mountPath: /keys\n              readOnly: true\n";
    secret = fmt::format(
        "        - name: keys\n          secret:\n            secretName: keys-{}\n"
        "            defaultMode: 0440\n",
        name);
  }
  return fmt::format(
      kDeployment, fmt::arg("name", name), fmt::arg("space", kNamespace), fmt::arg("node", node_of(worker)),
      fmt::arg("stop", kStopSeconds), fmt::arg("user", kContainerUser), fmt::arg("image", request.image),
      fmt::arg("words", fmt::join(worker_words(request, worker, "/keys", "/run/cleave"), "\", \"")),
      fmt::arg("port", worker.port), fmt::arg("limits", limits), fmt::arg("mount", mount), fmt::arg("secret", secret));
}

}  // namespace

Deployment deploy_k3s(const DeployRequest& request) {
  constexpr const char* kFile = "cleave-workers.yaml";
  std::string text = deploy_comment(request, "Workers") + fmt::format(kNamespaceText, kNamespace);
  std::map<std::string, std::string> names;
  for (const DeployWorker& worker : request.workers) {
    const auto [first, fresh] = names.emplace(name_of(worker), worker.device);
    if (!fresh)
      throw UserError(fmt::format("Kubernetes cannot tell '{}' from '{}': both would be {}; rename one", first->second,
                                  worker.device, first->first));
    text += deployment_of(request, worker);
  }
  Deployment deployment;
  deployment.files = {{kFile, text}};
  deployment.next = key_commands(request);
  deployment.next.push_back(
      "kubectl get nodes -L kubernetes.io/hostname    # the nodes must be called as the file says");
  deployment.next.push_back(fmt::format("kubectl apply -f {}/{}", shell_word(request.out), kFile));
  for (const DeployWorker& worker : request.workers)
    if (!request.keys.empty())
      deployment.next.push_back(fmt::format("kubectl -n {} create secret generic keys-{} {}", kNamespace,
                                            name_of(worker), key_words(request, worker, "--from-file=")));
  deployment.next.push_back("cleave devices doctor " + request.model);
  return deployment;
}

}  // namespace cleave
