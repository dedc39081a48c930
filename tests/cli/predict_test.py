"""Draws kept in training, answers averaged over them, calibration, early exits with a threshold for each module."""

import json
import os
import unittest

from support import CliTest

KEEP = ["--set", "training.keep={draws: 6, every: 1000}", "--set", "data.validation={share: 20%}"]


class Predict(CliTest):
    def setUp(self):
        super().setUp()
        self.cleave("train", self.moons, "-q", "-o", "run", *KEEP)
        self.weights = os.path.join("run", "weights", "last.safetensors")

    def evaluate(self, *arguments):
        out, _ = self.cleave("eval", self.moons, "--format", "json", *arguments)
        return json.loads(out)

    def test_draws_stand_in_the_run_folder(self):
        self.assertEqual(sorted(os.listdir(self.path("run/draws"))), [f"00{n}.safetensors" for n in range(1, 7)])

    def test_a_second_run_keeps_the_same_draws(self):
        self.cleave("train", self.moons, "-q", "-o", "again", "--threads", "2", *KEEP)
        for name in os.listdir(self.path("run/draws")):
            with open(self.path(f"run/draws/{name}"), "rb") as one, open(self.path(f"again/draws/{name}"), "rb") as two:
                self.assertEqual(one.read(), two.read())

    def test_eval_compares_the_mean_of_draws_with_the_last(self):
        result = self.evaluate("--draws", "run")
        self.assertEqual((result["predict"], result["draws"]), ("mean_of_draws", 6))
        last = self.evaluate("--weights", self.weights)
        self.assertEqual(last["predict"], "last")
        compared = result["compared"][0]
        self.assertEqual(compared["modules"], last["modules"])
        self.assertNotEqual(result["modules"][0]["cross_entropy"], last["modules"][0]["cross_entropy"])

    def test_one_draw_that_is_the_last_weights_gives_their_scores(self):
        os.makedirs(self.path("one"))
        os.link(self.path(self.weights), self.path("one/only.safetensors"))
        result = self.evaluate("--draws", "one", "--weights", self.weights)
        for module, last in zip(result["modules"], result["compared"][0]["modules"]):
            self.assertEqual(module["accuracy"], last["accuracy"])
            self.assertAlmostEqual(module["cross_entropy"], last["cross_entropy"], places=5)
            self.assertAlmostEqual(module["brier"], last["brier"], places=5)

    def test_the_model_may_ask_for_the_mean_and_the_run_is_that_of_the_weights(self):
        model = ["--set", "inference.predict=mean_of_draws", "--weights", self.weights]
        self.assertEqual(self.evaluate(*model)["draws"], 6)
        self.assertEqual(self.evaluate(*model, "--predict", "last")["predict"], "last")

    def test_run_answers_by_the_mean(self):
        result = self.evaluate("--draws", "run", "--exit", "max_probability=0.9,m1=never")
        out, _ = self.cleave("run", self.moons, "--draws", "run", "--exit", "max_probability=0.9,m1=never")
        rows = [line.split(",") for line in out.splitlines()[1:]]
        self.assertAlmostEqual(sum(row[1] == row[2] for row in rows) / len(rows), result["accuracy"])
        self.assertEqual({row[4] for row in rows}, {"1"})

    def test_reliability_adds_up_and_is_drawn(self):
        result = self.evaluate("--draws", "run", "--reliability", "pictures/r.svg")
        for module in result["modules"]:
            bins = module["reliability"]
            self.assertEqual(len(bins), 15)
            self.assertEqual(sum(b["samples"] for b in bins), result["samples"])
            error = sum(b["samples"] * abs(b["accuracy"] - b["confidence"]) for b in bins if b["samples"])
            self.assertAlmostEqual(error / result["samples"], module["expected_calibration_error"])
        self.assertIn("mean of 6", self.read("pictures/r.svg"))

    def test_all_formats_say_the_same(self):
        result = self.evaluate("--draws", "run")
        for form in ["text", "csv", "md"]:
            out, _ = self.cleave("eval", self.moons, "--draws", "run", "--format", form)
            for module in result["modules"]:
                self.assertIn(f"{module['brier']:.4f}", out)
                self.assertIn(f"{100 * module['expected_calibration_error']:.2f}", out)

    def test_what_was_held_out_can_be_scored(self):
        held_out = ["--split", "validation", "--weights", self.weights]
        self.assertEqual(self.evaluate(*held_out, *KEEP[2:])["samples"], 400)
        self.assertIn("validation: {share: 10%}", self.error_line("eval", self.moons, *held_out, code=2))

    def test_wrong_use_is_refused(self):
        mean = ["--predict", "mean_of_draws"]
        self.assertIn("--draws RUN", self.error_line("eval", self.moons, *mean, code=2))
        self.assertIn("holds no draws", self.error_line("run", self.moons, "--draws", self.folder, code=2))
        self.assertIn("is no folder", self.error_line("run", self.moons, "--draws", "nowhere", code=2))
        both = self.error_line("eval", self.moons, "--draws", "run", "--predict", "last", code=2)
        self.assertIn("leave one of the two out", both)
        swarm = self.error_line("eval", self.moons, "--draws", "run", "--local", "--devices", "2", code=2)
        self.assertIn("in one process", swarm)


class Exits(CliTest):
    def setUp(self):
        super().setUp()
        self.cleave("train", self.moons, "-q", "-o", "run", *KEEP)
        self.held_out = [self.moons, *KEEP[2:]]

    def exits(self, *arguments):
        out, _ = self.cleave("exits", *self.held_out, "--draws", "run", "--format", "json", *arguments)
        return json.loads(out)

    def test_the_thresholds_do_what_they_promise(self):
        for rule in ["max_probability", "entropy"]:
            result = self.exits("--rule", rule, "--loss", "2%")
            chosen, without = result["chosen"], result["without"]
            self.assertGreaterEqual(chosen["accuracy"], without["accuracy"] - 0.02 - 1e-9)
            self.assertGreater(chosen["compute_saved"], 0.2)
            wanted = f"{rule}={0 if rule == 'entropy' else 1},m1={chosen['thresholds']['m1']}"
            out, _ = self.cleave("eval", self.moons, "--draws", "run", "--exit", wanted, "--format", "json")
            scored, test = json.loads(out), result["test"]["chosen"]
            self.assertAlmostEqual(scored["accuracy"], test["accuracy"])
            self.assertAlmostEqual(scored["compute_saved"], test["compute_saved"])

    def test_the_curve_begins_without_exits_and_more_is_saved_for_less_accuracy(self):
        result = self.exits()
        best = result["one_each"]
        self.assertGreaterEqual(best[0]["accuracy"], result["without"]["accuracy"])
        for one, next_one in zip(best, best[1:]):
            self.assertLess(one["compute_saved"], next_one["compute_saved"])
            self.assertGreater(one["accuracy"], next_one["accuracy"])

    def test_the_lines_written_can_stand_in_the_model(self):
        out, _ = self.cleave("exits", *self.held_out, "--draws", "run", "-o", "exits", "--loss", "2%")
        lines = self.read("exits/exits.yaml")
        self.assertTrue(out.endswith(lines))
        self.assertIn("<svg", self.read("exits/exits.svg"))
        text = self.read("moons.yaml").replace("inference: {batch: 32}\n", lines)
        model = self.write("with_exits.yaml", text)
        _, err = self.cleave("run", model, "--draws", "run")
        self.assertIn("of the compute saved", err)

    def test_wrong_use_is_refused(self):
        for loss in ["-1%", "x", "200%"]:
            self.assertIn("write a share", self.error_line("exits", *self.held_out, "--loss=" + loss, code=2))
        one = self.write("one.yaml", self.read("moons.yaml").split("    - name: m2")[0] + "inference: {batch: 1}\n")
        self.assertIn("one head", self.error_line("exits", one, code=2))
        unknown = self.error_line("eval", self.moons, "--exit", "max_probability=0.9,m7=0.5", code=2)
        self.assertIn("no module 'm7'", unknown)
        last = self.error_line("eval", self.moons, "--exit", "max_probability=0.9,m2=0.5", code=2)
        self.assertIn("one of: m1", last)

    def test_what_was_learnt_by_is_noted(self):
        _, err = self.cleave("exits", self.moons, "--draws", "run")
        self.assertIn("may have been trained on", err)

    def test_per_module_thresholds_work_over_workers(self):
        exits = ["--weights", "run/weights/last.safetensors", "--exit", "max_probability=0.99,m1=0.8"]
        here, _ = self.cleave("eval", self.moons, *exits, "--format", "json")
        there, _ = self.cleave("eval", self.moons, *exits, "--format", "json", "--local", "--devices", "2")
        self.assertEqual(json.loads(here)["modules"][0]["left"], json.loads(there)["modules"][0]["left"])


if __name__ == "__main__":
    unittest.main()
