// cleave deploy: files for the engines people already run.
#include "engine/cli/deploy.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include "engine/cli/command.h"
#include "ops/core/catalog.h"
#include "ops/core/file.h"
#include "partitioner/presets.h"
#include "partitioner/swarm.h"

namespace cleave {

Deployment deploy_systemd(const DeployRequest& request);
Deployment deploy_compose(const DeployRequest& request);
Deployment deploy_k3s(const DeployRequest& request);
Deployment deploy_ansible(const DeployRequest& request);

namespace {

constexpr DeployTargetDef kTargets[] = {
    {"systemd", "a folder a device: a unit, and a script that installs it there", deploy_systemd},
    {"compose", "a compose.yaml a host, for Docker or Podman", deploy_compose},
    {"k3s", "one file for kubectl: a deployment a device, bound to its node", deploy_k3s},
    {"ansible", "an inventory and a playbook that install the units", deploy_ansible},
};

struct Options {
  std::string file, target, keys = "keys", image = "cleave:" CLEAVE_VERSION;
  bool insecure_lan = false, force = false;
};

bool is_of(const std::string& text, std::string_view letters) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           letters.find(c) < letters.size();
  });
}

// A device whose memory nobody stated gets no limit: one we made up would only stop a worker that has room.
bool states_memory(const DocNode& map) { return map.find("memory") != nullptr || map.find("preset") != nullptr; }

std::string arch_of(const DocNode& map, const Device& device) {
  const DocNode* stated = map.find("arch");
  if (stated != nullptr && stated->value) return stated->scalar;
  const DevicePreset* preset = find(device_presets(), device.preset);
  return preset == nullptr ? "" : preset->arch;
}

std::vector<DeployWorker> workers_of(const Model& model, const std::string& file) {
  Diagnostics found(model.reading.sources);
  const Swarm swarm = read_swarm(model.reading.doc, found);
  found.throw_if_any();
  if (swarm.devices.empty())
    throw UserError(fmt::format("{} has no devices to deploy to; add `devices:`, or name a swarm file", file));
  std::vector<DeployWorker> workers;
  for (const Device& device : swarm.devices) {
    const DocNode& map = *find_path(model.reading.doc, "devices")->find(device.name);
    workers.push_back({device.name, device.host, arch_of(map, device), device.port,
                       states_memory(map) ? device.memory_bytes - device.reserve_bytes : 0});
  }
  return workers;
}

const DeployTargetDef& target_of(const std::string& name) {
  const std::span<const DeployTargetDef> catalog = deploy_catalog();
  if (const DeployTargetDef* def = find(catalog, name)) return *def;
  const std::vector<std::string> known = names_of(catalog);
  const std::string near = closest_name(name, known);
  throw UserError(near.empty() ? fmt::format("there is no target '{}'; one of: {}", name, fmt::join(known, ", "))
                               : fmt::format("there is no target '{}'; did you mean '{}'?", name, near));
}

// Files somebody changed are theirs.
void refuse_changed(const std::filesystem::path& folder, const Deployment& deployment) {
  constexpr std::int64_t kMost = std::int64_t{1} << 20;
  for (const DeployFile& file : deployment.files) {
    const std::string path = (folder / file.path).string();
    std::error_code unknown;
    if (!std::filesystem::exists(path, unknown)) continue;
    const Bytes there = file_bytes(path) > kMost ? Bytes{} : read_file(path, kMost);
    if (!std::equal(there.begin(), there.end(), file.text.begin(), file.text.end(),
                    [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); }))
      throw UserError(fmt::format("{} is there already and differs; --force replaces it", path));
  }
}

void write_files(const std::filesystem::path& folder, const Deployment& deployment) {
  for (const DeployFile& file : deployment.files) {
    const std::filesystem::path path = folder / file.path;
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) throw RunError(fmt::format("{}: cannot be made: {}", path.parent_path().string(), error.message()));
    write_file_atomically(path.string(),
                          ByteSpan(reinterpret_cast<const std::uint8_t*>(file.text.data()), file.text.size()));
  }
}

std::string report(const std::filesystem::path& folder, const Deployment& deployment) {
  std::string text = "wrote\n";
  for (const DeployFile& file : deployment.files) text += fmt::format("  {}\n", (folder / file.path).string());
  text += "\nnext\n";
  for (const std::string& line : deployment.next) text += fmt::format("  {}\n", line);
  return text;
}

ExitCode deploy_command(const Options& options, const CommonOptions& common) {
  const DeployTargetDef& target = target_of(options.target);
  if (common.out_dir.empty()) throw UserError("say where the files go: -o DIR");
  const Model model = load_model(options.file, common);
  DeployRequest request;
  request.title = printable(model.reading.spec.name);
  request.out = common.out_dir;
  request.model = model_words(options.file, common);
  request.keys = options.insecure_lan ? "" : options.keys;
  request.image = options.image;
  request.workers = workers_of(model, options.file);
  check_deploy(request);
  const Deployment deployment = target.write(request);
  if (!options.force) refuse_changed(common.out_dir, deployment);
  write_files(common.out_dir, deployment);
  print_result(report(common.out_dir, deployment));
  return ExitCode::done;
}

}  // namespace

std::span<const DeployTargetDef> deploy_catalog() { return kTargets; }

void check_deploy(const DeployRequest& request) {
  std::set<std::string> folders;
  for (const DeployWorker& worker : request.workers) {
    if (!is_host(worker.host))
      throw UserError(fmt::format("device '{}' has no host, and its name is none; give devices.{}.host", worker.device,
                                  worker.device));
    if (worker.device.empty() || worker.device.front() == '-' || !is_of(worker.device, "_-"))
      throw UserError(fmt::format("device '{}' would be taken for an option; rename it", printable(worker.device)));
  }
  if (request.image.empty() || request.image.front() == '-' || !is_of(request.image, "._/:@-"))
    throw UserError(fmt::format("--image '{}' is no image; write REGISTRY/NAME:TAG", printable(request.image)));
}

std::function<ExitCode()> declare_deploy(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->file, "model or swarm file")->required()->type_name("FILE");
  std::string targets;
  for (const DeployTargetDef& def : kTargets)
    targets += fmt::format("{}{}: {}", targets.empty() ? "" : "; ", def.name, def.doc);
  app.add_option("--to", options->target, targets)
      ->required()
      ->type_name(fmt::format("{}", fmt::join(names_of(deploy_catalog()), "|")));
  app.add_option("--keys", options->keys, "folder of `cleave keys`, for the commands to type next")
      ->capture_default_str()
      ->type_name("DIR");
  app.add_flag("--insecure-lan", options->insecure_lan, "workers without keys, for a closed network");
  app.add_option("--image", options->image, "container image with cleave in its PATH (compose, k3s)")
      ->capture_default_str()
      ->type_name("IMAGE");
  app.add_flag("--force", options->force, "replace files that were changed");
  return [options, &common] { return deploy_command(*options, common); };
}

}  // namespace cleave
