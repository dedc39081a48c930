"""cleave quantize: the model and weights it writes, what it prints and refuses."""

import json
import os
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
      body:
        - {dense: {units: 24}, name: first}
        - relu
        - repeat: {times: 2, body: [{dense: {units: 24}}, relu]}
      head: [{dense: {units: 2}}]
training: {epochs: 20, batch: 500, algorithm: sgd, sgd: {learning_rate: 0.05, momentum: 0.9, batch: 64}}
"""


class QuantizeTest(CliTest):
    def setUp(self):
        super().setUp()
        self.write("m.yaml", MODEL)
        self.cleave("train", "m.yaml", "-q", "-o", "run")
        self.weights = "run/weights/last.safetensors"

    def quantize(self, *arguments):
        out, _ = self.cleave("quantize", "m.yaml", "--weights", self.weights, "--format", "json", *arguments)
        return json.loads(out)

    def test_writes_a_model_that_scores_what_it_printed(self):
        result = self.quantize("--calibrate", "200")
        self.assertEqual(result["calibration_images"], 200)
        self.assertGreater(result["float"]["accuracy"], 0.9)
        self.assertLess(abs(result["float"]["accuracy"] - result["int8"]["accuracy"]), 0.02)
        out, _ = self.cleave("eval", "m-int8.yaml", "--format", "json")
        self.assertEqual(json.loads(out)["accuracy"], result["int8"]["accuracy"])

    def test_gives_every_statement_of_the_file_one_scale(self):
        layers = self.quantize()["layers"]
        self.assertEqual([len(layer["nodes"]) for layer in layers], [1, 2, 1])
        self.assertEqual(self.read("m-int8.yaml").count("input_scale"), 3)
        for layer in layers:
            self.assertAlmostEqual(layer["input_scale"], layer["largest_input"] / 127, delta=1e-5)

    def test_stores_weights_as_bytes(self):
        result = self.quantize("--output", "sub.yaml")
        self.assertLess(result["int8"]["weights_bytes"], 0.6 * result["float"]["weights_bytes"])
        self.assertLess(os.path.getsize(self.path("sub.safetensors")), os.path.getsize(self.path(self.weights)))

    def test_leaves_layers_out_and_cuts_ranges(self):
        whole = self.quantize()["layers"]
        layers = self.quantize("--except", "m1/first", "--percentile", "90")["layers"]
        self.assertEqual(len(layers), 2)
        self.assertLess(layers[0]["input_scale"], whole[1]["input_scale"])

    def test_prints_a_table(self):
        out, _ = self.cleave("quantize", "m.yaml", "--weights", self.weights)
        self.assertEqual([line.split()[0] for line in out.splitlines()], ["weights", "float", "int8", "difference"])

    def test_refuses_what_it_cannot_do(self):
        for arguments, wanted in ((("--except", "m1/frist"), "did you mean 'm1/first'?"),
                                  (("--output", "m.yaml"), "is the model itself"),
                                  (("--output", "m.bin"), "name a .yaml file")):
            _, err = self.cleave("quantize", "m.yaml", "--weights", self.weights, *arguments, code=2)
            self.assertIn(wanted, err)


if __name__ == "__main__":
    unittest.main()
