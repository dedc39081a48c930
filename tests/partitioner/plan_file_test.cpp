// Plans as files: what is written is read back the same, and what is not a plan of this model is told with its place.
#include "partitioner/plan_file.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "tests/support/files.h"
#include "tests/support/planned.h"

namespace cleave {

namespace {

constexpr const char* kCards = R"(version: 1
name: cards
devices:
  a: {preset: raspberry-pi-3b, battery: 10Wh}
  b: {preset: raspberry-pi-3b}
  c: {preset: raspberry-pi-4b-4gb}
links: {default: {bandwidth: 40Mbit/s, latency: 2ms}}
data: {at: c, test: {dataset: shapes, split: test}}
network:
  input: {image: [2, 8, 8]}
  layers:
    - {conv2d: {filters: 8, kernel: 3, padding: same}, name: stem}
    - relu
    - residual: {body: [{conv2d: {filters: 8, kernel: 3, padding: same}}, relu], shortcut: [{conv2d: {filters: 8, kernel: 1}}]}
      name: block
    - relu
    - flatten
    - {dense: {units: 4}, name: out}
)";

std::string with(const std::string& placement) { return std::string(kCards) + "placement: " + placement + "\n"; }

// The text of the best plan with a first piece of it replaced.
struct Saved {
  Planned planned;
  Plan plan;
  std::string text;

  explicit Saved(const std::string& placement, const std::string& map = "")
      : planned(with(map.empty() ? placement : fmt::format("{{mode: manual, map: {}}}", map))),
        plan(map.empty() ? planned.table().plan() : manual_plan(planned.model, planned.setting())),
        text(plan_to_yaml(planned.setting(), plan)) {}

  Plan read(const std::string& changed) const { return read_plan_text("plan.yaml", changed, planned.setting()); }
  std::string mistakes(const std::string& wrong, const std::string& instead) const {
    std::string changed = text;
    const std::size_t at = changed.find(wrong);
    EXPECT_NE(at, std::string::npos) << wrong << " is not in\n" << text;
    if (at != std::string::npos) changed.replace(at, wrong.size(), instead);
    return error_of<ModelError>([&] { read(changed); });
  }
};

constexpr const char* kThree = "{stem: a, block: b, out: c}";

void expect_read_back(const Planned& planned) {
  for (const Plan& row : planned.table().rows) {
    const std::string text = plan_to_yaml(planned.setting(), row);
    const Plan read = read_plan_text("plan.yaml", text, planned.setting());
    EXPECT_TRUE(read == row) << text << plan_to_yaml(planned.setting(), read);
  }
}

TEST(PlanFile, IsReadBackWithAllItsFigures) {
  for (const char* objective : {"throughput", "latency", "energy", "lifetime", "balance"})
    expect_read_back(Planned(with(fmt::format("{{objective: {}}}", objective))));
}

TEST(PlanFile, IsReadBackForSplitHeads) {
  expect_read_back(Planned(with("{split: {branches: [2], filters: [2], tiles: [2]}, cuts: {after: [stem, block]}}")));
}

TEST(PlanFile, IsReadBackForAllShippedModels) {
  for (const std::filesystem::path& file : all_model_files()) {
    Model model = load_model(file.string(), cleave_language());
    if (!model.graph.nodes.empty()) expect_read_back(Planned(std::move(model)));
  }
}

TEST(PlanFile, NamesRunsOfNodesByTheirEnds) {
  const Saved saved("", kThree);
  EXPECT_NE(saved.text.find("nodes: [stem, relu]\n"), std::string::npos) << saved.text;
  EXPECT_NE(saved.text.find("nodes: [block/conv2d .. flatten]\n"), std::string::npos) << saved.text;
}

TEST(PlanFile, IsShort) {
  const Planned planned(load_model(CLEAVE_SOURCE_DIR "/graphs/models/resnet20-split.yaml", cleave_language()));
  const std::string text = plan_to_yaml(planned.setting(), planned.table().plan());
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 70) << text;
}

TEST(PlanFile, OfAnotherGraphIsRefusedByItsHash) {
  const Saved saved("{}");
  std::string other = with("{}");
  other.replace(other.find("units: 4"), 8, "units: 5");
  const std::string error =
      error_of<ModelError>([&] { read_plan_text("plan.yaml", saved.text, Planned(other).setting()); });
  EXPECT_NE(error.find("plan.yaml:4:8: error: the plan is of another graph: it has "), std::string::npos) << error;
  EXPECT_NE(error.find("plan again"), std::string::npos) << error;
}

}  // namespace

}  // namespace cleave
