// T6 and T7 of mcmc.md, by the program as a user runs it. T6: what does it cost to leave out nine of ten weights, with
// a prior that asks for small ones and with a plain normal one? T7: are averaged draws better than the last? Settings
// were chosen on held-out images; here all is scored on the 10 000 test images.
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

namespace cleave {
namespace {

using Json = nlohmann::json;

// Runs the program and returns what it says as JSON.
Json ask(const std::string& arguments) {
  const std::string command = fmt::format("'{}' {} -q --format json", CLEAVE_PROGRAM, arguments);
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run the program");
  std::string text;
  char part[4096];
  while (std::fgets(part, sizeof part, pipe) != nullptr) text += part;
  if (pclose(pipe) != 0) throw std::runtime_error("failed: " + command);
  return Json::parse(text);
}

std::string model(const char* name) { return fmt::format("'{}/graphs/models/{}.yaml'", CLEAVE_SOURCE_DIR, name); }

// Returns the points of accuracy that pruning to 90 % costs on the test images.
double cost_of_pruning(const char* name, const std::string& sets, const std::string& run) {
  const Json trained = ask(fmt::format("train {} --threads 1 -o '{}' {}", model("fashion-sparse"), run, sets));
  const Json points = ask(fmt::format("prune '{}' --test --levels 0%,90%", run))["runs"][0]["points"];
  const double whole = 100 * points[0]["test_accuracy"].get<double>();
  const double pruned = 100 * points[1]["test_accuracy"].get<double>();
  fmt::print("T6 {}: {:.2f} %, {:.2f} % without nine of ten weights   batch {}, N {}, λ/image {:.4g}, {:.0f} s\n", name,
             whole, pruned, trained["images_per_batch"].get<int>(), trained["steps_per_batch"].get<int>(),
             trained["lambda_per_image"].get<double>(), trained["seconds"].get<double>());
  std::fflush(stdout);
  return whole - pruned;
}

void run_pruning(const std::string& folder) {
  const double sparse = cost_of_pruning("laplace prior", "", folder + "/sparse");
  const double normal =
      cost_of_pruning("normal prior", "--set 'network.prior={normal: {scale: 1}}'", folder + "/normal");
  fmt::print(
      "T6 points lost with the sparsity prior {:.2f} (goal <= 2): {}; with the normal prior {:.2f} (goal: more): {}\n",
      sparse, sparse <= 2 ? "met" : "missed", normal, normal > sparse ? "met" : "missed");
}

void run_draws(const std::string& folder) {
  const std::string sets =
      "--set 'network.proposal={normal: {scale: 0.05}}' --set 'training.keep={draws: 20, every: 15000}'";
  const std::string run = folder + "/draws";
  const Json trained = ask(fmt::format("train {} --threads 1 -o '{}' {}", model("fashion-mlp"), run, sets));
  const std::string eval = "eval " + model("fashion-mlp");
  const Json last = ask(fmt::format("{} --weights '{}/weights/last.safetensors'", eval, run))["modules"][0];
  const Json mean = ask(fmt::format("{} --draws '{}' --predict mean_of_draws", eval, run))["modules"][0];
  for (const char* key : {"accuracy", "cross_entropy", "expected_calibration_error"}) {
    const double a = mean[key].get<double>();
    const double b = last[key].get<double>();
    const bool better = key == std::string("accuracy") ? a >= b : a < b;
    fmt::print("T7 {} of 20 averaged draws {:.4f}, of the last {:.4f}: {}   N {}, λ/image {:.4g}, {:.0f} s\n", key, a,
               b, better ? "better" : "not better", trained["steps_per_batch"].get<int>(),
               trained["lambda_per_image"].get<double>(), trained["seconds"].get<double>());
  }
}

}  // namespace
}  // namespace cleave

int main() {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / fmt::format("train_prior_{}", getpid());
  std::filesystem::create_directories(folder);
  cleave::run_pruning(folder.string());
  cleave::run_draws(folder.string());
  std::filesystem::remove_all(folder);
}
