"""cleave profile: what it prints, what it writes, what it refuses, and Ctrl-C."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import unittest

import yaml

from support import CLEAVE, CliTest

NET = """version: 1
name: small
network:
  input: {image: [3, 16, 16], scale: [0, 1]}
  layers:
    - conv2d: {filters: 8, kernel: 3, padding: same, bias: false}
      name: first
    - batch_norm
    - relu
    - repeat: {times: 2, body: [{conv2d: {filters: 8, kernel: 3, padding: same}}, relu]}
      name: block
    - flatten
    - sign
    - dense: {units: 64}
      name: bits
      weights: {binary: [-1, 1]}
    - dense: {units: 10}
      name: out
placement: {cuts: {after: [first, block]}}
"""
NODES = ["first", "batch_norm", "relu", "block/0/conv2d", "block/0/relu", "block/1/conv2d", "block/1/relu", "flatten",
         "sign", "bits", "out"]


class Profile(CliTest):
    def setUp(self):
        super().setUp()
        self.net = self.write("small.yaml", NET)

    def profile(self, *arguments, **kwargs):
        return self.cleave("profile", self.net, "--repeats", "3", *arguments, **kwargs)

    def written(self, name="profile.yaml"):
        return yaml.safe_load(self.read(name))

    def test_writes_every_node_and_segment_with_host_facts(self):
        _, err = self.profile()
        self.assertIn("11 nodes and 6 segments written to profile.yaml", err)
        profile = self.written()["profiles"][0]
        self.assertEqual([node["node"] for node in profile["nodes"]], NODES)
        ends = [(segment.get("from"), segment.get("to")) for segment in profile["segments"]]
        self.assertEqual(ends, [(None, None), (None, "first"), (None, "block"), ("first", None), ("block", None),
                                ("first", "block")])
        self.assertEqual((profile["device"], profile["model"], profile["batch"]), ("this-machine", "small", 1))
        self.assertRegex(profile["graph"], "^[0-9a-f]{16}$")
        for fact in ("cores", "kernel", "date", "cleave", "threads", "repeats"):
            self.assertIn(fact, profile["host"])

    def test_table_has_a_row_for_each_layer_that_inference_computes(self):
        out, _ = self.profile()
        self.assertRegex(out, r"layer +op +ms +spread % +speed +share %\nfirst +conv2d \+ batch_norm \+ relu +\d")
        self.assertRegex(out, r"bits +dense +\d+\.\d{4} +\d+\.\d +\d+\.\d Gop/s")
        self.assertRegex(out, r"out +dense +\d+\.\d{4} +\d+\.\d +\d+\.\d GFLOP/s")
        self.assertRegex(out, r"first +block +\d")
        self.assertIn("small for 'this-machine', 1 sample a frame, 1 thread, median of 3", out)
        self.assertTrue(all(len(line) <= 100 for line in out.split("\n")))

    def test_json_csv_and_md_hold_the_same(self):
        report = json.loads(self.profile("--format", "json")[0])
        self.assertEqual([node["node"] for node in report["nodes"]], NODES)
        self.assertTrue(report["complete"])
        self.assertAlmostEqual(sum(layer["share"] for layer in report["layers"]), 1)
        rows = list(csv.DictReader(io.StringIO(self.profile("--format", "csv")[0])))
        self.assertEqual({row["kind"] for row in rows}, {"layer", "node", "segment"})
        self.assertEqual(sum(row["kind"] == "node" for row in rows), len(NODES))
        self.assertIn("| layer ", self.profile("--format", "md")[0])

    def test_batch_device_and_threads_are_as_asked(self):
        out, _ = self.profile("--batch", "4", "--device", "card", "--output", "card.yaml", "--threads", "0")
        profile = self.written("card.yaml")["profiles"][0]
        self.assertEqual((profile["batch"], profile["device"]), (4, "card"))
        self.assertEqual(int(profile["host"]["threads"]), os.cpu_count())
        self.assertIn("4 samples a frame", out)

    def test_a_batch_in_the_model_is_the_default(self):
        self.profile("--set", "inference.batch=3")
        self.assertEqual(self.written()["profiles"][0]["batch"], 3)

    def test_one_file_holds_several_batches_and_devices(self):
        self.profile()
        self.profile("--batch", "2")
        self.profile("--device", "card")
        self.profile("--batch", "2")
        self.assertEqual(sorted((p["device"], p["batch"]) for p in self.written()["profiles"]),
                         [("card", 1), ("this-machine", 1), ("this-machine", 2)])

    def test_an_edited_network_replaces_what_was_measured_of_it(self):
        self.profile("--batch", "2")
        self.write("small.yaml", NET.replace("filters: 8", "filters: 4"))
        self.profile()
        self.assertEqual([p["batch"] for p in self.written()["profiles"]], [1])

    def test_leaves_files_alone_that_it_did_not_write(self):
        own = "version: 1\ndevice: card\nnodes: [{node: out, seconds: 1ms}]\n"
        self.write("profile.yaml", own)
        self.assertIn("was not written by `cleave profile`", self.error_line("profile", self.net, code=2))
        self.assertEqual(self.read("profile.yaml"), own)
        self.profile("--output", "other.yaml")
        self.write("other_net.yaml", NET.replace("name: small", "name: other"))
        err = self.error_line("profile", "other_net.yaml", "--output", "other.yaml", code=2)
        self.assertIn("it holds a profile of 'small'", err)

    def test_refuses_where_it_cannot_write_before_it_measures(self):
        self.assertIn("there is no such folder", self.error_line("profile", self.net, "--output", "no/p.yaml", code=2))
        self.assertIn("is a folder", self.error_line("profile", self.net, "--output", self.folder, code=2))

    def test_refuses_what_is_no_network(self):
        swarm = self.write("swarm.yaml", "version: 1\ndevices: {a: {preset: raspberry-pi-3b}}\n")
        self.assertIn("has no network", self.error_line("profile", swarm, code=2))
        self.error_line("profile", self.net, "--batch", "0", code=2)
        self.error_line("profile", self.net, "--repeats", "0", code=2)
        self.cleave("profile", "none.yaml", code=3)

    def test_refuses_what_could_not_be_read_again_before_it_measures(self):
        self.write("small.yaml", "version: 1\nname: deep\nnetwork:\n  input: {vector: 2}\n  layers: "
                   "[{repeat: {times: 1000, body: [relu, relu, relu, relu]}}]\n")
        self.assertIn("too large to be read again", self.error_line("profile", self.net, "-q", code=2))
        self.assertFalse(os.path.exists(self.path("profile.yaml")))

    def test_largest_profile_can_be_read_again(self):
        self.write("small.yaml", "version: 1\nname: deep\nnetwork:\n  input: {vector: 2}\n  layers: "
                   "[{repeat: {times: 875, body: [relu, relu, relu, relu]}}]\n")
        _, err = self.cleave("profile", self.net, "--repeats", "1")
        self.assertIn("3500 nodes", err)
        err = self.error_line("profile", self.net, "-q", "--batch", "2", code=2)  # reads it, and adds to it
        self.assertIn("with the profiles it holds it would be too large", err)

    def test_takes_start_weights_where_the_models_are_not_there_but_not_where_they_were_asked_for(self):
        self.write("small.yaml", NET.replace("  layers:", "  weights: {load: none.safetensors}\n  layers:"))
        self.profile()
        self.error_line("profile", self.net, "--weights", "none.safetensors", "--output", "x.yaml", code=1)

    def test_ctrl_c_writes_what_was_measured(self):
        running = subprocess.Popen([CLEAVE, "profile", self.net, "--repeats", "100000", "--color", "always"],
                                   cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        shown = b""
        while not any(int(done) > 500 for done in re.findall(rb"  (\d+)/", shown)):  # behind the warm-ups
            shown += running.stderr.read1()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
        self.assertEqual(running.returncode, 130)
        self.assertIn(b"profile.yaml holds what was measured", err)
        self.assertIn(b"first", out)
        profile = self.written()["profiles"][0]
        self.assertIn("stopped", profile["host"])
        self.assertTrue(profile["nodes"])

    def test_many_places_to_cut_are_thinned_and_it_says_so(self):
        layers = ", ".join("{dense: {units: 4}}" for _ in range(40))
        self.write("small.yaml", "version: 1\nname: deep\nnetwork:\n  input: {vector: 4}\n  layers: [%s]\n" % layers)
        _, err = self.profile()
        self.assertIn("24 of 39 places to cut at are measured", err)
        self.assertEqual(len(self.written()["profiles"][0]["segments"]), 1 + 24 + 24 + 23)


if __name__ == "__main__":
    unittest.main()
