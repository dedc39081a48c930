#include "partitioner/profile.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <tuple>

#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "ops/core/file.h"
#include "ops/core/rng.h"
#include "partitioner/cost.h"
#include "tests/support/files.h"
#include "tests/support/models.h"

namespace cleave {
namespace {

namespace fs = std::filesystem;

const fs::path kErrors = CLEAVE_SOURCE_DIR "/tests/errors/profiles";

const Graph& resnet() {
  static const Graph graph =
      load_model(CLEAVE_SOURCE_DIR "/graphs/models/resnet20-split.yaml", cleave_language()).graph;
  return graph;
}

CostTable table_of(const std::vector<Profile>& profiles) {
  Device card;
  card.name = "a";
  card.preset = "raspberry-pi-3b";
  card.real_flops = card.binary_ops = card.bytes_per_s = {1e9, true};
  Swarm swarm;
  swarm.devices = {card};
  return cost_table(resnet(), swarm, profiles, 1);
}

// Every mistake in a profile, whether it takes a graph to see it or not.
std::vector<Diagnostic> mistakes(const std::string& name, const std::string& text) {
  try {
    table_of(read_profiles_text(name, text));
  } catch (const ModelError& error) {
    return error.diagnostics();
  }
  return {};
}

std::string message(const std::string& name, const std::string& text) {
  return error_of<ModelError>([&] { table_of(read_profiles_text(name, text)); });
}

std::vector<fs::path> error_files() {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(kErrors)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

// The first comment of a file, without its marks, and what stands behind it.
std::pair<std::string, std::string> parts_of(const std::string& text) {
  const std::size_t end = text.find("\n\n");
  std::istringstream lines(text.substr(0, end));
  std::string expected;
  for (std::string line; std::getline(lines, line);)
    expected += (expected.empty() ? "" : "\n") + (line.size() > 2 ? line.substr(2) : "");
  return {expected, text.substr(end + 2)};
}

// Line numbers depend on the length of the comment, so until nothing changes.
void update(const fs::path& file) {
  for (int i = 0; i < 6; ++i) {
    const std::string before = text_of(file);
    const std::string body = before.starts_with('\n') ? before.substr(1) : parts_of(before).second;
    std::istringstream lines(message(file.filename().string(), before));
    std::string head;
    for (std::string line; std::getline(lines, line);) head += "# " + line + "\n";
    const Bytes bytes = to_bytes(head + "\n" + body);
    write_file_atomically(file.string(), bytes);
  }
}

TEST(ProfileErrors, EachFileGivesItsMessageOnce) {
  if (std::getenv("UPDATE_GOLDEN") != nullptr)
    for (const fs::path& file : error_files()) update(file);
  EXPECT_GE(error_files().size(), 35U);
  for (const fs::path& file : error_files()) {
    const std::string name = file.filename().string();
    EXPECT_EQ(message(name, text_of(file)), parts_of(text_of(file)).first) << name;
    EXPECT_EQ(mistakes(name, text_of(file)).size(), 1U) << name;
  }
}

// The text with the suggestion in place of what is underlined.
std::string mended(const std::string& text, const Diagnostic& mistake) {
  std::size_t line = 0;
  for (int i = 1; i < mistake.pos.line; ++i) line = text.find('\n', line) + 1;
  std::string better = text;
  return better.replace(line + static_cast<std::size_t>(mistake.pos.col) - 1,
                        static_cast<std::size_t>(mistake.pos.length), mistake.suggestion);
}

TEST(ProfileErrors, EverySuggestionPasses) {
  int applied = 0;
  for (const fs::path& file : error_files()) {
    const std::string text = text_of(file);
    const Diagnostic mistake = mistakes("x.yaml", text).front();
    if (mistake.suggestion.empty()) {
      EXPECT_EQ(mistake.hint.find("did you mean"), std::string::npos) << file;
      continue;
    }
    ++applied;
    EXPECT_EQ(message("x.yaml", mended(text, mistake)), "nothing thrown") << file;
  }
  EXPECT_GE(applied, 10);
}

TEST(ProfileErrors, AreToldAllAtOnce) {
  const std::string text =
      "version: 1\nbatch: 0\nsegments: [{to: g1, seconds: 0s}]\nnodes: [{node: stem, secnds: 1ms}]\n";
  std::vector<int> lines;
  for (const Diagnostic& mistake : mistakes("x.yaml", text)) lines.push_back(mistake.pos.line);
  EXPECT_EQ(lines, (std::vector<int>{1, 2, 3, 4}));
}

TEST(ProfileErrors, OfAMissingFileNameIt) {
  EXPECT_EQ(error_of<ModelError>([] { read_profiles("none.yaml"); }),
            "none.yaml: error: no such file\nnone.yaml: 1 error");
}

// The paper's Table II, as a person writes it.
const char* const kGacoin = R"(version: 1
profiles:
  - device: raspberry-pi-3b
    model: resnet20-split
    segments:
      - {to: g1, seconds: 54.10ms}
      - {from: g1, seconds: 51.42ms, spread: 3%}   # to the end
      - {seconds: 97ms}
    shares:
      - {split: branches, ways: 2, to: g1, seconds: 29.71ms}
    nodes:
      - {node: stem, seconds: 1.2ms, memory: 64KiB}
)";

TEST(Profile, ReadsWhatAPersonWrites) {
  const Profile read = read_profiles_text("p.yaml", kGacoin).front();
  EXPECT_EQ(read.device, "raspberry-pi-3b");
  EXPECT_EQ(read.batch, 1);
  ASSERT_EQ(read.segments.size(), 3U);
  EXPECT_DOUBLE_EQ(read.segments[1].measured.seconds, 0.05142);
  EXPECT_DOUBLE_EQ(read.segments[1].measured.spread, 0.03);
  EXPECT_EQ(read.segments[2].to, "");
  EXPECT_EQ(read.shares.front().ways, 2);
  EXPECT_EQ(read.nodes.front().measured.memory_bytes, 65536);
  EXPECT_EQ(read.segments.front().measured.memory_bytes, -1);
}

TEST(Profile, FillsTheCostTable) {
  const CostTable table = table_of(read_profiles_text("p.yaml", kGacoin));
  ASSERT_EQ(table.segments[0].size(), 3U);
  EXPECT_EQ(table.segments[0][0].last, static_cast<int>(index_of(node_of_name(resnet(), "g1"))));
  EXPECT_EQ(table.shares[0].front().to, node_of_name(resnet(), "g1"));
  EXPECT_EQ(table.seconds[0][1], (Figure{0.0012, false}));
  double head = 0;
  for (std::size_t i = 0; i <= index_of(node_of_name(resnet(), "g1")); ++i) head += table.seconds[0][i].value;
  EXPECT_NEAR(head, 0.0541, 1e-12);
  EXPECT_TRUE(table.seconds[0][2].estimate);
}

TEST(Profile, MayStandAlone) {
  const std::string text =
      "version: 1\ndevice: a\nhost: {cpu: 'A: 53', cores: 4}\nnodes: [{node: stem, seconds: 1us}]\n";
  const Profile read = read_profiles_text("p.yaml", text).front();
  EXPECT_EQ(read.device, "a");
  EXPECT_EQ(read.host, (std::vector<std::pair<std::string, std::string>>{{"cpu", "A: 53"}, {"cores", "4"}}));
}

// One to four letters of the text changed, dropped or doubled.
std::string edited(std::string text, Rng& rng) {
  for (std::int64_t i = rng.below(4); i >= 0; --i) {
    const auto at = static_cast<std::size_t>(rng.below(static_cast<std::int64_t>(text.size())));
    const std::string letters = "{}[]:,-#&*'\"\n 0123456789eg%msKB\x01\xff";
    const char letter = letters[static_cast<std::size_t>(rng.below(static_cast<std::int64_t>(letters.size())))];
    switch (rng.below(3)) {
      case 0: text[at] = letter; break;
      case 1: text.erase(at, 1); break;
      default: text.insert(at, 1, letter);
    }
  }
  return text;
}

// Whatever stands in a file: a profile that fits, or mistakes with their places.
TEST(Profile, AnyTextIsReadOrRefused) {
  Rng rng(11, kTestStream, 0);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::string text = edited(kGacoin, rng);
    refused += mistakes("p.yaml", text).empty() ? 0 : 1;
  }
  EXPECT_GT(refused, 1000);
  EXPECT_LT(refused, 3000);
}

void expect_equal(const Profile& a, const Profile& b) {
  EXPECT_EQ(std::tie(a.model, a.graph_hash, a.device, a.batch, a.host),
            std::tie(b.model, b.graph_hash, b.device, b.batch, b.host));
  ASSERT_EQ(a.nodes.size(), b.nodes.size());
  for (std::size_t i = 0; i < a.nodes.size(); ++i)
    EXPECT_EQ(std::tie(a.nodes[i].node, a.nodes[i].measured), std::tie(b.nodes[i].node, b.nodes[i].measured));
  ASSERT_EQ(a.segments.size(), b.segments.size());
  for (std::size_t i = 0; i < a.segments.size(); ++i)
    EXPECT_EQ(std::tie(a.segments[i].from, a.segments[i].to, a.segments[i].measured),
              std::tie(b.segments[i].from, b.segments[i].to, b.segments[i].measured));
  ASSERT_EQ(a.shares.size(), b.shares.size());
  for (std::size_t i = 0; i < a.shares.size(); ++i)
    EXPECT_EQ(std::tie(a.shares[i].split, a.shares[i].ways, a.shares[i].to, a.shares[i].measured),
              std::tie(b.shares[i].split, b.shares[i].ways, b.shares[i].to, b.shares[i].measured));
}

void expect_round_trip(const std::vector<Profile>& profiles) {
  const std::vector<Profile> read = read_profiles_text("p.yaml", to_yaml(profiles));
  ASSERT_EQ(read.size(), profiles.size()) << to_yaml(profiles);
  for (std::size_t i = 0; i < read.size(); ++i) expect_equal(profiles[i], read[i]);
}

TEST(ProfileText, IsReadBackTheSame) {
  expect_round_trip(read_profiles_text("p.yaml", kGacoin));
  Profile strange;
  strange.device = "null";
  strange.graph_hash = "0000000000000012";
  strange.batch = 128;
  strange.host = {{"cpu", "Intel(R) \"Xeon\" \\ @ 2.5GHz: #1"}, {"note", "- a, {b} 'c'"}, {"utf8", "µ"}};
  strange.nodes = {{"yes", {.seconds = 1e-9}, {}}, {"a/b", {.seconds = 100, .spread = 2.5}, {}}};
  expect_round_trip({strange, read_profiles_text("p.yaml", kGacoin).front()});
}

// Any time at all; spreads as a file can hold them: a number of per cent.
TEST(ProfileText, KeepsEveryBitOfAMeasurement) {
  Rng rng(7, 0, 0);
  Profile random;
  random.device = "a";
  for (int i = 0; i < 2000; ++i) {
    const double seconds = std::pow(10.0, 14 * rng.uniform() - 10) * (1 + rng.uniform());
    const double spread = 0.01 * (std::round(1e6 * rng.uniform()) / 1e4);
    random.nodes.push_back(
        {"n" + std::to_string(i), {seconds, spread, static_cast<std::int64_t>(rng.below(1U << 30))}, {}});
  }
  expect_round_trip({random});
}

TEST(ProfileText, IsWhatAPersonWouldWrite) {
  const std::string text = to_yaml(read_profiles_text("p.yaml", kGacoin));
  EXPECT_NE(text.find("- {from: g1, seconds: 51.42ms, spread: 3%}\n"), std::string::npos) << text;
  EXPECT_NE(text.find("- {node: stem, seconds: 1.2ms, memory: 64KiB}\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace cleave
