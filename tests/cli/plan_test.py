"""cleave plan: the cost table of Gacoin et al. from the paper's tables alone, and what every shipped model plans to."""
import csv
import io
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from support import CLEAVE

SOURCE = pathlib.Path(os.environ["CLEAVE_SOURCE_DIR"])
MODELS = SOURCE / "graphs" / "models"
RESNET = str(MODELS / "resnet20-split.yaml")
TIMES = str(SOURCE / "examples" / "03_where_to_cut" / "pi3b.yaml")
FREE_LINKS = ["--set", "links.default.latency=0s", "--set", "links.default.bandwidth=1000000Gbit/s"]

# The grid of the paper's Tables I and II, recomputed: (cut, ways) -> N, P, t_max in seconds. P of a vertical cut keeps
# the accuracy of the unsplit model, 0.915.
GRID = {
    ("g1", 1): (6.1004, 2.8618, 0.05410),
    ("g1", 2): (6.4184, 2.7093, 0.05142),
    ("g2", 1): (4.9332, 2.8112, 0.06690),
    ("g2", 2): (8.1449, 2.7346, 0.04052),
    ("g3", 1): (3.7393, 3.2513, 0.08826),
    ("g3", 2): (5.6814, 2.4277, 0.05809),
}


def cleave(*args):
    return subprocess.run([CLEAVE, *args], capture_output=True, text=True, timeout=120, check=False)


def plan(*args):
    return cleave("plan", RESNET, "--profile", TIMES, *FREE_LINKS, *args)


def plan_json(*args):
    done = plan("--format", "json", *args)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def chosen(table):
    return next(row for row in table["rows"] if row["chosen"])


class Gacoin(unittest.TestCase):
    def test_the_grid_follows_from_the_tables(self):
        rows = {(row["cut"], row["ways"]): row for row in plan_json()["rows"] if row["stages"] <= 3}
        for key, (frames, performance, period) in GRID.items():
            with self.subTest(key):
                self.assertAlmostEqual(rows[key]["frames_per_joule"], frames, delta=1e-4)
                self.assertAlmostEqual(rows[key]["performance"], performance, delta=1e-4)
                self.assertAlmostEqual(rows[key]["period_s"], period, delta=1e-9)
        base = rows[("-", 1)]
        self.assertAlmostEqual(base["frames_per_joule"], 3.4024, delta=1e-4)
        self.assertAlmostEqual(base["performance"], 3.1132, delta=1e-4)

    def test_per_joule_of_the_swarm_splitting_costs(self):
        rows = {(row["cut"], row["ways"]): row for row in plan_json()["rows"]}
        for key, frames in {("-", 1): 3.40, ("g1", 1): 3.05, ("g2", 2): 2.71}.items():
            self.assertAlmostEqual(rows[key]["frames_per_swarm_joule"], frames, delta=5e-3)

    def test_three_cards_split_behind_the_second_group(self):
        row = chosen(plan_json())
        self.assertEqual((row["cut"], row["split"], row["ways"], row["cards"]), ("g2", "branches", 2, "a+b|c"))

    def test_two_cards_cut_behind_the_first_group(self):
        row = chosen(plan_json("--devices", "2", "--objective", "lifetime"))
        self.assertEqual((row["cut"], row["ways"]), ("g1", 1))

    def test_the_text_tells_of_relay_and_of_p_against_balance(self):
        text = " ".join(plan().stdout.split())
        self.assertIn("relay instead of sharing: 2 cards N = 4.57, 3 cards N = 4.97", text)
        self.assertIn("the largest P (g3, balance 0.05) is not the most balanced cut (g1, balance 0.95)", text)
        self.assertIn("36 / 68 / 100 % of the multiply-adds, 51 / 62 / 95 % of the measured time", text)


class EveryModel(unittest.TestCase):
    def test_plans_for_four_cards_fit_a_hundred_columns(self):
        for model in sorted(MODELS.glob("*.yaml")):
            if model.name == "swarm5.yaml":
                continue
            with self.subTest(model.name):
                done = cleave("plan", str(model), "--devices", "4", "--objective", "throughput")
                self.assertEqual(done.returncode, 0, done.stderr)
                table = done.stdout.split("\n\n")[1]
                self.assertLessEqual(max(map(len, table.splitlines())), 100, table)
                self.assertIn("> ", table)

    def test_forms_hold_the_same_rows(self):
        table = plan_json()
        rows = list(csv.DictReader(io.StringIO(plan("--format", "csv").stdout)))
        self.assertEqual([row["cut"] for row in rows], [row["cut"] for row in table["rows"]])
        for a, b in zip(rows, table["rows"]):
            self.assertEqual(list(a), list(b))
            self.assertEqual(float(a["latency_s"]), b["latency_s"])
        self.assertEqual(plan("--format", "md").stdout.count("\n"), len(rows) + 2)


class Options(unittest.TestCase):
    def test_why_explains_a_row_and_names_the_nearest(self):
        text = plan("--why", "g2:2").stdout
        self.assertIn("share 1 of 2 (measured)", text)
        self.assertIn("N        8.1449", text)
        self.assertIn("no row 'g2:3'; did you mean 'g2:2'?", plan("--why", "g2:3").stderr)

    def test_a_plan_is_saved_and_locked(self):
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder) / "model.yaml"
            shutil.copy(MODELS / "fashion-hybrid.yaml", model)
            before = model.read_text(encoding="utf-8")
            done = cleave("plan", str(model), "--devices", "2", "-o", folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("stages:", (pathlib.Path(folder) / "plan.yaml").read_text(encoding="utf-8"))
            self.assertEqual(model.read_text(encoding="utf-8"), before)

    def test_nothing_fits_is_exit_4_with_the_missing_bytes(self):
        done = plan("--set", "placement.limits.memory=0.1%")
        self.assertEqual(done.returncode, 4)
        self.assertIn("no placement fits", done.stderr)
        self.assertRegex(done.stderr, r"would hold .* more than the .* it has for it")
        self.assertIn("it would fit with placement.limits.memory:", done.stderr)


CHAIN = """version: 1
devices:
  a: {preset: raspberry-pi-3b}
  b: {preset: raspberry-pi-4b-2gb}
  c: {preset: raspberry-pi-5-8gb}
  d: {preset: raspberry-pi-4b-8gb}
links: {default: {bandwidth: 100Mbit/s, latency: 1ms}}
network:
  input: {image: [3, 32, 32]}
  layers:
    - {conv2d: {filters: 16, kernel: 5, padding: same}, name: c1}
    - {conv2d: {filters: 16, kernel: 5, padding: same}, name: c2}
    - {max_pool: {size: all}}
"""


class Requests(unittest.TestCase):
    def plan(self, placement, *args):
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder) / "m.yaml"
            model.write_text(CHAIN + "placement: " + placement + "\n", encoding="utf-8")
            done = cleave("plan", str(model), "--format", "json", *args)
            return done, json.loads(done.stdout) if done.stdout else None

    def test_cuts_are_where_the_list_says(self):
        self.assertEqual({row["cut"] for row in self.plan("{cuts: {after: c1}}")[1]["rows"]}, {"-", "c1"})
        self.assertEqual({row["cut"] for row in self.plan("{cuts: {after: []}}")[1]["rows"]}, {"-"})

    def test_accuracies_that_disagree_are_unknown(self):
        one = self.plan("{cuts: {after: [c1, c2]}, accuracy: {c1: {1: 0.9}, c2: {1: 0.9}}}")[1]["rows"]
        two = self.plan("{cuts: {after: [c1, c2]}, accuracy: {c1: {1: 0.9}, c2: {1: 0.5}}}")[1]["rows"]
        self.assertEqual({row["accuracy"] for row in one}, {0.9})
        self.assertEqual({row["accuracy"] for row in two}, {None})

    def test_only_measured_stages_where_estimates_are_refused(self):
        done, table = self.plan("{costs: {else: refuse}}")
        self.assertEqual(done.returncode, 4)
        self.assertIn("run `cleave profile`", done.stderr)
        self.assertTrue(all("not measured" in row["misfit"] for row in table["rows"]))

    def test_no_time_means_no_claim(self):
        for objective in ("throughput", "latency", "energy", "lifetime", "balance"):
            plan_of = self.plan("{split: {tiles: [2, 3]}}", "--time-limit", "0", "--objective", objective)[1]["plan"]
            best = self.plan("{split: {tiles: [2, 3]}}", "--objective", objective)[1]["plan"]
            higher = objective not in ("latency", "energy")
            self.assertTrue(plan_of["bound"] is None or plan_of["bound"] >= best["value"] if higher
                            else plan_of["bound"] <= best["value"], objective)

    def test_shares_that_differ_are_tried_in_every_order(self):
        best = self.plan("{split: {tiles: [3]}, cuts: {after: [c2]}}", "--objective", "latency")[1]
        row = next(row for row in best["rows"] if row["ways"] == 3)
        heads = sorted(row["cards"].split("|")[0].split("+"))
        orders = []
        for order in (heads, heads[::-1], [heads[1], heads[0], heads[2]]):
            tail = row["cards"].split("|")[1]
            stated = f"{{mode: manual, split: {{tiles: [3]}}, map: {{c1: {'+'.join(order)}, max_pool: {tail}}}}}"
            orders.append(self.plan(stated)[1]["plan"]["value"])
        self.assertEqual(len(orders), 3)
        stated_s = [1 / value for value in orders]
        self.assertLessEqual(row["period_s"], min(stated_s) * (1 + 1e-9) if row["period_s"] else 0)


if __name__ == "__main__":
    unittest.main()
