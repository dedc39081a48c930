"""cleave prune and cleave sparsity: curves, exports, what they refuse."""

import json
import os
import shutil
import unittest

from support import CliTest

MODEL = """version: 1
name: moons
data:
  train: {dataset: two_moons, split: train}
  validation: {share: 20%}
  test: {dataset: two_moons, split: test}
network:
  input: {vector: 2}
  loss: {cross_entropy: {reduce: sum}}
  prior: {laplace: {scale: 0.05}}
  modules:
    - name: m1
      body: [{dense: {units: 40}}, relu]
      head: [{dense: {units: 2}}]
training: {epochs: 1, batch: 500, iterations: {max: 300}}
"""


class PruneTest(CliTest):
    def setUp(self):
        super().setUp()
        self.write("m.yaml", MODEL)
        self.cleave("train", "m.yaml", "-q", "-o", "run")

    def curve(self, *arguments):
        out, _ = self.cleave("prune", *arguments, "--format", "json")
        return json.loads(out)

    def test_prints_a_curve_whose_levels_are_exact(self):
        run = self.curve("run", "--levels", "0%,25%,50%,100%")["runs"][0]
        self.assertEqual(run["prunable_weights"], 160)
        self.assertTrue(run["held_out_of_training"])
        self.assertEqual([p["zeros"] for p in run["points"]], [0, 0.25, 0.5, 1])
        self.assertNotIn("test_accuracy", run["points"][0])
        self.assertGreater(run["points"][0]["held_out_accuracy"], 0.6)

    def test_scores_the_test_data_when_asked(self):
        run = self.curve("run", "--levels", "0%", "--test")["runs"][0]
        out, _ = self.cleave("eval", "m.yaml", "--weights", "run/weights/last.safetensors", "--format", "json")
        self.assertEqual(run["points"][0]["test_accuracy"], json.loads(out)["accuracy"])

    def test_draws_its_curves_and_histograms(self):
        self.cleave("prune", "run", "--levels", "0%,50%", "--test", "--svg", "pictures/p.svg")
        self.assertIn("run, test", self.read("pictures/p.svg"))
        self.cleave("sparsity", "run", "--svg", "s.svg")
        self.assertIn("m1/dense", self.read("s.svg"))

    def test_compares_runs(self):
        self.cleave("train", "m.yaml", "-q", "-o", "other", "--seed", "2")
        self.assertEqual([r["run"] for r in self.curve("run", "other", "--levels", "0%,50%")["runs"]], ["run", "other"])

    def test_writes_weights_that_run(self):
        out, err = self.cleave("prune", "run", "--level", "50%", "--output", "p.safetensors", "--test", "--format", "json")
        point = json.loads(out)["runs"][0]["points"][1]
        self.assertIn("run it: cleave eval m.yaml --weights p.safetensors", err)
        out, _ = self.cleave("eval", "m.yaml", "--weights", "p.safetensors", "--format", "json")
        self.assertEqual(json.loads(out)["accuracy"], point["test_accuracy"])

    def test_prunes_start_weights_by_their_sensitivity_and_training_takes_them(self):
        _, err = self.cleave("prune", "m.yaml", "--by", "snip", "--level", "75%", "--output", "s.safetensors")
        self.assertIn("train from it: cleave train m.yaml --weights s.safetensors", err)
        out, _ = self.cleave("sparsity", "m.yaml", "--weights", "s.safetensors", "--format", "json")
        self.assertEqual(json.loads(out)["network"]["zeros"], 120 + 42)  # and the biases that start at zero
        self.cleave("train", "m.yaml", "--weights", "s.safetensors", "-q", "-o", "again")

    def test_ranks_by_the_draws_that_were_kept(self):
        self.assertIn("no draws were kept", self.error_line("prune", "run", "--by", "inclusion", code=2))
        os.makedirs(self.path("run/draws"), exist_ok=True)
        for draw in ("001", "002"):
            shutil.copy(self.path("run/weights/last.safetensors"), self.path(f"run/draws/{draw}.safetensors"))
        run = self.curve("run", "--by", "inclusion", "--levels", "0%,50%")["runs"][0]
        self.assertEqual(run["points"][1]["zeros"], 0.5)

    def test_refuses_what_it_cannot_obey(self):
        for arguments, what in ((["run", "--level", "50%"], "give both"),
                                (["run", "--levels", "50"], "needs a unit"),
                                (["run", "--levels", "50%,10%"], "ascending"),
                                (["run", "--block", "16"], "as in 1x16"),
                                (["nowhere"], "no such run folder or model file"),
                                (["run", "--set", "seed=2"], "keeps its own model")):
            self.assertIn(what, self.error_line("prune", *arguments, code=2))

    def test_sparsity_counts_every_layer_and_charges_it(self):
        out, _ = self.cleave("sparsity", "run", "--format", "json")
        report = json.loads(out)
        self.assertEqual([layer["weights"] for layer in report["layers"]], [120, 82])
        self.assertEqual(report["network"]["thresholds"], [0.05])
        self.assertGreaterEqual(report["network"]["penalty_nats"] + 1e-9,
                                sum(layer["penalty_nats"] for layer in report["layers"]))
        out, _ = self.cleave("sparsity", "run")
        self.assertIn("####", out)


if __name__ == "__main__":
    unittest.main()
