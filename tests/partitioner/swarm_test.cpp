#include "partitioner/swarm.h"

#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "partitioner/check_swarm.h"
#include "tests/support/files.h"
#include "tests/support/models.h"

namespace cleave {

namespace {

Swarm swarm_in(const std::string& text) {
  const Model model = model_of("version: 1\n" + text);
  Diagnostics found(model.reading.sources);
  Swarm swarm = read_swarm(model.reading.doc, found);
  EXPECT_TRUE(found.empty());
  return swarm;
}

// What is wrong with a swarm in which the language finds nothing.
std::vector<Diagnostic> mistakes_of(const std::string& text) {
  const Model model = model_of("version: 1\n" + text);
  Diagnostics found(model.reading.sources);
  check_swarm(model.graph, model.reading.doc, found);
  try {
    found.throw_if_any();
  } catch (const ModelError& error) {
    return error.diagnostics();
  }
  return {};
}

std::string devices_named(const std::string& names) {
  std::string text = "devices:\n";
  for (const char name : names) text += fmt::format("  {}: {{preset: raspberry-pi-3b}}\n", name);
  return text;
}

std::string overrides(const std::vector<std::string>& pairs) {
  std::string text = "links:\n  overrides:\n";
  for (const std::string& pair : pairs)
    text += fmt::format("    - {{between: [{}, {}], bandwidth: 40Mbit/s}}\n", pair[0], pair[1]);
  return text;
}

const Device& only_device(const Swarm& swarm) { return swarm.devices.at(0); }

}  // namespace

TEST(Swarm, IsEmptyWithoutDevices) {
  const Swarm swarm = swarm_in("network: {input: {vector: 4}, layers: [{dense: {units: 2}}]}\n");
  EXPECT_TRUE(swarm.devices.empty());
  EXPECT_EQ(swarm.source, -1);
}

TEST(Swarm, MarksEveryFigureOfAPresetAsAnEstimate) {
  const Device pi = only_device(swarm_in("devices: {a: {preset: raspberry-pi-3b}}\n"));
  EXPECT_EQ(pi.preset, "raspberry-pi-3b");
  EXPECT_EQ(pi.memory_bytes, std::int64_t{1} << 30);
  for (const Figure& figure : {pi.real_flops, pi.binary_ops, pi.bytes_per_s, pi.idle_w, pi.compute_w, pi.standby_w}) {
    EXPECT_TRUE(figure.estimate);
    EXPECT_GT(figure.value, 0);
  }
  EXPECT_TRUE(std::isinf(pi.battery_j));
}

TEST(Swarm, HostsAreTheDevicesNamesWhereNoneIsStated) {
  const Swarm swarm = swarm_in("devices: {a: {}, b: {host: b.local}, c: {host: 192.168.1.7, port: 7301}}\n");
  EXPECT_EQ(swarm.devices[0].host, "a");
  EXPECT_EQ(swarm.devices[0].port, kWorkerPort);
  EXPECT_EQ(swarm.devices[1].host, "b.local");
  EXPECT_EQ(swarm.devices[2].host, "192.168.1.7");
  EXPECT_EQ(swarm.devices[2].port, 7301);
}

TEST(Swarm, HostsAreNamesAndAddressesOnly) {
  for (const char* host : {"j4.local", "10.0.0.7", "::1", "fe80::1:2", "card_3", "9", "a."})
    EXPECT_TRUE(is_host(host)) << host;
  for (const char* host : {"", "-a", ".a", "a b", "a:1", "[::1]", "a\nb", "a;b", "a$b", "\"a\"", "a/b", "x::1", "é"})
    EXPECT_FALSE(is_host(host)) << host;
  EXPECT_FALSE(is_host(std::string(254, 'a')));
}

TEST(Swarm, TwoDevicesMayShareAHostButNotAPort) {
  EXPECT_TRUE(mistakes_of("devices: {a: {host: x, port: 1}, b: {host: x, port: 2}}\n").empty());
  const std::vector<Diagnostic> found = mistakes_of("devices: {a: {host: x}, b: {host: x}, c: {host: x, port: 2}}\n");
  ASSERT_EQ(found.size(), 1);
  EXPECT_EQ(found[0].message, "'a' and 'b' are both on port 7300 of x");
}

TEST(Swarm, TakesWhatIsGivenBesideAPreset) {
  const Device pi = only_device(
      swarm_in("devices: {a: {preset: raspberry-pi-3b, memory: 512MiB, reserve: 64MiB, compute: {real: 2GFLOP/s}, "
               "power: {idle: 2W, compute: 4W, standby: 0W}, battery: 10Wh}}\n"));
  EXPECT_EQ(pi.memory_bytes, 512 << 20);
  EXPECT_EQ(pi.reserve_bytes, 64 << 20);
  EXPECT_EQ(pi.real_flops, (Figure{2e9, false}));
  EXPECT_TRUE(pi.binary_ops.estimate);
  EXPECT_EQ(pi.idle_w, (Figure{2, false}));
  EXPECT_EQ(pi.compute_w, (Figure{4, false}));
  EXPECT_EQ(pi.standby_w, (Figure{0, false}));
  EXPECT_EQ(pi.battery_j, 36000);
}

TEST(Swarm, TakesIdlePowerForStandbyWhereOnlyIdleIsGiven) {
  const Device pi = only_device(swarm_in("devices: {a: {preset: raspberry-pi-5-8gb, power: {idle: 2.5W}}}\n"));
  EXPECT_EQ(pi.standby_w, (Figure{2.5, true}));
}

TEST(Swarm, BendsAnEstimateThatContradictsWhatIsGiven) {
  const Device low = only_device(swarm_in("devices: {a: {preset: raspberry-pi-3b, power: {compute: 1W}}}\n"));
  EXPECT_EQ(low.idle_w, (Figure{1, true}));
  const Device high = only_device(swarm_in("devices: {a: {preset: raspberry-pi-3b, power: {idle: 9W}}}\n"));
  EXPECT_EQ(high.compute_w, (Figure{9, true}));
  const Device small = only_device(swarm_in("devices: {a: {preset: raspberry-pi-3b, memory: 64MiB}}\n"));
  EXPECT_EQ(small.reserve_bytes, 16 << 20);
}

TEST(Swarm, ScalesAnEstimatedSpeedByTheCoresGiven) {
  const Device two = only_device(swarm_in("devices: {a: {preset: raspberry-pi-3b, cores: 2}}\n"));
  const Device four = only_device(swarm_in("devices: {a: {preset: raspberry-pi-3b}}\n"));
  EXPECT_DOUBLE_EQ(2 * two.real_flops.value, four.real_flops.value);
  EXPECT_DOUBLE_EQ(2 * two.binary_ops.value, four.binary_ops.value);
}

TEST(Swarm, AssumesASmallBoardWhereNothingIsStated) {
  const Device unknown = only_device(swarm_in("devices: {a: {compute: {real: 1GFLOP/s}}}\n"));
  EXPECT_EQ(unknown.preset, "");
  EXPECT_EQ(unknown.memory_bytes, std::int64_t{2} << 30);
  EXPECT_DOUBLE_EQ(unknown.binary_ops.value, 7.5e9);  // in proportion
  EXPECT_TRUE(unknown.binary_ops.estimate);
}

TEST(Swarm, ReadsTheShippedSwarm) {
  const Model model =
      load_model(std::string(CLEAVE_SOURCE_DIR) + "/graphs/models/cifar10-cascade.yaml", cleave_language());
  Diagnostics found(model.reading.sources);
  const Swarm swarm = read_swarm(model.reading.doc, found);
  ASSERT_EQ(swarm.devices.size(), 5U);
  EXPECT_EQ(swarm.source, find_device(swarm, "j4"));
  const std::size_t p2 = 3, j2 = 4;
  EXPECT_EQ(swarm.devices[j2].real_flops, (Figure{8e9, false}));
  EXPECT_EQ(swarm.links[0][1], (Link{{940e6, false}, {0.3e-3, false}, false}));
  EXPECT_EQ(swarm.links[j2][p2], (Link{{40e6, false}, {2e-3, false}, false}));
  EXPECT_TRUE(found.empty());
}

TEST(Swarm, EstimatesEveryLinkWhereNoneIsDescribed) {
  const Swarm swarm = swarm_in(devices_named("ab"));
  EXPECT_TRUE(swarm.links[0][1].exists());
  EXPECT_TRUE(swarm.links[0][1].bandwidth_bps.estimate);
  EXPECT_TRUE(swarm.links[0][1].latency_s.estimate);
}

TEST(Swarm, HasNoPathWhereLinksNameNone) {
  const Swarm swarm = swarm_in(devices_named("abc") + overrides({"ab", "bc"}));
  EXPECT_TRUE(swarm.links[0][1].exists());
  EXPECT_TRUE(swarm.links[2][1].exists());
  EXPECT_FALSE(swarm.links[0][2].exists());
}

TEST(Swarm, CompletesAnOverrideFromTheDefault) {
  const Swarm swarm = swarm_in(devices_named("abc") +
                               "links:\n  default: {bandwidth: 10Mbit/s, latency: 5ms, duplex: half}\n"
                               "  overrides: [{between: [c, a], latency: 1ms}]\n");
  EXPECT_EQ(swarm.links[0][1], (Link{{10e6, false}, {5e-3, false}, true}));
  EXPECT_EQ(swarm.links[0][2], (Link{{10e6, false}, {1e-3, false}, true}));
  EXPECT_EQ(swarm.links[2][0], swarm.links[0][2]);
}

TEST(Swarm, EstimatesTheBandwidthOfALinkWithLatencyAlone) {
  const Swarm swarm = swarm_in(devices_named("ab") + "links: {overrides: [{between: [a, b], latency: 2ms}]}\n");
  EXPECT_TRUE(swarm.links[0][1].bandwidth_bps.estimate);
  EXPECT_TRUE(swarm.links[0][1].exists());
  EXPECT_EQ(swarm.links[0][1].latency_s, (Figure{2e-3, false}));
}

TEST(Swarm, MayBeAChainOfLinks) {
  EXPECT_TRUE(mistakes_of(devices_named("abcd") + overrides({"ab", "bc", "cd"})).empty());
}

TEST(Swarm, TellsEveryDeviceThatNothingReaches) {
  const std::vector<Diagnostic> found = mistakes_of(devices_named("abcd") + overrides({"bd"}));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].message, "device 'a' has no link to any other device");
  EXPECT_EQ(found[0].pos.line, 3);
  EXPECT_EQ(found[1].message, "device 'c' has no link to any other device");
}

TEST(Swarm, TellsEveryIslandOnce) {
  const std::vector<Diagnostic> found = mistakes_of(devices_named("abcdef") + overrides({"ab", "cd", "ef"}));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].message, "no path leads from device 'a' to device 'c'");
  EXPECT_EQ(found[1].message, "no path leads from device 'a' to device 'e'");
}

TEST(Swarm, OfOneDeviceNeedsNoLinks) {
  EXPECT_TRUE(mistakes_of(devices_named("a") + "links: {default: {latency: 1ms}}\n").empty());
  EXPECT_TRUE(mistakes_of(devices_named("a") + "links: {overrides: []}\n").empty());
}

TEST(Swarm, HoldsAtMost64Devices) {
  const auto many = [](int count) {
    std::string text = "devices:\n";
    for (int i = 0; i < count; ++i) text += fmt::format("  d{}: {{}}\n", i);
    return text;
  };
  EXPECT_TRUE(mistakes_of(many(64)).empty());
  const std::vector<Diagnostic> found = mistakes_of(many(65));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].message, "65 devices; the limit is 64");
}

TEST(SwarmOf, CopiesAPresetUnderLetters) {
  const Swarm swarm = swarm_of(28, "jetson-nano-2gb", model_of("version: 1\ndevices: {x: {}}\n").reading.doc);
  ASSERT_EQ(swarm.devices.size(), 28U);
  EXPECT_EQ(swarm.devices[0].name, "a");
  EXPECT_EQ(swarm.devices[25].name, "z");
  EXPECT_EQ(swarm.devices[27].name, "b2");
  EXPECT_EQ(swarm.devices[27].real_flops, (Figure{8e9, true}));
  EXPECT_EQ(swarm.source, -1);
  EXPECT_TRUE(swarm.links[3][5].bandwidth_bps.estimate);
}

TEST(SwarmOf, TakesTheDefaultLinksOfTheModel) {
  const Model model = model_of("version: 1\ndevices: {x: {}}\nlinks: {default: {bandwidth: 40Mbit/s, latency: 2ms}}\n");
  const Swarm swarm = swarm_of(3, "this-machine", model.reading.doc);
  EXPECT_EQ(swarm.links[0][2], (Link{{40e6, false}, {2e-3, false}, false}));
}

TEST(SwarmOf, RefusesUnknownPresetsAndImpossibleCounts) {
  const DocNode doc;
  EXPECT_EQ(error_of<UserError>([&] { swarm_of(2, "jetson-nano-2g", doc); }),
            "there is no preset 'jetson-nano-2g'; did you mean 'jetson-nano-2gb'?");
  EXPECT_EQ(error_of<UserError>([&] { swarm_of(0, "this-machine", doc); }), "0 devices; there may be 1 to 64");
  EXPECT_EQ(error_of<UserError>([&] { swarm_of(65, "this-machine", doc); }), "65 devices; there may be 1 to 64");
  EXPECT_EQ(swarm_of(64, "this-machine", doc).devices.size(), 64U);
}

TEST(CheckSwarm, AcceptsEveryShippedModel) {
  for (const std::filesystem::path& file : all_model_files()) {
    const Model model = load_model(file.string(), cleave_language());
    Diagnostics found(model.reading.sources);
    check_swarm(model.graph, model.reading.doc, found);
    EXPECT_TRUE(found.empty()) << file;
  }
}

TEST(CheckSwarm, CountsABatchOfTrainingAgainstMemory) {
  const std::string model =
      "devices: {a: {memory: 8MB, reserve: 0MB}}\n"
      "data: {train: {dataset: two_moons}}\n"
      "network: {input: {vector: 2}, loss: {cross_entropy: {reduce: sum}}, modules: [{name: m, body: [{dense: {units: "
      "1000}}], head: [{dense: {units: 2}}]}]}\n"
      "placement: {mode: manual, map: {m: a}}\n";
  EXPECT_TRUE(mistakes_of(model + "training: {batch: 1900}\n").empty());  // 20 kB of weights and 4 016 B a sample
  const std::vector<Diagnostic> found = mistakes_of(model + "training: {batch: 2000}\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].message, "'a' would hold 20 kB of weights and 8.03 MB of a batch, and has room for 8 MB");
}

}  // namespace cleave
