"""cleave run, eval, data and init."""

import csv
import io
import json
import os
import signal
import struct
import subprocess
import time
import unittest

from support import CLEAVE, MOONS, CliTest, npy_bytes, read_npy_records


class Trained(CliTest):
    def setUp(self):
        super().setUp()
        self.cleave("train", self.moons, "-q", "-o", "out")
        self.weights = ["--weights", "out/weights/last.safetensors"]

    def rows(self, *arguments, stdin=b""):
        out, _ = self.cleave("run", self.moons, *self.weights, *arguments, stdin=stdin)
        return list(csv.DictReader(io.StringIO(out)))


class Run(Trained):
    def test_csv_and_npy_hold_the_same(self):
        rows = self.rows()
        self.assertEqual(len(rows), 1000)
        self.cleave("run", self.moons, *self.weights, "--output", "a.csv")
        self.cleave("run", self.moons, *self.weights, "--output", "a.npy")
        with open(self.path("a.csv")) as file:
            self.assertEqual(list(csv.DictReader(file)), rows)
        for row, record in zip(rows, read_npy_records(self.path("a.npy")), strict=True):
            self.assertEqual([int(row["sample"]), int(row["label"]), int(row["class"]), int(row["module"])],
                             [record[0], record[1], record[2], record[4]])
            self.assertAlmostEqual(float(row["probability"]), record[3], places=5)

    def test_accuracy_of_the_rows_is_that_of_eval(self):
        rows = self.rows()
        right = sum(row["label"] == row["class"] for row in rows)
        out, _ = self.cleave("eval", self.moons, *self.weights, "--format", "json")
        self.assertEqual(json.loads(out)["accuracy"], right / 1000)

    def test_floats_from_stdin_and_files(self):
        points = [0.1, 0.2, -1.0, 0.5, 1.5, -0.25]
        raw = struct.pack("<6f", *points)
        wanted = self.rows("--input", "-", "--input-format", "raw-f32", stdin=raw)
        self.assertEqual([row["label"] for row in wanted], ["", "", ""])
        npy = npy_bytes([3, 2], "<f4", raw)
        self.assertEqual(self.rows("--input", "-", "--input-format", "npy", stdin=npy), wanted)
        self.assertEqual(self.rows("--input", self.write("x.npy", npy)), wanted)
        self.assertEqual(self.rows("--input", self.write("x.bin", raw), "--input-format", "raw-f32"), wanted)
        self.assertEqual(self.rows("--input", "x.npy", "--limit", "2"), wanted[:2])

    def test_named_set_is_the_models(self):
        self.assertEqual(self.rows("--input", "two_moons"), self.rows())
        self.assertEqual(len(self.rows("--input", "two_moons:train", "--limit", "7")), 7)

    def test_predictions_do_not_depend_on_threads_batch_or_frames(self):
        wanted = self.rows("--threads", "1", "--set", "inference.batch=1")
        self.assertEqual(self.rows("--threads", "2", "--set", "inference.in_flight=9"), wanted)

    def test_ends_well_when_stdin_stops_short(self):
        stdin = struct.pack("<3f", 1, 2, 3)
        _, err = self.cleave("run", self.moons, *self.weights, "--input", "-", "--input-format", "raw-f32", code=1,
                             stdin=stdin)
        self.assertIn("ends within sample 1", err)

    def test_ctrl_c_while_waiting_leaves_complete_lines(self):
        arguments = [CLEAVE, "run", self.moons, *self.weights, "--input", "-", "--input-format", "raw-f32", "--set",
                     "inference.batch=1"]
        process = subprocess.Popen(arguments, cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        process.stdin.write(struct.pack("<4f", 1, 2, 3, 4))
        process.stdin.flush()
        time.sleep(0.7)
        process.send_signal(signal.SIGINT)
        out, err = process.stdout.read().decode(), process.stderr.read().decode()
        self.assertEqual(process.wait(timeout=10), 130, err)
        self.assertEqual(len(out.split("\n")), 4)
        self.assertTrue(out.endswith("\n"))
        process.stdin.close()
        process.stdout.close()
        process.stderr.close()

    def test_refuses_what_it_cannot_read_or_write(self):
        arguments = ["run", self.moons, "-q", *self.weights]
        self.assertIn(".csv or .npy", self.error_line(*arguments, "--output", "a.txt", code=2))
        self.assertIn("none/a.csv", self.error_line(*arguments, "--output", "none/a.csv", code=1))
        self.assertIn("none.bin", self.error_line(*arguments, "--input", "none.bin", code=1))
        self.assertIn("folder", self.error_line(*arguments, "--input", self.folder, code=1))


class Pictures(CliTest):
    """A convolutional network with random weights; the same pictures from the set, as bytes and as npy."""

    def test_stream_equals_set(self):
        path = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz"
        if not os.path.exists(path):
            self.fail("the package dataset-fashion-mnist is needed")
        import gzip  # pylint: disable=import-outside-toplevel
        with gzip.open(path) as file:
            images = file.read(16 + 50 * 784)[16:]
        self.cleave("init", "--template", "first-run", "model.yaml")
        run = ["run", "model.yaml", "-q", "--set", "inference.batch=7"]
        wanted, _ = self.cleave(*run, "--limit", "50")
        wanted = [[row["class"], row["probability"]] for row in csv.DictReader(io.StringIO(wanted))]
        for form, data in (("raw", images), ("npy", npy_bytes([50, 28, 28], "|u1", images))):
            out, _ = self.cleave(*run, "--input", "-", "--input-format", form, stdin=data)
            got = [[row["class"], row["probability"]] for row in csv.DictReader(io.StringIO(out))]
            self.assertEqual(got, wanted)


class Eval(Trained):
    def evaluate(self, *arguments):
        out, _ = self.cleave("eval", self.moons, *self.weights, *arguments, "--format", "json")
        return json.loads(out)

    def test_json_text_csv_and_md_say_the_same(self):
        exit_rule = ["--exit", "max_probability=0.9"]
        result = self.evaluate(*exit_rule)
        arguments = ["eval", self.moons, *self.weights, *exit_rule]
        table = [row for row in csv.reader(io.StringIO(self.cleave(*arguments, "--format", "csv")[0]))]
        for module, row in zip(result["modules"], table[1:], strict=True):
            self.assertEqual(row, [module["name"], f"{100 * module['accuracy']:.2f}",
                                   f"{module['cross_entropy']:.4f}", f"{module['brier']:.4f}",
                                   f"{100 * module['expected_calibration_error']:.2f}", str(module["left"]),
                                   f"{100 * module['left_share']:.2f}", f"{100 * module['left_accuracy']:.2f}"])
        text, markdown = self.cleave(*arguments)[0], self.cleave(*arguments, "--format", "md")[0]
        for row in table:
            self.assertIn("  ".join(row).split(), [line.split() for line in text.split("\n")])
            self.assertIn(row, [[cell.strip() for cell in line.split("|")[1:-1]] for line in markdown.split("\n")])
        self.assertIn(f"compute saved {100 * result['compute_saved']:.2f} %", text)

    def test_early_exit_saves_compute(self):
        self.assertEqual(self.evaluate("--exit", "off")["compute_saved"], 0)
        for rule in ("max_probability=0.9", "entropy=0.3"):
            result = self.evaluate("--exit", rule)
            self.assertGreater(result["compute_saved"], 0.1)
            self.assertAlmostEqual(sum(module["left_share"] for module in result["modules"]), 1)
            self.assertGreater(result["accuracy"], 0.9)

    def test_limit_and_split(self):
        self.assertEqual(self.evaluate("--limit", "10")["samples"], 10)
        self.assertEqual(self.evaluate("--split", "train")["samples"], 2000)

    def test_says_when_weights_are_random(self):
        _, err = self.cleave("eval", self.moons)
        self.assertIn("random", err)
        _, err = self.cleave("eval", self.moons, *self.weights)
        self.assertEqual(err, "")

    def test_weights_that_the_model_names_are_beside_it(self):
        model = self.write("loads.yaml", MOONS.replace("network:",
                                                       "network:\n  weights: {load: out/weights/last.safetensors}"))
        out, err = self.cleave("eval", model, "--format", "json")
        self.assertEqual(json.loads(out)["accuracy"], self.evaluate()["accuracy"])
        self.assertEqual(err, "")

    def test_refuses_weights_of_another_model(self):
        other = self.write("other.yaml", MOONS.replace("units: 12", "units: 13"))
        _, err = self.cleave("eval", other, *self.weights, code=3)
        self.assertIn("does not fit", err)
        broken = self.write("broken.safetensors", b"not weights at all")
        self.assertIn("broken.safetensors", self.error_line("eval", self.moons, "--weights", broken, code=1))


class Data(CliTest):
    def test_list_finds_generated_sets_and_says_what_is_missing(self):
        found = {row["name"]: row for row in json.loads(self.cleave("data", "list", "--format", "json")[0])}
        self.assertTrue(found["two_moons"]["found"])
        self.assertFalse(found["npy"]["found"])
        self.assertNotEqual(found["npy"]["missing"], "")
        self.assertIn("two_moons", self.cleave("data", "list")[0])

    def test_check_counts(self):
        checked = json.loads(self.cleave("data", "check", "two_moons", "--format", "json")[0])[0]
        self.assertEqual([split["samples"] for split in checked["splits"]], [2000, 1000])
        self.assertEqual(checked["splits"][1]["per_class"], [500, 500])

    def test_check_of_own_arrays(self):
        self.write("images.npy", npy_bytes([3, 2], "|u1", bytes(6)))
        self.write("labels.npy", npy_bytes([3], "|u1", bytes([0, 1, 1])))
        out, _ = self.cleave("data", "check", "npy", "--path", self.folder, "--format", "json")
        self.assertEqual(json.loads(out)[0]["splits"][0]["per_class"], [1, 2])

    def test_damaged_files_fail_the_check(self):
        self.write("images.npy", npy_bytes([3, 2], "|u1", bytes(5)))
        _, err = self.cleave("data", "check", "npy", "--path", self.folder, code=6)
        self.assertIn("images.npy", err)

    def test_missing_files_are_wrong_use(self):
        self.cleave("data", "check", "cifar10", code=2, env={"CLEAVE_DATA": self.folder})


class Init(CliTest):
    def test_every_template_is_valid(self):
        names = [line.split()[0] for line in self.cleave("init", "--list")[0].strip().split("\n")[1:]]
        self.assertEqual(names, ["first-run", "binary", "gradients", "two-moons", "shapes", "swarm"])
        for name in names:
            self.cleave("init", "--template", name, f"{name}.yaml")
            self.cleave("check", f"{name}.yaml")
            self.assertEqual(self.cleave("init", "--template", name, "-")[0], self.read(f"{name}.yaml"))

    def test_two_moons_learns_in_seconds(self):
        self.cleave("init", "--template", "two-moons")
        start = time.monotonic()
        out, _ = self.cleave("train", "model.yaml", "-q", "--format", "json")
        self.assertLess(time.monotonic() - start, 10)
        for module in json.loads(out)["modules"]:
            self.assertGreater(module["test"]["accuracy"], 0.9)

    def test_shapes_runs_with_random_weights(self):
        self.cleave("init", "--template", "shapes", "shapes.yaml")
        out, err = self.cleave("run", "shapes.yaml", "--limit", "3")
        self.assertEqual(out.count("\n"), 4)
        self.assertIn("random", err)

    def test_never_overwrites_unless_forced(self):
        self.assertIn("--force", self.error_line("init", "moons.yaml", code=2))
        self.cleave("init", "moons.yaml", "--force")
        self.assertIn("first-run", self.read("moons.yaml"))


if __name__ == "__main__":
    unittest.main()
