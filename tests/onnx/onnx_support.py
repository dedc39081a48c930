"""What the tests of ONNX share: importing a file and running it, and what others say of the same inputs."""

import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import onnx
from reference import evaluate

HERE = pathlib.Path(__file__).parent
sys.path.append(str(HERE.parent / "cli"))
from support import CliTest  # noqa: E402


def find_runtime():
    """The node_modules with onnxruntime-node (`npm install --ignore-scripts onnxruntime-node@1.17`), or None.

    CLEAVE_ORT names it, what holds it, or a file within, as for the bench of peers, which installs it in the build.
    """
    named = pathlib.Path(os.environ.get("CLEAVE_ORT", "/nowhere"))
    build = pathlib.Path(os.environ.get("CLEAVE_BUILD_DIR", "/nowhere"))
    for folder in (named, named / "node_modules", *named.parents, build / "peers/node_modules"):
        if (folder / "onnxruntime-node").is_dir() and shutil.which("node"):
            return folder
    return None


RUNTIME = find_runtime()
if RUNTIME is None:
    print("ONNX Runtime is not found (CLEAVE_ORT): compared with numpy only", file=sys.stderr)


def difference(got, wanted):
    """The largest difference, as a share of the largest value wanted."""
    return float(np.max(np.abs(got - wanted)) / np.max(np.abs(wanted)))


class OnnxTest(CliTest):
    def save(self, name, model):
        onnx.save(model, self.path(name))
        return name

    def inputs(self, shape, count, seed=7):
        values = np.random.default_rng(seed).standard_normal((count, *shape)).astype(np.float32)
        np.save(self.path("inputs.npy"), values)
        return values

    def run_model(self, model, *options):
        """What `cleave run` gives for inputs.npy."""
        self.cleave("run", model, "-q", "--input", "inputs.npy", "--values", "values.npy", "--output", "answers.csv",
                    *options)
        return np.load(self.path("values.npy"))

    def run_onnx(self, name, inputs):
        """What ONNX Runtime gives for each input, or None where there is none."""
        if RUNTIME is None:
            return None
        inputs.tofile(self.path("inputs.f32"))
        line = f"{self.path(name)} {self.path('inputs.f32')} {self.path('outputs.f32')} 1,{','.join(map(str, inputs.shape[1:]))}"
        done = subprocess.run(["node", HERE / "run_ort.js", RUNTIME], input=line.encode(), capture_output=True,
                              timeout=300, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return np.fromfile(self.path("outputs.f32"), dtype=np.float32).reshape(len(inputs), -1)

    def check_import(self, name, model, shape, count=100, bar=1e-4):
        """Imports the model, compares it on random inputs, and returns the text of the model file."""
        inputs = self.inputs(shape, count)
        self.save(f"{name}.onnx", model)
        self.cleave("import", f"{name}.onnx", "-o", "imported")
        got = self.run_model(f"imported/{name}.yaml").reshape(count, -1)
        few = min(count, 4)
        wanted = evaluate(model, inputs[:few]).reshape(few, -1)
        self.assertLess(difference(got[:few], wanted), bar, name)
        runtime = self.run_onnx(f"{name}.onnx", inputs)
        if runtime is not None:
            error = difference(got, runtime)
            print(f"{name}: largest difference to ONNX Runtime on {count} inputs {error:.1e} of the largest output",
                  file=sys.stderr)
            self.assertLess(error, bar, name)
        return self.read(f"imported/{name}.yaml")

    def refusal(self, name, *options):
        """What `cleave import` says of a file that it cannot take."""
        out, err = self.cleave("import", name, *options, code=3)
        self.assertEqual(out, "")
        self.assertNotIn("internal", err)
        return err
