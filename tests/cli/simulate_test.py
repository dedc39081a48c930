"""cleave simulate: plans run as predicted, what queues, jitter, batteries and failures do to them, and its messages."""

import csv
import io
import json
import os
import unittest
import xml.dom.minidom

from support import CliTest

SWARM = """devices:
  a: {memory: 1GB, compute: {real: 1MFLOP/s, binary: 10Mop/s}, power: {idle: 1W, compute: 3W}}
  b: {memory: 1GB, compute: {real: 1MFLOP/s, binary: 10Mop/s}, power: {idle: 1W, compute: 3W}, battery: 1J}
  c: {memory: 1GB, compute: {real: 2MFLOP/s, binary: 20Mop/s}, power: {idle: 1W, compute: 3W}, battery: 2kJ}
links:
  default: {bandwidth: 100Mbit/s, latency: 0.1ms}
placement: {objective: throughput}
"""


class SwarmTest(CliTest):
    def setUp(self):
        super().setUp()
        text = self.read("moons.yaml").replace("units: 12", "units: 64") + SWARM
        self.model = self.write("swarm.yaml", text)

    def report(self, *arguments):
        out, _ = self.cleave("simulate", self.model, "--format", "json", *arguments)
        return json.loads(out)


class Simulate(SwarmTest):
    def test_the_period_is_the_plans(self):
        for cost_model in ["overlapped", "summed", "gacoin"]:
            report = self.report("--cost-model", cost_model)
            self.assertEqual((report["end"], report["done"]), ("all_frames", 1000))
            self.assertGreater(len(report["devices"]), 1)
            self.assertAlmostEqual(report["period_s"] / report["plan"]["period_s"], 1, delta=0.01)
            self.assertAlmostEqual(report["work_joules_per_frame"] / report["plan"]["joules"], 1, delta=1e-9)

    def test_the_latency_of_one_frame_is_the_plans(self):
        report = self.report("--frames", "1")
        self.assertAlmostEqual(report["latency_p50_s"] / report["plan"]["latency_s"], 1, delta=1e-9)
        self.assertIsNone(report["period_s"])

    def test_a_slow_source_sets_the_period_and_keeps_the_latency_low(self):
        full = self.report()
        rate = 0.5 / full["plan"]["period_s"]
        slow = self.report("--rate", f"{rate:.6f}/s")
        self.assertAlmostEqual(slow["period_s"] * rate, 1, delta=1e-5)
        self.assertLess(slow["latency_p99_s"], full["latency_p50_s"])
        self.assertEqual(self.report("--rate", "max")["period_s"], full["period_s"])

    def test_a_fast_source_has_to_wait(self):
        self.assertGreater(self.report("--rate", "100000/s")["source_max"], 900)
        out, _ = self.cleave("simulate", self.model, "--rate", "100000/s")
        self.assertIn("the source is too fast", out)

    def test_jitter_depends_on_the_seed_alone(self):
        first = self.report("--jitter", "20%", "--seed", "5")
        self.assertEqual(first, self.report("--jitter", "20%", "--seed", "5"))
        self.assertNotEqual(first["period_s"], self.report("--jitter", "20%", "--seed", "6")["period_s"])
        self.assertGreater(first["latency_p99_s"], first["latency_p50_s"])

    def test_a_failing_device_is_told(self):
        device = max(self.report()["devices"], key=lambda d: d["compute_s"])["device"]
        stop = 20.5 * self.report()["plan"]["period_s"]
        report = self.report("--fail", f"{device}@{stop:.9f}")
        self.assertEqual((report["end"], report["stopped_device"]), ("device_failed", device))
        self.assertGreater(report["lost"], 0)  # the slowest always has a frame
        self.assertTrue(15 < report["done"] < 22, report["done"])
        out, _ = self.cleave("simulate", self.model, "--fail", f"{device}@{stop:.9f}")
        self.assertRegex(out, rf"{device} failed after .*\n\d+ frames were done, \d+ of these after that; \d+ lost in it")

    def test_an_empty_battery_ends_it(self):
        report = self.report("--batteries", "--frames", "100000")
        self.assertEqual((report["end"], report["stopped_device"]), ("battery_empty", "b"))
        b = next(device for device in report["devices"] if device["device"] == "b")
        self.assertAlmostEqual(b["joules"], 1, delta=1e-6)

    def test_a_saved_plan_is_run_as_it_was_found(self):
        self.cleave("plan", self.model, "-o", "saved")
        self.assertEqual(self.report("--plan", os.path.join("saved", "plan.yaml")), self.report())

    def test_the_placement_a_model_states_is_run(self):
        stated = "placement={mode: manual, map: {m1: b, m2: a}}"
        self.assertEqual(self.report("--set", stated)["cards"], "b|a")
        self.assertNotEqual(self.report("--set", stated, "--objective", "throughput")["cards"], "b|a")

    def test_tables_have_a_row_for_each_device(self):
        names = [device["device"] for device in self.report()["devices"]]
        rows = list(csv.DictReader(io.StringIO(self.cleave("simulate", self.model, "--format", "csv")[0])))
        self.assertEqual([row["device"] for row in rows], names)
        for row in rows:
            self.assertAlmostEqual(sum(float(row[key + " %"]) for key in ["computing", "blocked", "starved"]), 100,
                                   delta=0.2)

    def test_text_fits_in_100_columns(self):
        out, _ = self.cleave("simulate", self.model, "--jitter", "10%", "--queue", "2", "--fail", "a@1")
        self.assertLessEqual(max(len(line) for line in out.split("\n")), 100)

    def test_the_timeline_is_a_picture(self):
        self.cleave("simulate", self.model, "--gantt", "timeline.svg")
        with xml.dom.minidom.parse(self.path("timeline.svg")) as picture:
            self.assertEqual(picture.documentElement.tagName, "svg")
            titles = [title.firstChild.data for title in picture.getElementsByTagName("title")]
        self.assertTrue(any(" computes frame 0: " in title for title in titles), titles[:3])
        self.cleave("simulate", self.model, "--gantt", os.path.join("none", "timeline.svg"), code=1)


class Mistakes(SwarmTest):
    def refused(self, *arguments, code=2):
        return self.error_line("simulate", self.model, *arguments, code=code)

    def test_are_one_line_that_says_what_would_be_right(self):
        self.assertIn("write 20/s", self.refused("--rate", "20"))
        self.assertIn("write 10%", self.refused("--jitter", "0.1"))
        self.assertIn("b@20", self.refused("--fail", "b"))
        self.assertIn("uses no device 'zebra'", self.refused("--fail", "zebra@3"))
        self.assertIn("the time of --fail", self.refused("--fail", f"{self.report()['devices'][0]['device']}@soon"))
        self.assertIn("--objective", self.refused("--plan", "plan.yaml", "--objective", "energy"))
        self.refused("--frames", "0")
        self.refused("--queue", "0")
        self.assertIn("--batteries", self.error_line("simulate", self.moons, "--devices", "2", "--batteries", code=2))

    def test_a_model_without_devices_says_how_to_plan_it(self):
        self.assertIn("--devices", self.error_line("simulate", self.moons, code=2))


if __name__ == "__main__":
    unittest.main()
