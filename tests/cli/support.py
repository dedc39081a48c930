"""What the tests of the program share: running it, small models, npy files."""

import os
import shutil
import struct
import subprocess
import tempfile
import unittest

CLEAVE = os.environ["CLEAVE"]

MOONS = """version: 1
name: moons
data:
  train: {dataset: two_moons, split: train}
  test: {dataset: two_moons, split: test}
network:
  input: {vector: 2}
  loss: {cross_entropy: {reduce: sum}}
  proposal: {normal: {scale: 0.1}}
  modules:
    - name: m1
      body: [{dense: {units: 12}}, relu]
      head: [{dense: {units: 2}}]
    - name: m2
      body: [{dense: {units: 12}}, relu]
      head: [{dense: {units: 2}}]
training: {epochs: 2, batch: 500, iterations: {max: 1500}}
inference: {batch: 32}
"""


def npy_bytes(shape, descr, values):
    """The bytes of an npy file (version 1) with this array."""
    head = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (descr, ", ".join(map(str, shape)) + ",")
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + values


def read_npy_records(path):
    """The records of a predictions file as tuples (sample, label, class, probability, module)."""
    with open(path, "rb") as file:
        data = file.read()
    start = 10 + struct.unpack("<H", data[8:10])[0]
    return list(struct.iter_unpack("<qiifi", data[start:]))


class CliTest(unittest.TestCase):
    """Runs the program in a folder of its own."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cleave_cli_")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.moons = self.write("moons.yaml", MOONS)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.path(name), "wb" if isinstance(content, bytes) else "w") as file:
            file.write(content)
        return self.path(name)

    def read(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def cleave(self, *arguments, code=0, stdin=b"", env=None):
        """Runs the program, checks its exit code, returns (stdout, stderr)."""
        done = subprocess.run([CLEAVE, *arguments], cwd=self.folder, input=stdin, capture_output=True, timeout=60,
                              env={**os.environ, **(env or {})}, check=False)
        out, err = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(done.returncode, code, f"cleave {' '.join(arguments)}\n{out}\n{err}")
        return out, err

    def error_line(self, *arguments, code, env=None):
        """Runs what must fail with one line on stderr; returns it."""
        out, err = self.cleave(*arguments, code=code, env=env)
        self.assertEqual(out, "")
        self.assertEqual(err.count("\n"), 1, err)
        return err
