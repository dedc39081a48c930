// Locking a plan into its model: what is read back is the same plan, and nothing else in the file has changed.
#include <algorithm>
#include <regex>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "partitioner/plan_file.h"
#include "tests/support/files.h"
#include "tests/support/planned.h"

namespace cleave {

namespace {

// Three devices, and a network with a skip, so that plans need not follow the file's order.
constexpr const char* kLayers = R"(version: 1
x-on: &on {mode: auto}   # an anchor
devices: {a: {preset: raspberry-pi-3b}, b: {preset: raspberry-pi-3b}, c: {preset: raspberry-pi-4b-4gb}}
links: {default: {bandwidth: 940Mbit/s, latency: 10us}}
network:
  input: {image: [2, 32, 32]}
  layers:
    - {conv2d: {filters: 16, kernel: 3, padding: same}, name: stem}
    - relu
    - residual: {body: [{conv2d: {filters: 16, kernel: 5, padding: same}}, relu], shortcut: [{conv2d: {filters: 16, kernel: 3, padding: same}}]}
      name: block
    - relu   # not named
    - flatten
    - {dense: {units: 4}, name: out}
)";
constexpr const char* kModules = R"(version: 1
devices: {a: {preset: raspberry-pi-3b}, b: {preset: raspberry-pi-3b}}
network:
  input: {vector: 64}
  modules:
    - {name: m1, body: [{dense: {units: 512}}, relu], head: [{dense: {units: 4}}]}
    - {name: m2, body: [{dense: {units: 512}}, relu], head: [{dense: {units: 4}}]}
)";

Model read(const std::string& file, const std::string& text) { return load_model_text(file, text, cleave_language()); }

std::multiset<std::string> comments(const std::string& text) {
  std::multiset<std::string> found;
  const std::regex comment("(^|[ \r\n])(#[^\r\n]*)");
  for (std::sregex_iterator at(text.begin(), text.end(), comment), end; at != end; ++at) found.insert((*at)[2]);
  return found;
}

void expect_same(const Plan& a, const Plan& b, const std::string& text) {
  EXPECT_EQ(a.cut, b.cut) << text;
  EXPECT_TRUE(a.stages == b.stages && a.cuts == b.cuts && a.split == b.split) << text;
  EXPECT_TRUE(a.score == b.score) << text;
  EXPECT_EQ(a.value, b.value) << text;
  EXPECT_EQ(a.accuracy, b.accuracy) << text;
  EXPECT_EQ(a.misfit, b.misfit) << text;
}

// Locks a plan; returns the text after checking what must hold of any.
std::string expect_lock(const std::string& file, const std::string& text, const Planned& planned, const Plan& plan) {
  const std::string locked = locked_model(planned.model, text, planned.setting(), plan);
  const Planned again(read(file, locked));
  expect_same(manual_plan(again.model, again.setting()), plan, locked);
  EXPECT_EQ(comments(locked), comments(text)) << locked;
  EXPECT_EQ(locked_model(again.model, locked, again.setting(), plan), locked);
  EXPECT_EQ(structure_hash(again.model.graph), structure_hash(planned.model.graph));
  return locked;
}

// Locks every row of the table.
void expect_locks(const std::string& file, const std::string& text) {
  const Planned planned(read(file, text));
  for (const Plan& row : planned.table().rows) expect_lock(file, text, planned, row);
}

std::string with_crlf(const std::string& text) { return std::regex_replace(text, std::regex("\n"), "\r\n"); }

constexpr const char* kDevices = "devices: {a: {preset: raspberry-pi-3b}, b: {preset: raspberry-pi-5-8gb}}\n";

TEST(Lock, StatesEveryPlanOfTheShippedModels) {
  for (const std::filesystem::path& file : all_model_files()) {
    std::string text = text_of(file);
    const Model model = read(file.string(), text);
    if (model.graph.nodes.empty()) continue;
    if (model.reading.spec.devices.empty()) text += kDevices;
    expect_locks(file.string(), text);
  }
}

class LockLayout : public testing::TestWithParam<const char*> {};

TEST_P(LockLayout, IsKeptForLayers) {
  for (const char* more : {"", "# the end"}) {
    expect_locks("test.yaml", std::string(kLayers) + GetParam() + more);
    expect_locks("test.yaml", with_crlf(std::string(kLayers) + GetParam() + more));
  }
}

TEST_P(LockLayout, IsKeptBetweenOtherSections) {
  std::string text = kLayers;
  expect_locks("test.yaml", text.insert(text.find("devices:"), GetParam()));
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, LockLayout,
    testing::Values(
        "", "placement: {}\n", "placement: { }   # empty\n", "placement: {mode: auto, objective: latency}\n",
        "placement: {objective: latency}   # mode is not given\n", "placement: {\"mode\": \"auto\"}\n",
        "placement:\n  mode: auto   # decide\n  objective: latency\n",
        "placement:   # who\n  # first\n  mode: 'auto'\n", "placement:\n  objective: latency   # no mode\n  # last\n",
        "placement:\n        objective: latency\n",
        "placement: {mode: auto,   # one\n  # two\n  objective: latency}   # three\n",
        "placement: &here\n  mode: auto\n  cuts: {after: [stem, block]}\n", "placement: &here {mode: auto}\n",
        "placement:\n  cuts:\n    after:\n      - stem   # here\n  mode: auto\n",
        "placement:\n  <<: {objective: latency}   # merged\n  mode: auto\n",
        "placement: {<<: *on, objective: latency}\n", "placement:\n  {mode: auto}   # below its key\n",
        "placement:\n  mode:\n    auto\n", "placement: {split: {branches: [2]}, cuts: {after: [block]}}\n",
        "placement:\n  split: {branches: [2], filters: [2], tiles: [2]}   # three\n  cuts: {after: [block]}\n",
        "placement:\n  split:   # three\n    # one\n    branches: [2]   # two\n    filters: [1, 2]\n  cuts: {after: "
        "[stem]}\n",
        "placement: {mode: manual, map: {stem: a}}\n",
        "placement:\n  mode: manual\n  map: {stem: a, out: b}   # by hand\n",
        "placement:\n  mode: manual   # by hand\n  map:   # where\n    # the first\n    stem: a   # alone\n    # more\n"
        "    block: b   # two\n    # behind\n  objective: latency\n",
        "placement:\n  mode: manual\n  map: {stem: a,   # head\n    # between\n    'out': \"b\"}   # tail\n",
        "placement: {mode: manual, map: {stem: a,   # head\n    out: b}   # tail\n  }   # end\n",
        "x-a: &map {stem: c}\nplacement: {mode: manual, map: *map}\n",
        "x-a: &map {stem: c}\nplacement:\n  mode: manual\n  map:\n    <<: *map\n    out: b\n"));

TEST(Lock, KeepsTheNamesOfAMapThatHasTheSame) {
  const std::string text =
      std::string(kModules) + "placement:\n  mode: manual\n  map:\n    m2: a   # tail\n    m1: b\n";
  const Planned planned(text);
  Plan plan = manual_plan(planned.model, planned.setting());
  ASSERT_EQ(plan.stages.size(), 2U);
  std::swap(plan.stages[0].device, plan.stages[1].device);
  const std::string locked = locked_model(planned.model, text, planned.setting(), plan);
  EXPECT_NE(locked.find("  map:\n    m2: b   # tail\n    m1: a\n"), std::string::npos) << locked;
}

TEST(Lock, WritesWholeLayersByTheirNames) {
  const std::string text = std::string(kLayers) + "placement: {cuts: {after: [stem]}}\n";
  const Planned planned(text);
  const std::vector<Plan> rows = planned.table().rows;
  const auto two = std::find_if(rows.begin(), rows.end(), [](const Plan& row) { return row.stages.size() == 2; });
  ASSERT_NE(two, rows.end());
  const std::string locked = expect_lock("test.yaml", text, planned, *two);
  EXPECT_TRUE(std::regex_search(locked, std::regex("placement: .mode: manual, map: .stem: ., relu: .., cuts: ")))
      << locked;
}

// Twelve layers on as many devices.
std::string many_layers(const std::string& placement) {
  std::string layers, devices;
  for (int i = 0; i < 12; ++i) {
    layers += fmt::format("    - {{dense: {{units: 8}}, name: a_long_name_{}}}\n", i);
    devices += fmt::format("  d{}: {{preset: raspberry-pi-3b}}\n", i);
  }
  return "version: 1\ndevices:\n" + devices + "links: {default: {bandwidth: 1Gbit/s, latency: 1ms}}\n" +
         "network:\n  input: {vector: 8}\n  layers:\n" + layers + "placement:\n  objective: latency\n" + placement;
}

TEST(Lock, WritesLongMapsLineByLine) {
  std::string map, lines;
  for (int i = 0; i < 12; ++i) {
    map += fmt::format("{}a_long_name_{}: d{}", i == 0 ? "" : ", ", i, i);
    lines += fmt::format("    a_long_name_{}: d{}\n", i, i);
  }
  const Planned manual(many_layers("  mode: manual\n  map: {" + map + "}\n"));
  const Planned planned(many_layers("  mode: auto\n"));
  const Plan plan = manual_plan(manual.model, manual.setting());
  EXPECT_EQ(expect_lock("test.yaml", many_layers("  mode: auto\n"), planned, plan),
            many_layers("  mode: manual\n  map:\n" + lines));
}

TEST(Lock, RefusesDevicesTheFileDoesNotState) {
  const std::string text = "version: 1\nnetwork: {input: {vector: 4}, layers: [{dense: {units: 2}}]}\n";
  const Planned planned(text);
  const Plan plan = planned.table().plan();
  const std::string error = error_of<UserError>([&] { locked_model(planned.model, text, planned.setting(), plan); });
  EXPECT_NE(error.find("'a' is not one of its devices"), std::string::npos) << error;
}

TEST(Lock, RefusesAPlacementOfAnIncludedFile) {
  const TestFolder folder;
  folder.write("place.yaml", to_bytes("version: 1\nplacement:\n  mode: auto\n"));
  const std::string text = "include: place.yaml\n" + std::string(kLayers), file = folder.path("model.yaml");
  for (const char* own : {"", "placement: {objective: latency}\n"}) {
    const Planned planned(read(file, text + own));
    const Plan plan = planned.table().plan();
    const std::string error =
        error_of<UserError>([&] { locked_model(planned.model, text + own, planned.setting(), plan); });
    EXPECT_TRUE(error.starts_with(folder.path("place.yaml") + (*own == 0 ? ":2:1: placement" : ":3:3: placement.mode")))
        << error;
  }
}

TEST(Lock, RefusesAPlacementThatIsAnAliasOrMergedIn) {
  for (const char* placement : {"placement: *on\n", "x-all: &all {placement: {mode: auto}}\n<<: *all\n"}) {
    const std::string text = std::string(kLayers) + placement;
    const Planned planned(text);
    const Plan plan = planned.table().plan();
    const std::string error = error_of<UserError>([&] { locked_model(planned.model, text, planned.setting(), plan); });
    EXPECT_NE(error.find("the placement comes from an anchor"), std::string::npos) << error;
  }
}

TEST(Lock, RefusesWhatOthersReferTo) {
  const std::string text = std::string(kLayers) + "placement: {mode: &word auto}\nx-word: *word\n";
  const Planned planned(text);
  const Plan plan = planned.table().plan();
  const std::string error = error_of<UserError>([&] { locked_model(planned.model, text, planned.setting(), plan); });
  EXPECT_NE(error.find("cannot be edited here; write\nplacement:\n  mode: manual\n  map: {"), std::string::npos)
      << error;
}

}  // namespace

}  // namespace cleave
