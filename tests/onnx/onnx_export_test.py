"""Models written as ONNX: the checker takes them, others compute the same, and imported again they give the same bits."""

import os
import pathlib
import re
import unittest

import numpy as np
import onnx
from onnx_support import OnnxTest, difference
from reference import evaluate

MODELS = pathlib.Path(os.environ["CLEAVE_SOURCE_DIR"]) / "graphs" / "models"

ODD = """version: 1
name: odd
network:
  input: {image: [3, 12, 13]}
  layers:
    - conv2d: {filters: 6, kernel: 3, stride: 2, padding: same}
    - batch_norm: {epsilon: 0.001, momentum: 0.2}
    - clip: {min: -0.5}
    - max_pool: {size: 3, stride: 2, padding: 1, padding_columns: [0, 1]}
    - parallel:
        branches:
          - - conv2d: {filters: 4, kernel: 3, padding_rows: [2, 0], padding: 1, groups: 2, bias: false}
            - sigmoid
          - - pad: {size: 1, rows: [0, 1]}
            - slice: {axis: 1, from: 1, to: 4}
            - slice: {axis: 2, from: 1, to: 4}
            - tanh
    - residual: {body: [softmax]}
    - mean_pool: {size: 2, stride: 1, padding: 1}
    - dropout
    - reshape: {shape: [16, 5, 2]}
    - clip: {max: 0.75}
    - flatten
    - sign
    - dense: {units: 7, bias: false}
    - relu
    - dense: {units: 5}
      weights: {binary: [-1, 1], scale: per_filter}
    - softmax
"""


class Export(OnnxTest):
    def check(self, model, shape, count=6):
        """Exports, compares with numpy and ONNX Runtime, imports again and compares bit by bit."""
        inputs = self.inputs(shape, count)
        self.cleave("export", model, "--onnx", "net.onnx", "--safetensors", "net.safetensors", "-q")
        before = self.run_model(model, "--weights", "net.safetensors")
        exported = onnx.load(self.path("net.onnx"))
        onnx.checker.check_model(exported, full_check=True)
        self.assertLess(difference(before, evaluate(exported, inputs)), 1e-5)
        runtime = self.run_onnx("net.onnx", inputs)
        if runtime is not None:
            self.assertLess(difference(before, runtime.reshape(before.shape)), 1e-5)
        self.cleave("import", "net.onnx", "-o", "again/net.yaml", "--force", "-q")
        again = self.run_model("again/net.yaml")
        self.assertTrue(np.array_equal(before, again), difference(before, again))

    def test_odd_layers(self):
        self.check(self.write("odd.yaml", ODD), [3, 12, 13])

    def test_shipped_models(self):
        for name, shape in (("fashion-mlp", [1, 28, 28]), ("fashion-hybrid", [1, 28, 28]),
                            ("fashion-binary", [1, 28, 28]), ("cifar10-module1", [3, 32, 32]),
                            ("resnet20-split", [3, 32, 32])):
            text = (MODELS / f"{name}.yaml").read_text()
            text = "\n".join(line for line in text.split("\n") if "load:" not in line)
            text = re.sub(r", (scale|normalize): .*\}$", "}", text, flags=re.M)  # the inputs are as the layers read them
            text = text.replace("\n  at: a\n", "\n")
            text = re.sub(r"^(devices|links|placement):.*?(?=^\w|\Z)", "", text, flags=re.M | re.S)
            self.check(self.write(f"{name}.yaml", text), shape)

    def test_says_what_is_to_be_written(self):
        self.assertIn("--onnx FILE", self.error_line("export", self.moons, code=2))
        _, err = self.cleave("export", self.moons, "--onnx", "moons.onnx")
        self.assertIn("early exits are left out", err)
        self.assertIn("random", err)


if __name__ == "__main__":
    unittest.main()
