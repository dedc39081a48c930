"""Networks of well-known shapes, imported from ONNX, give what ONNX Runtime gives."""

import unittest

import numpy as np
from make_models import MODELS
from onnx_support import OnnxTest


class Models(OnnxTest):
    def test_every_network_is_imported_exactly(self):
        for name, make in MODELS.items():
            model = make(False)
            shape = [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim][1:]
            self.check_import(name, model, shape)

    def test_resnet20_is_written_as_one_would_write_it(self):
        text = self.check_import("resnet20", MODELS["resnet20"](False), [3, 32, 32], count=2)
        self.assertEqual(text.count("repeat:"), 3)
        self.assertEqual(text.count("residual:"), 5)
        self.assertEqual(text.count("shortcut:"), 2)
        self.assertIn("name: layer1\n", text)
        self.assertNotIn("from:", text)

    def test_squeezenet_is_written_with_branches(self):
        text = self.check_import("squeezenet", MODELS["squeezenet"](False), [3, 64, 64], count=2)
        self.assertIn("branches:", text)
        self.assertNotIn("from:", text)


class Swarm(OnnxTest):
    def test_three_devices_answer_as_one_process(self):
        self.save("resnet20.onnx", MODELS["resnet20"](False))
        self.cleave("import", "resnet20.onnx", "-o", ".")
        self.inputs([3, 32, 32], 12)
        alone = self.run_model("resnet20.yaml")
        devices = "".join(f"  {name}: {{preset: raspberry-pi-4b-4gb}}\n" for name in "abc")
        with open(self.path("resnet20.yaml"), "a") as file:
            file.write(f"devices:\n{devices}links:\n  default: {{bandwidth: 940Mbit/s, latency: 0.3ms}}\n"
                       "placement: {mode: auto, objective: throughput}\n")
        plan, _ = self.cleave("plan", "resnet20.yaml", "--format", "json")
        self.assertIn('"c"', plan)
        swarm = self.run_model("resnet20.yaml", "--local")
        self.assertTrue(np.array_equal(alone, swarm))


if __name__ == "__main__":
    unittest.main()
