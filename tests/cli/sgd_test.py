"""cleave train with algorithm: sgd."""
import json
import unittest

from support import CliTest

MODEL = """version: 1
name: moons
data:
  train: {dataset: two_moons, split: train}
  test: {dataset: two_moons, split: test}
network:
  input: {vector: 2}
  loss: {cross_entropy: {reduce: sum}}
  modules:
    - name: m1
      body: [{dense: {units: 16}}, tanh]
      head: [{dense: {units: 2}}]
training: {algorithm: sgd, epochs: 3, batch: 500, sgd: {learning_rate: 0.5, batch: 64}}
"""


class Sgd(CliTest):
    def setUp(self):
        super().setUp()
        self.moons = self.write("moons.yaml", MODEL)

    def test_learns_and_tells_accuracy_and_cpu_time_by_epoch(self):
        out, _ = self.cleave("train", self.moons, "-q", "-o", "run", "--format", "json")
        result = json.loads(out)
        self.assertEqual(result["algorithm"], "sgd")
        self.assertGreater(result["modules"][0]["test"]["accuracy"], 0.8)
        scores = result["epoch_scores"]
        self.assertEqual([epoch["epochs"] for epoch in scores], [1, 2, 3])
        self.assertEqual(scores[-1]["test"][0], result["modules"][0]["test"]["accuracy"])
        self.assertEqual(sorted(epoch["cpu_seconds"] for epoch in scores), [epoch["cpu_seconds"] for epoch in scores])

    def test_the_table_has_a_rate_and_no_acceptance(self):
        out, _ = self.cleave("train", self.moons, "-q", "-o", "run")
        self.assertRegex(out, r"m1 .* +- +- +0\.5 ")
        self.assertIn("sgd: learning rate 0.5, momentum 0.9, 64 images a step", out)

    def test_says_what_it_does_not_use(self):
        self.assertIn("not used: training.lambda, prior, proposal and select",
                      self.cleave("train", self.moons, "--set", "training.lambda=3", "--set",
                                  "network.prior={normal: {scale: 1}}")[1])
        self.assertIn("training.sgd is not used",
                      self.cleave("train", self.moons, "--set", "training.algorithm=metropolis_hastings", "--set",
                                  "training.iterations.max=10")[1])

    def test_what_has_no_slope_is_refused_with_its_place(self):
        sign = self.write("sign.yaml", MODEL.replace("tanh", "sign"))
        self.assertRegex(self.error_line("train", sign, code=2), r"sign.yaml:11:\d+: .*'sign' has no gradient")
        binary = self.write("binary.yaml", MODEL.replace("tanh]", "tanh]\n      weights: {binary: [-1, 1]}"))
        self.assertRegex(self.error_line("train", binary, code=2), r"binary.yaml:11:\d+: .*weights 'binary")
        loss = self.write("loss.yaml", MODEL.replace("cross_entropy", "zero_one"))
        self.assertRegex(self.error_line("train", loss, code=2), r"loss.yaml:8:\d+: .*take one of cross_entropy")

    def test_a_loss_that_runs_away_ends_the_run_in_words(self):
        wild = self.write("wild.yaml", MODEL.replace("cross_entropy", "mse").replace(", tanh", ""))
        said = self.error_line("train", wild, "-q", "--set", "training.sgd.learning_rate=1000", code=1)
        self.assertRegex(said, "module 'm1'.*batch 1 of epoch 1.*learning rate 1000.*to 100 perhaps")


if __name__ == "__main__":
    unittest.main()
