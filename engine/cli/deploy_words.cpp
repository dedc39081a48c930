// What the targets of `cleave deploy` share: words of command lines and comments.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/cli/command.h"
#include "engine/cli/deploy.h"

namespace cleave {

std::string deploy_comment(const DeployRequest& request, const std::string& what) {
  return fmt::format("# {} of the swarm {}, written by `cleave deploy`.\n", what, request.title);
}

std::vector<std::string> worker_words(const DeployRequest& request, const DeployWorker& worker, const std::string& keys,
                                      const std::string& run_folder) {
  const bool v6 = worker.host.find(':') != std::string::npos;
  std::vector<std::string> words = {
      "worker", "--listen", fmt::format("tcp://{}:{}", v6 ? "[::]" : "0.0.0.0", worker.port), "--name", worker.device};
  if (request.keys.empty()) words.emplace_back("--insecure-lan");
  else words.insert(words.end(), {"--keys", keys});
  words.insert(words.end(), {"--run-dir", run_folder});
  return words;
}

std::string host_in_address(const std::string& host) {
  return host.find(':') == std::string::npos ? host : fmt::format("[{}]", host);
}

std::string host_as_folder(const std::string& host) {
  std::string folder = host;
  std::replace(folder.begin(), folder.end(), ':', '-');
  return folder;
}

std::vector<std::string> key_commands(const DeployRequest& request) {
  if (request.keys.empty()) return {"# these workers obey whoever reaches their port: a closed network only"};
  const std::string folder = shell_word(request.keys);
  std::string names;
  for (const DeployWorker& worker : request.workers) names += fmt::format(" {}", worker.device);
  return {fmt::format("cleave keys init --keys {}", folder),
          fmt::format("cleave keys add coordinator{} --keys {}", names, folder)};
}

std::string key_words(const DeployRequest& request, const DeployWorker& worker, const std::string& before) {
  if (request.keys.empty()) return "";
  std::vector<std::string> words;
  for (const std::string& file :
       {std::string("authority.crt"), std::string("revoked.pem"), worker.device + ".crt", worker.device + ".key"})
    words.push_back(before + shell_word(request.keys + "/" + file));
  return fmt::format("{}", fmt::join(words, " "));
}

}  // namespace cleave
