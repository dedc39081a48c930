// tests/data/pipeedge: ViT-Base as PipeEdge profiled it, for 8 hosts of each of two types.
#include "partitioner/pipeedge.h"

#include <gtest/gtest.h>

#include "graphs/yaml_reader.h"
#include "ops/core/catalog.h"
#include "ops/core/error.h"
#include "tests/reference/chain_dp.h"
#include "tests/support/files.h"

namespace cleave {

namespace {

const std::string kData = std::string(CLEAVE_SOURCE_DIR) + "/tests/data/pipeedge/";

// The reference data with `count` hosts of each type.
PipeEdge vit_base(const TestFolder& folder, int count, const PipeEdgeOptions& options = {}) {
  std::string devices;
  for (const char* type : {"Minnowboard-E3845", "RCC-VE-C2000"}) {
    devices += std::string(type) + ":\n";
    for (int i = 0; i < count; ++i) devices += "- " + std::string(1, type[0]) + std::to_string(i) + "\n";
  }
  return read_pipeedge({kData + "models.yml", kData + "device_types.yml", folder.write("d.yml", to_bytes(devices))},
                       options);
}

struct Texts {
  std::string models = "net:\n  layers: 3\n  mem_MB: [1, 2, 4]\n  parameters_in: 10\n  parameters_out: [20, 30, 5]\n";
  std::string types =
      "fast:\n  bw_Mbps: 8\n  mem_MB: 8\n  model_profiles:\n    net:\n"
      "    - {batch_size: 2, dtype: torch.float32, time_s: [1, 1, 1]}\n"
      "slow:\n  bw_Mbps: 4\n  mem_MB: 100\n  model_profiles:\n    net:\n"
      "    - {batch_size: 2, dtype: torch.float32, time_s: [2, 2, 3]}\n";
  std::string devices = "fast: [a, b]\nslow: [c]\n";
};

PipeEdge read_texts(const Texts& texts, const PipeEdgeOptions& options = {}) {
  const TestFolder folder;
  return read_pipeedge({folder.write("m.yml", to_bytes(texts.models)), folder.write("t.yml", to_bytes(texts.types)),
                        folder.write("d.yml", to_bytes(texts.devices))},
                       options);
}

void replace(std::string& text, const std::string& from, const std::string& to) {
  const std::size_t place = text.find(from);
  ASSERT_NE(place, std::string::npos) << from;
  text.replace(place, from.size(), to);
}

// "FILE:LINE:COL message" of the first mistake, and its hint.
std::string fault_of(const Texts& texts) {
  try {
    read_texts(texts);
  } catch (const ModelError& error) {
    const Diagnostic& first = error.diagnostics().front();
    const std::size_t count = error.diagnostics().size();
    const std::string file = first.pos.file.substr(first.pos.file.rfind('/') + 1);
    const std::string hint = first.hint.empty() ? "" : " | " + first.hint;
    return (count > 1 ? std::to_string(count) + " errors, " : "") + file + ":" + std::to_string(first.pos.line) + ":" +
           std::to_string(first.pos.col) + " " + first.message + hint;
  }
  return "nothing thrown";
}

std::string fault_after(std::string Texts::*file, const std::string& from, const std::string& to) {
  Texts texts;
  replace(texts.*file, from, to);
  return fault_of(texts);
}

std::string refusal_of(const Texts& texts, const PipeEdgeOptions& options) {
  return error_of<UserError>([&] { read_texts(texts, options); });
}

// The plan of sched-pipeline's form, read back by a YAML reader: "host first last" each.
std::vector<std::string> read_back(const std::string& text) {
  Sources sources;
  sources.add("plan", text);
  Diagnostics found(sources);
  std::vector<std::string> stages;
  for (const DocNode& item : parse_yaml("plan", text, found).items) {
    const DocEntry& stage = item.entries.at(0);
    stages.push_back(stage.key + " " + stage.value.items.at(0).scalar + " " + stage.value.items.at(1).scalar);
  }
  found.throw_if_any();
  return stages;
}

struct Golden {
  int hosts;  // of each type
  double period_s;
};
// The figures that were asked for; dynamic programming finds each of them, too.
constexpr Golden kGolden[] = {{1, 5.84396729469}, {2, 2.93656892776}, {4, 1.54876000881}, {8, 0.800787806511}};

}  // namespace

TEST(PipeEdge, DynamicProgrammingFindsTheReferenceBottlenecks) {
  const TestFolder folder;
  for (const Golden& golden : kGolden) {
    const Solution best = reference::shortest_period(vit_base(folder, golden.hosts).problem);
    EXPECT_NEAR(best.score.period_s, golden.period_s, 1e-9 * golden.period_s) << golden.hosts;
    EXPECT_DOUBLE_EQ(best.score.period_s, best.value);
  }
}

TEST(PipeEdge, ThePlannerFindsAndProvesTheReferenceBottlenecks) {
  const TestFolder folder;
  const ObjectiveDef* throughput = find(objective_catalog(), "throughput");
  for (const Golden& golden : kGolden) {
    const PipeEdge vit = vit_base(folder, golden.hosts);
    const Solution best = throughput->solve(vit.problem, {});
    EXPECT_NEAR(best.score.period_s, golden.period_s, 1e-9 * golden.period_s) << golden.hosts;
    EXPECT_TRUE(best.optimal);
    EXPECT_EQ(read_back(pipeedge_plan_text(vit, best)).size(), best.stages.size());
  }
}

TEST(PipeEdge, ReadsTheReferenceFiles) {
  const PipeEdge vit = read_pipeedge({kData + "models.yml", kData + "device_types.yml", kData + "devices.yml"});
  EXPECT_EQ(vit.model, "vit-base");
  EXPECT_EQ(vit.dtype, "torch.float32");
  EXPECT_EQ(vit.batch, 8);
  EXPECT_EQ(vit.types, (std::vector<std::string>{"Minnowboard-E3845", "RCC-VE-C2000"}));
  EXPECT_EQ(vit.hosts.size(), 16);
  EXPECT_EQ(vit.hosts[9], "rcc-1");
  EXPECT_EQ(vit.problem.positions, 49);
  EXPECT_STREQ(check_problem(vit.problem), "");
  EXPECT_FALSE(is_coupled(vit.problem));
}

TEST(PipeEdge, CountsSecondsBytesAndMemoryAsPipeEdgeDoes) {
  const PipeEdge small = read_texts({});
  const Problem& problem = small.problem;
  const double frame = 4 * 2;  // bytes of a parameter, samples
  EXPECT_DOUBLE_EQ(compute_s(problem, {1, 1, 3}), 5);
  EXPECT_DOUBLE_EQ(transfer_s(problem, 0, 0, 1), 20 * frame / (8 * 1024 * 1024 / 8.0));
  EXPECT_DOUBLE_EQ(transfer_s(problem, 0, 1, 2), 30 * frame / (4 * 1024 * 1024 / 8.0));
  EXPECT_DOUBLE_EQ(memory_bytes(problem, {0, 0, 1}), 1 * 1048576 + 10 * frame + 3 * 20 * frame);
  EXPECT_DOUBLE_EQ(memory_bytes(problem, {0, 1, 3}), 6 * 1048576 + 3 * 20 * frame + 3 * 5 * frame);
  const PipeEdge other = read_texts({}, {"", 0, "", 0, 1});
  EXPECT_DOUBLE_EQ(memory_bytes(other.problem, {0, 1, 3}), 6 * 1048576 + 20 * frame + 2 * 5 * frame);
}

TEST(PipeEdge, AStageMustStayBelowItsMemoryStrictly) {
  Texts texts;
  texts.models = "net: {layers: 1, mem_MB: [8], parameters_in: 0, parameters_out: [0]}\n";
  replace(texts.types, "[1, 1, 1]", "[1]");
  replace(texts.types, "[2, 2, 3]", "[2]");
  EXPECT_FALSE(is_allowed(read_texts(texts).problem, {0, 0, 1}));
  replace(texts.types, "mem_MB: 8", "mem_MB: 8.000001");
  EXPECT_TRUE(is_allowed(read_texts(texts).problem, {0, 0, 1}));
}

TEST(PipeEdge, PrintsThePlanInItsFormAndItsCost) {
  const PipeEdge small = read_texts({});
  Solution solution;
  solution.stages = {{0, 0, 1}, {1, 1, 2}, {0, 2, 3}};
  solution.optimal = true;
  EXPECT_EQ(pipeedge_plan_text(small, solution),
            "- a: [1, 1]\n- c: [2, 2]\n- b: [3, 3]\n"
            "# net, batches of 2, torch.float32: 3 of 3 hosts\n"
            "# period 2 s a batch (1 samples/s), latency 4.00076 s, optimal: yes\n");
}

TEST(PipeEdge, AGapIsPrintedWhereNothingIsProven) {
  Solution solution;
  solution.stages = {{1, 0, 3}};
  solution.value = 0.9;
  solution.bound = 1;
  EXPECT_NE(pipeedge_plan_text(read_texts({}), solution).find("optimal: no (gap 10 %)"), std::string::npos);
}

TEST(PipeEdge, ThePlanReadsBackWhateverTheHostsAreCalled) {
  Texts texts;
  texts.devices = "fast: [\"10.0.0.1:5000\", \"no\"]\nslow: ['a \"b\\c']\n";
  Solution solution;
  solution.stages = {{0, 0, 1}, {1, 1, 2}, {0, 2, 3}};
  const std::string text = pipeedge_plan_text(read_texts(texts), solution);
  EXPECT_EQ(read_back(text), (std::vector<std::string>{"10.0.0.1:5000 1 1", "a \"b\\c 2 2", "no 3 3"}));
  EXPECT_NE(text.find("- \"no\": "), std::string::npos);
}

TEST(PipeEdge, SaysWhatIsMissingWhenNothingFits) {
  Texts texts;
  replace(texts.models, "[1, 2, 4]", "[1, 2, 200]");
  const PipeEdge net = read_texts(texts);
  EXPECT_TRUE(reference::shortest_period(net.problem).stages.empty());
  const std::string error = error_of<UserError>([&] { pipeedge_plan_text(net, {}); });
  EXPECT_EQ(error, "net fits on no hosts: no host can hold layer 3: slow lacks 104858441 bytes for it");
}

TEST(PipeEdge, TypesWithoutHostsAndOtherModelsAreNotLookedAt) {
  Texts texts;
  texts.models += "dummy: {layers: 0, mem_MB: [], parameters_in: 0, parameters_out: []}\n";
  texts.types += "dummy: {bw_Mbps: 0, mem_MB: 0, model_profiles: }\n";
  texts.devices += "dummy: []\nunknown:\n";
  EXPECT_EQ(read_texts(texts, {"net", 0, "", 2, 2}).types, (std::vector<std::string>{"fast", "slow"}));
}

TEST(PipeEdge, RefusesWhatIsMissing) {
  EXPECT_EQ(fault_after(&Texts::models, "  layers: 3\n", ""), "m.yml:1:1 net has no 'layers'");
  EXPECT_EQ(fault_after(&Texts::models, "mem_MB", "mem_MiB"),
            "m.yml:1:1 net has no 'mem_MB' | did you mean 'mem_MiB'?");
  EXPECT_EQ(fault_after(&Texts::types, "  bw_Mbps: 8\n", ""), "t.yml:1:1 fast has no 'bw_Mbps'");
  EXPECT_EQ(fault_after(&Texts::types, ", time_s: [1, 1, 1]", ""), "t.yml:6:7 a profile has no 'time_s'");
  EXPECT_EQ(fault_after(&Texts::types, "    net:\n", "    nett:\n"),
            "t.yml:1:1 fast has no list of profiles of net | did you mean 'nett'?");
}

TEST(PipeEdge, RefusesListsOfUnlikeLength) {
  EXPECT_EQ(fault_after(&Texts::models, "layers: 3", "layers: 2"),
            "2 errors, m.yml:3:3 mem_MB has 3 entries, but net has 2 layers");
  EXPECT_EQ(fault_after(&Texts::models, "[20, 30, 5]", "[20, 30]"),
            "m.yml:5:3 parameters_out has 2 entries, but net has 3 layers");
  EXPECT_EQ(fault_after(&Texts::types, "[2, 2, 3]", "[2, 2]"),
            "t.yml:12:45 time_s has 2 entries, but net has 3 layers");
}

TEST(PipeEdge, RefusesFiguresThatAreNone) {
  EXPECT_EQ(fault_after(&Texts::types, "bw_Mbps: 8", "bw_Mbps: 0"), "t.yml:2:12 bw_Mbps is not above 0");
  EXPECT_EQ(fault_after(&Texts::types, "mem_MB: 8", "mem_MB: .nan"), "t.yml:3:11 mem_MB is not a number");
  EXPECT_EQ(fault_after(&Texts::types, "[2, 2, 3]", "[2, -2, 3]"), "t.yml:12:57 time_s is below 0");
  EXPECT_EQ(fault_after(&Texts::types, "[2, 2, 3]", "[0, 0, 0]"), "t.yml:12:45 time_s is 0 for every layer");
  EXPECT_EQ(fault_after(&Texts::models, "layers: 3", "layers: 2.5"), "m.yml:2:11 layers is not a whole number");
  EXPECT_EQ(fault_after(&Texts::models, "layers: 3", "layers: 1e6"), "m.yml:2:11 more than 4095 layers");
  EXPECT_EQ(fault_after(&Texts::models, "parameters_in: 10", "parameters_in: [10]"),
            "m.yml:4:18 parameters_in is not a whole number");
}

TEST(PipeEdge, RefusesHostsThatCannotBeUsed) {
  EXPECT_EQ(fault_after(&Texts::devices, "slow", "slaw"),
            "d.yml:2:1 unknown device type 'slaw' | did you mean 'slow'?");
  EXPECT_EQ(fault_after(&Texts::devices, "[c]", "[b]"), "d.yml:2:8 the host 'b' stands twice");
  EXPECT_EQ(fault_after(&Texts::devices, "[c]", "c"), "d.yml:2:7 slow is not a list of hosts");
  EXPECT_EQ(fault_after(&Texts::devices, "fast: [a, b]\nslow: [c]\n", "fast: []\n"), "d.yml:0:0 there is no host");
}

TEST(PipeEdge, RefusesMoreThanSixtyFourHosts) {
  Texts texts;
  texts.devices = "fast:\n";
  for (int i = 0; i < 65; ++i) texts.devices += "- h" + std::to_string(i) + "\n";
  EXPECT_EQ(fault_of(texts), "d.yml:66:3 more than 64 hosts | plan for a part of them");
}

TEST(PipeEdge, ChoosesTheProfileThatAllTypesHave) {
  Texts texts;
  replace(texts.types, "    net:\n", "    net:\n    - {batch_size: 4, dtype: torch.float32, time_s: [9, 9, 9]}\n");
  EXPECT_EQ(read_texts(texts).batch, 2);
  EXPECT_NE(refusal_of(texts, {"", 4, "", 2, 2}).find("slow has no profile of net that fits"), std::string::npos);
  replace(texts.devices, "slow: [c]\n", "");
  EXPECT_EQ(read_texts(texts, {"", 4, "", 2, 2}).problem.done_s[0][3], 27);
  EXPECT_EQ(
      refusal_of(texts, {}),
      "several profiles fit: say which batch size and dtype; there is: batch size 2 of torch.float32, batch size 4 "
      "of torch.float32");
}

TEST(PipeEdge, RefusesOptionsThatTheFilesDoNotHave) {
  EXPECT_NE(refusal_of({}, {"nett", 0, "", 2, 2}).find("holds no model 'nett'; did you mean 'net'?"),
            std::string::npos);
  EXPECT_NE(refusal_of({}, {"", 0, "torch.int3", 2, 2}).find("there is: batch size 2 of torch.float32"),
            std::string::npos);
  EXPECT_EQ(refusal_of({}, {"", 0, "", -1, 2}), "a batch size and numbers of buffers are not below 0");
}

}  // namespace cleave
