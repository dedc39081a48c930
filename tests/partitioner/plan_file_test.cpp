// Plans as files: what is written is read back the same, and what is not a plan of this model is told with its place.
#include "partitioner/plan_file.h"

#include <algorithm>
#include <regex>

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

// A saved plan: the best one, or one stated by hand.
struct Saved {
  Planned planned;
  Plan plan;
  std::string text;

  explicit Saved(const std::string& placement, const std::string& map = "")
      : planned(with(map.empty() ? placement : fmt::format("{{mode: manual, map: {}}}", map))),
        plan(map.empty() ? planned.table().plan() : manual_plan(planned.model, planned.setting())),
        text(plan_to_yaml(planned.setting(), plan)) {}

  Plan read(const std::string& changed) const { return read_plan_text("plan.yaml", changed, planned.setting()); }
  std::string changed(const std::vector<std::pair<std::string, std::string>>& edits) const {
    std::string made = text;
    for (const auto& [wrong, instead] : edits) {
      const std::size_t at = made.find(wrong);
      EXPECT_NE(at, std::string::npos) << wrong << " is not in\n" << made;
      if (at != std::string::npos) made.replace(at, wrong.size(), instead);
    }
    return made;
  }
  std::string mistakes(const std::vector<std::pair<std::string, std::string>>& edits) const {
    return error_of<ModelError>([&] { read(changed(edits)); });
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

// One slip in the plan of kThree, and what is said of it.
struct Slip {
  const char* wrong;
  const char* instead;
  const char* said;
};

class PlanFileSlip : public testing::TestWithParam<Slip> {};

TEST_P(PlanFileSlip, IsToldWithItsPlace) {
  const std::string error = Saved("", kThree).mistakes({{GetParam().wrong, GetParam().instead}});
  EXPECT_TRUE(std::regex_search(error, std::regex("^plan.yaml:[0-9]+:[0-9]+: error: "))) << error;
  EXPECT_NE(error.find(GetParam().said), std::string::npos) << error;
}

INSTANTIATE_TEST_SUITE_P(
    Slips, PlanFileSlip,
    testing::Values(
        Slip{"version: 1", "version: 2", "version is 2, it must be at most 1"},
        Slip{"batch: 1", "batch: 2", "the plan is for frames of 2, the model runs frames of 1"},
        Slip{"objective: throughput", "objective: througput", "did you mean 'throughput'?"},
        Slip{"cost_model: overlapped", "cost_model: overlaped", "did you mean 'overlapped'?"},
        Slip{"device: a", "device: d", "there is no device 'd'"},
        Slip{"device: b", "device: a", "'a' has a stage already"},
        Slip{"device: b", "device: b\n    share: 1", "the plan states no split, so there are no shares"},
        Slip{"[stem, relu]", "[stem, rely]", "there is no node 'rely'"},
        Slip{"[stem, relu]", "[stem, rely]", "^~~~ did you mean 'relu'?"},
        Slip{"[block/conv2d .. flatten]", "[block/conv2d .. flaten]", "^~~~~~ did you mean 'flatten'?"},
        Slip{"[stem, relu]", "[stem]", "no stage has the node 'relu'"},
        Slip{"[stem, relu]", "[]", "no stage has the node 'stem', nor 1 others"},
        Slip{"[stem, relu]", "[stem, relu, out]", "'out' is placed twice"},
        Slip{"[stem, relu]", "[stem, input]", "there is no node 'input'"},
        Slip{"[block/conv2d .. flatten]", "[flatten .. block/conv2d]", "'block/conv2d' stands above 'flatten'"},
        Slip{"    nodes: [stem, relu]\n", "", "a stage needs 'nodes'"},
        Slip{"source: c", "source: b", "the input comes from another device"},
        Slip{"source: c", "source: c\n    from: c", "a cut needs one of: source, from"},
        Slip{"from: a", "from: c", "nothing travels from 'c' to 'b'"},
        Slip{"from: a", "from: c", "it takes one cut from 'a' to 'b'"},
        Slip{"tensors: [relu]", "tensors: [stem]", "write [relu]"},
        Slip{"\ncuts:", "\nsplit: {kind: branch, ways: 2, to: stem}\ncuts:", "did you mean 'branches'?"},
        Slip{"\ncuts:", "\nsplit: {kind: tiles, ways: 2, to: stam}\ncuts:", "did you mean 'stem'?"},
        Slip{"\ncuts:", "\nsplit: {kind: tiles, ways: 2, to: flatten}\ncuts:", "cannot split at 'flatten'"},
        Slip{"\ncuts:", "\nsplit: {kind: tiles, ways: 2, to: stem}\ncuts:", "stage 1 is to be share 1 of the head"},
        Slip{"\ncuts:", "\ncutz:", "unknown key 'cutz' in a plan"},
        Slip{"optimal: false", "optimal: maybe", "optimal needs true or false"},
        Slip{"    work: ", "    work: -", "it must be at least 0"}));

TEST(PlanFile, TellsAllMistakesAtOnce) {
  const std::string error = Saved("", kThree).mistakes({{"device: a", "device: d"}, {"[out]", "[oud]"}});
  EXPECT_NE(error.find("there is no device 'd'"), std::string::npos) << error;
  EXPECT_NE(error.find("did you mean 'out'?"), std::string::npos) << error;
  EXPECT_NE(error.find("plan.yaml: 2 errors"), std::string::npos) << error;
}

TEST(PlanFile, RefusesStagesInAnotherOrder) {
  const std::string error = Saved("", kThree).mistakes({{"[out]", "[stem, relu]"}, {"[stem, relu]", "[out]"}});
  EXPECT_NE(error.find("'block/conv2d' reads 'relu', which a later stage makes"), std::string::npos) << error;
}

TEST(PlanFile, RefusesCutsTheModelNoLongerAllows) {
  const Saved saved("", kThree);
  const Planned other(with("{cuts: {after: [block]}}"));
  const std::string error = error_of<ModelError>([&] { read_plan_text("plan.yaml", saved.text, other.setting()); });
  EXPECT_NE(error.find("the model allows no cut behind 'relu'"), std::string::npos) << error;
}

TEST(PlanFile, IsNotAnyYaml) {
  const Saved saved("", kThree);
  for (const char* text : {"[]", "a: b", "stages: 1", "version: 1\nstages: []\ncuts: []\n", "- a\n- b"})
    EXPECT_NE(error_of<ModelError>([&] { saved.read(text); }).find("error: "), std::string::npos) << text;
}

TEST(PlanFile, CutShortIsNoPlan) {
  const Saved saved("", kThree);
  for (std::size_t end = 0; end + 10 < saved.text.size(); end += 3) {
    const std::string error = error_of<ModelError>([&] { saved.read(saved.text.substr(0, end)); });
    EXPECT_NE(error.find("error: "), std::string::npos) << saved.text.substr(0, end);
  }
}

TEST(PlanFile, OfAnotherObjectiveHasAValueButNoBound) {
  const Saved saved("{objective: throughput}");
  const Planned other(with("{objective: latency}"));
  const Plan read = read_plan_text("plan.yaml", saved.text, other.setting());
  EXPECT_EQ(read.value, saved.plan.score.latency_s);
  EXPECT_EQ(read.bound, 0);
  EXPECT_FALSE(read.optimal);
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
