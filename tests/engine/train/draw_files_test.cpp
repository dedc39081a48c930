#include "engine/train/draw_files.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "graphs/weights_file.h"
#include "tests/support/files.h"
#include "tests/support/quarters.h"

namespace cleave {
namespace {

namespace fs = std::filesystem;

// Checkpoints of modules with so many draws each; the weights of draw i are those of seed i.
std::vector<ModuleCheckpoint> with_draws(const Graph& graph, const std::vector<std::int64_t>& counts) {
  std::vector<ModuleCheckpoint> modules;
  for (std::size_t m = 0; m < counts.size(); ++m) {
    modules.push_back({.module = graph.modules[m].name, .weights = {}, .counts = {}});
    for (std::int64_t i = 1; i <= counts[m]; ++i) {
      const Weights weights = initial_weights(graph, static_cast<std::uint64_t>(i));
      Draw draw{.step = 100 * i, .weights = {}};
      for (const NodeId node : layers_of(graph, static_cast<ModuleId>(m)))
        draw.weights.push_back(weights[index_of(node)]);
      modules.back().draws.push_back(draw);
    }
  }
  return modules;
}

std::vector<std::string> names_of(const std::vector<std::string>& files, const std::string& root) {
  std::vector<std::string> names;
  for (const std::string& file : files) names.push_back(fs::relative(file, root).string());
  return names;
}

TEST(DrawFiles, HoldTheKthNewestDrawOfEveryModuleTogether) {
  const TestFolder folder;
  const Graph graph = modules_in_a_row(2);
  write_draws(folder.path("draws"), graph, with_draws(graph, {5, 2}), "rows");
  const std::vector<std::string> files = find_draws(folder.path());
  EXPECT_EQ(names_of(files, folder.path()),
            (std::vector<std::string>{"draws/001.safetensors", "draws/002.safetensors"}));
  const Weights second = read_weights(files[1], graph);
  const Weights fourth = initial_weights(graph, 4), first = initial_weights(graph, 1);
  for (const NodeId node : layers_of(graph, ModuleId{0})) EXPECT_EQ(second[index_of(node)], fourth[index_of(node)]);
  for (const NodeId node : layers_of(graph, ModuleId{1})) EXPECT_EQ(second[index_of(node)], first[index_of(node)]);
}

TEST(DrawFiles, GoWhereFewerDrawsAreKept) {
  const TestFolder folder;
  const Graph graph = modules_in_a_row(2);
  write_draws(folder.path("draws"), graph, with_draws(graph, {4, 4}), "rows");
  EXPECT_EQ(find_draws(folder.path()).size(), 4U);
  write_draws(folder.path("draws"), graph, with_draws(graph, {1, 3}), "rows");
  EXPECT_EQ(find_draws(folder.path("draws")).size(), 1U);
}

TEST(DrawFiles, AreFoundInAllChainsOfARun) {
  const TestFolder folder;
  const Graph graph = modules_in_a_row(1);
  for (const char* draws : {"draws", "chains/2/draws", "chains/10/draws"})
    write_draws(folder.path(draws), graph, with_draws(graph, {1}), "row");
  EXPECT_EQ(names_of(find_draws(folder.path()), folder.path()),
            (std::vector<std::string>{"draws/001.safetensors", "chains/2/draws/001.safetensors",
                                      "chains/10/draws/001.safetensors"}));
}

TEST(DrawFiles, NoneIsAnErrorThatSaysHowToKeepSome) {
  const TestFolder folder;
  EXPECT_NE(error_of<UserError>([&] { find_draws(folder.path()); }).find("keep: {draws: 20"), std::string::npos);
  EXPECT_NE(error_of<UserError>([&] { find_draws(folder.path("none")); }).find("is no folder"), std::string::npos);
}

}  // namespace
}  // namespace cleave
