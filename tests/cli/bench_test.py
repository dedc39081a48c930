"""cleave bench: what it prints and writes, and when it calls a network slower. No figure is tested here."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import unittest

from support import CLEAVE, CliTest

NET = """version: 1
name: small
network:
  input: {image: [3, 8, 8]}
  layers:
    - conv2d: {filters: 8, kernel: 3, padding: same, bias: false}
      name: first
    - batch_norm
    - relu
    - flatten
    - dense: {units: 4}
      name: out
"""


class Bench(CliTest):
    def setUp(self):
        super().setUp()
        self.net = self.write("small.yaml", NET)

    def bench(self, *arguments, code=0):
        return self.cleave("bench", self.net, "--seconds", "0.05", "--threads", "1", *arguments, code=code)

    def save(self):
        self.bench("--save", "before.json")
        return json.loads(self.read("before.json"))

    def refusal(self, *arguments):
        return self.error_line("bench", self.net, "-q", "--threads", "1", "--compare", "before.json", *arguments,
                               code=2)

    def test_prints_latency_rate_and_memory(self):
        out, err = self.bench()
        self.assertRegex(out, r"latency, ms +[\d.e-]+ +[\d.e-]+ +[\d.e-]+ +\d+\.\d +[\d ]+ frames\n")
        self.assertRegex(out, r"samples/s +[\d.e+]+ +[\d.e+]+ +[\d.e+]+ +\d+\.\d +[\d ]+ slices\n")
        self.assertRegex(out, r"memory: .*B activations, .*B weights; the whole process at most .*B\n")
        self.assertRegex(out, r"J a frame|no joules: ")
        self.assertIn("random weights of seed 1", err)

    def test_nodes_are_those_that_inference_runs_and_share_all_the_time(self):
        report = json.loads(self.bench("--nodes", "--format", "json")[0])
        self.assertEqual([node["node"] for node in report["nodes"]], ["first", "flatten", "out"])
        self.assertAlmostEqual(sum(node["share"] for node in report["nodes"]), 1)
        first = report["nodes"][0]
        mult_adds = 8 * 3 * 9 * 8 * 8  # filters, channels, window, pixels
        self.assertAlmostEqual(first["mult_adds_per_s"] * first["seconds"] / mult_adds, 1)

    def test_csv_and_md_hold_the_same_rows(self):
        rows = list(csv.DictReader(io.StringIO(self.bench("--format", "csv")[0])))
        self.assertEqual([row["what"] for row in rows], ["latency", "per_sample"])
        self.assertLessEqual(float(rows[0]["p50_s"]), float(rows[0]["p99_s"]))
        self.assertIn("| latency, ms |", self.bench("--format", "md")[0])

    def test_batch_threads_and_weights_are_as_asked(self):
        report = json.loads(self.bench("--batch", "4", "--in-flight", "2", "--format", "json")[0])
        self.assertEqual((report["batch"], report["threads"], report["in_flight"]), (4, 1, 2))
        self.assertEqual(report["weights"], "random")
        self.cleave("bench", self.net, "--weights", "none.safetensors", code=1)

    def test_the_same_again_is_not_slower(self):
        self.save()
        out, _ = self.bench("--compare", "before.json", "--tolerance", "1000")
        self.assertRegex(out, r"latency .* as before\n")

    def test_ten_thousand_times_slower_exits_6(self):
        before = self.save()
        before["latency"]["p50_s"] /= 10000
        before["per_sample"]["spread"] = 1e6  # whatever else the machine does now
        self.write("before.json", json.dumps(before))
        out, _ = self.bench("--compare", "before.json", code=6)
        self.assertRegex(out, r"latency .* slower\n")
        self.assertRegex(out, r"full load .* as before\n")

    def test_a_slowdown_within_the_spread_is_none(self):
        before = self.save()
        for part in ("latency", "per_sample"):
            before[part]["p50_s"] /= 10000
            before[part]["spread"] = 1e6
        self.write("before.json", json.dumps(before))
        self.bench("--compare", "before.json")

    def test_refuses_to_compare_another_network(self):
        self.save()
        self.write("small.yaml", NET.replace("filters: 8", "filters: 4"))
        self.assertIn("it is of another network ('small')", self.refusal())

    def test_refuses_to_compare_another_machine_or_setting(self):
        before = self.save()
        self.assertIn("add --batch 1", self.refusal("--batch", "2"))
        before["host"]["cpu"] = "Abacus"
        self.write("before.json", json.dumps(before))
        self.assertIn("it was measured on 'Abacus'", self.refusal())

    def test_refuses_to_compare_what_is_no_bench(self):
        for text in ("", "[1]", "{}", '{"bench": 1, "graph": 7}'):
            self.write("before.json", text)
            self.assertIn("was not written by `cleave bench --save`", self.refusal())
        self.error_line("bench", self.net, "-q", "--compare", "none.json", code=1)

    def test_ctrl_c_prints_what_there_is_and_saves_nothing(self):
        running = subprocess.Popen([CLEAVE, "bench", self.net, "--seconds", "300", "--color", "always", "--save",
                                    "x.json"], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        shown = b""
        while not re.search(rb"latency \[", shown):
            shown += running.stderr.read1()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
        self.assertEqual(running.returncode, 130)
        self.assertIn(b"latency, ms", out)
        self.assertIn(b"stopped before all was measured", err)
        self.assertFalse(os.path.exists(self.path("x.json")))


if __name__ == "__main__":
    unittest.main()
