"""cleave train: results, run folder, Ctrl-C, refusals."""

import csv
import json
import os
import shutil
import signal
import subprocess
import time
import unittest

from support import CLEAVE, MOONS, CliTest

LONG = ["--set", "training.epochs=100000"]


def read_trace(text):
    """The rows of a trace as a reader takes them: a last line without its end is left out."""
    lines = text[: text.rfind("\n") + 1].split("\n")[:-1]
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


class Train(CliTest):
    def train(self, *arguments):
        out, _ = self.cleave("train", self.moons, "--format", "json", "-q", *arguments)
        return json.loads(out)

    def test_weights_do_not_depend_on_threads_or_on_the_run(self):
        hashes = {self.train("--threads", n)["weights_hash"] for n in ("1", "2", "2", "3")}
        self.assertEqual(len(hashes), 1)
        self.assertNotEqual({self.train("--seed", "2")["weights_hash"]}, hashes)

    def test_learns_and_reports_the_same_in_text(self):
        result = self.train()
        out, err = self.cleave("train", self.moons, "--quiet")
        self.assertEqual(err, "")
        for module in result["modules"]:
            self.assertGreater(module["test"]["accuracy"], 0.9)
            self.assertEqual(module["steps"], 2 * 4 * 1500)
            self.assertRegex(out, rf"{module['name']}\s+{100 * module['test']['accuracy']:.2f} ")
        self.assertIn(result["weights_hash"], out)
        self.assertIn("cold", out)
        self.assertIn("cleave eval", out)

    def test_run_folder_is_complete(self):
        result = self.train("-o", "out")
        with open(self.path("out/run.json")) as file:
            record = json.load(file)
        self.assertEqual(record["status"], "done")
        self.assertEqual(record["results"], result)
        self.assertEqual(record["model"]["training"]["batch"], 500)
        self.assertEqual(record["arguments"][0], "train")
        self.assertGreaterEqual(record["host"]["cores"], 1)
        self.assertTrue(os.path.getsize(self.path("out/weights/last.safetensors")) > 100)

    def test_trace_is_readable_also_when_cut(self):
        self.train("-o", "out", "--set", "output.trace.every=5")
        for module in ("m1", "m2"):
            with open(self.path(f"out/trace/{module}.csv")) as file:
                text = file.read()
            rows = read_trace(text)
            self.assertEqual(len(rows), 2 * 4 * 1500 // 5)
            self.assertEqual([int(row["step"]) % 5 for row in rows], [0] * len(rows))
            self.assertEqual(read_trace(text[:-7]), rows[:-1])

    def test_never_overwrites_a_run(self):
        folders = [self.train("-o", "out")["run_folder"] for _ in range(3)]
        self.assertEqual(folders, ["out", "out-2", "out-3"])

    def test_dry_run_writes_nothing(self):
        out, _ = self.cleave("train", self.moons, "--dry-run")
        self.assertIn("2 epochs of 4 batches of 500 images", out)
        planned = json.loads(self.cleave("train", self.moons, "--dry-run", "--format", "json")[0])
        self.assertEqual([planned["batches_per_epoch"], planned["images_per_batch"]], [4, 500])
        self.assertEqual(os.listdir(self.folder), ["moons.yaml"])

    def test_validation_is_held_out_and_reported(self):
        result = self.train("--set", "data.validation.share=20%")
        self.assertEqual(result["modules"][0]["validation"]["images"], 400)
        self.assertEqual(result["modules"][0]["train"]["images"], 1600)
        self.assertGreater(result["modules"][1]["validation"]["accuracy"], 0.9)

    def test_lambda_of_the_other_reduce_is_the_same_target(self):
        summed = self.train("--set", "training.lambda=50")
        mean = self.train("--set", "network.loss.cross_entropy.reduce=mean", "--set",
                          f"training.lambda={summed['lambda_of_other_reduce']}")
        self.assertEqual(mean["lambda_per_image"], 50)
        self.assertEqual(mean["weights_hash"], summed["weights_hash"])

    def test_goes_on_from_weights(self):
        self.train("-o", "out")
        out, _ = self.cleave("train", self.moons, "--weights", "out/weights/last.safetensors", "--set",
                             "training.iterations.max=1", "--format", "json", "-q")
        self.assertGreater(json.loads(out)["modules"][1]["test"]["accuracy"], 0.9)


class Progress(CliTest):
    def test_plain_lines_where_there_is_no_terminal(self):
        _, err = self.cleave("train", self.moons)
        self.assertRegex(err, r"epoch 2/2  batch \d/4  .* eta ")
        self.assertNotIn("\x1b", err)

    def test_log_is_json_on_demand(self):
        _, err = self.cleave("train", self.moons, "--log-format", "json")
        for line in err.strip().split("\n"):
            self.assertEqual(json.loads(line)["level"], "info")

    def test_bar_where_it_is_asked_for(self):
        _, err = self.cleave("train", self.moons, "--color", "always")
        self.assertIn("[####################]", err)
        self.assertIn("\x1b[4A", err)  # redrawn in place: two lines and one a module


class Stopped(CliTest):
    def start(self, *arguments):
        return subprocess.Popen([CLEAVE, "train", self.moons, "-o", "out", *arguments], cwd=self.folder,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def wait_for_epoch(self):
        for _ in range(300):
            if os.path.exists(self.path("out/weights/last.safetensors")):
                return
            time.sleep(0.05)
        self.fail("no epoch within 15 s")

    def check_stop(self, number):
        process = self.start(*LONG)
        self.wait_for_epoch()
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(out, b"")
        self.assertIn("go on with: cleave resume out", err.decode())
        with open(self.path("out/run.json")) as file:
            self.assertEqual(json.load(file)["status"], "stopped")
        self.cleave("eval", self.moons, "--weights", "out/weights/last.safetensors")

    def test_by_ctrl_c_leaves_weights_to_go_on_with(self):
        self.check_stop(signal.SIGINT)

    def test_by_sigterm_as_well(self):
        self.check_stop(signal.SIGTERM)

    def test_second_signal_ends_at_once(self):
        process = self.start("--set", "training.batch=2000", "--set", "training.iterations.max=1000000000")
        while not os.path.exists(self.path("out/trace/m2.csv")):
            time.sleep(0.02)
        time.sleep(0.3)
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.2)
        self.assertEqual(process.wait(timeout=5), 130)
        process.communicate()


class Refused(CliTest):
    def test_folder_that_cannot_be_made(self):
        self.write("file", "")
        self.assertIn("file", self.error_line("train", self.moons, "-o", "file/out", code=1))
        self.assertIn("/proc", self.error_line("train", self.moons, "-o", "/proc/nothing/out", code=1))

    def test_missing_model_and_weights(self):
        self.cleave("train", "none.yaml", code=3)
        self.assertIn("none.safetensors", self.error_line("train", self.moons, "--weights", "none.safetensors", code=1))

    def test_missing_data(self):
        model = self.write("cifar.yaml", MOONS.replace("two_moons", "cifar10").replace("vector: 2", "image: [3, 32, 32]")
                           .replace("[{dense: {units: 12}}, relu]", "[flatten, {dense: {units: 10}}]", 1)
                           .replace("units: 2}", "units: 10}"))
        _, err = self.cleave("train", model, code=2, env={"CLEAVE_DATA": self.folder})
        self.assertIn("cifar10", err)

    def test_data_that_does_not_fit(self):
        model = self.write("wrong.yaml", MOONS.replace("vector: 2", "vector: 3"))
        self.assertIn("network's input is 3", self.error_line("train", model, code=2))
        model = self.write("wrong.yaml", MOONS.replace("two_moons", "shapes").replace("vector: 2", "vector: 64"))
        self.assertIn("10 classes", self.error_line("train", model, code=2))

    def test_a_batch_larger_than_the_data_set(self):
        err = self.error_line("train", self.moons, "--set", "training.batch=2001", code=2)
        self.assertRegex(err, r":\d+:\d+: a batch of 2001 images, two_moons has \d+ to train on")

    def settings(self, *lines):
        """The moons with these lines on the network, in place of its proposal."""
        own = "".join(f"  {line}\n" for line in lines)
        return self.write("laws.yaml", MOONS.replace("  proposal: {normal: {scale: 0.1}}\n", own))

    def test_every_weight_type_and_prior_trains_and_is_scored(self):
        for lines in [["weights: ternary"], ["weights: {quantized: {bits: 4}}"],
                      ["weights: {quantized: {bits: 4}, scale: per_filter}"], ["weights: {binary: [0, 1]}"],
                      ["weights: ternary", "prior: {spike_slab: 0.3}"],
                      ["prior: {spike_slab: {p: 0.3, slab: laplace}}", "select: {block: {rows: 2, cols: 3}}"],
                      ["prior: {block_spike_slab: {p: 0.3, block: 2}}", "proposal: {birth_death: {birth: 0.3}}"]]:
            with self.subTest(lines):
                model = self.settings(*lines)
                out, _ = self.cleave("train", model, "-q", "--format", "json", "-o", "out", "--set", "training.epochs=1")
                self.assertGreater(json.loads(out)["modules"][0]["body_accepted"], 0)
                self.cleave("eval", model, "--weights", "out/weights/last.safetensors")
                shutil.rmtree(self.path("out"))

    def test_scales_adapt_in_warm_up_only(self):
        model = self.settings("proposal: {normal: {scale: 0.1, adapt: {target: 0.234}}}")
        err = self.error_line("train", model, code=2)
        self.assertRegex(err, r"laws.yaml:\d+:\d+: layer 'm1/dense': .* state training.warm_up")
        self.cleave("train", model, "-q", "--set", "training.warm_up=500", "--set",
                    "training.temperature={start: 5, end: 1}")

    def test_laws_that_do_not_go_together_are_refused_with_their_place(self):
        for lines, said in [(["prior: {spike_slab: 0.3}", "proposal: {normal: 0.1}"], "never takes a weight to zero"),
                            (["proposal: birth_death"], "is for priors with a spike"),
                            (["prior: {spike_slab: {p: 0.3, slab: flat}}"], "the slab 'flat' is not a law of real"),
                            (["weights: {quantized: {bits: 4}}", "prior: {spike_slab: 0.3}"], "needs weights that may"),
                            (["weights: ternary", "proposal: {normal: 0.1}"], "would hardly ever move; at least 0.6")]:
            self.assertRegex(self.error_line("train", self.settings(*lines), code=2), r"laws.yaml:\d+:\d+: .*" + said)

    def test_a_lambda_that_overflows_is_refused(self):
        err = self.error_line("train", self.moons, "--set", "training.temperature={start: 1, end: 1e-300}", "--set",
                              "training.lambda=1e20", code=2)
        self.assertIn("overflows", err)

    def test_networks_without_modules_or_heads(self):
        self.cleave("init", "--template", "shapes", "shapes.yaml")
        self.assertIn("modules", self.error_line("train", "shapes.yaml", code=2))
        self.cleave("init", "--template", "swarm", "swarm.yaml")
        self.assertIn("no network", self.error_line("train", "swarm.yaml", code=2))


if __name__ == "__main__":
    unittest.main()
