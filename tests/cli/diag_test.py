"""cleave diag: figures, findings, exit codes; several chains; traces and exports as other programs read them."""

import csv
import glob
import importlib.util
import json
import os
import re
import signal
import subprocess
import time
import unittest

from support import CLEAVE, CliTest

SHORT = ["--set", "training.epochs=2", "--set", "training.iterations.max=200", "--set", "output.trace.every=1"]
TWO = [*SHORT, "--set", "training.chains=2"]


def read_csv(path):
    with open(path) as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


class DiagTest(CliTest):
    def train(self, folder, *arguments):
        out, _ = self.cleave("train", self.moons, "-o", folder, "-q", "--format", "json", *arguments)
        return json.loads(out)

    def diag(self, *arguments, codes=(0, 6)):
        done = subprocess.run([CLEAVE, "diag", *arguments, "--format", "json"], cwd=self.folder, capture_output=True,
                              text=True, timeout=120)
        self.assertIn(done.returncode, codes, done.stderr)
        result = json.loads(done.stdout)
        self.assertEqual(done.returncode, 0 if result["ok"] else 6)
        return result


class Diag(DiagTest):
    def test_counts_what_the_run_counted(self):
        run = self.train("out", *SHORT)
        result = self.diag("out", "--warm-up", "0")
        self.assertEqual(result["status"], "done")
        for ran, module in zip(run["modules"], result["modules"]):
            self.assertEqual(module["steps"], ran["steps"])
            self.assertEqual(module["draws"], ran["steps"])
            parts = {block["part"]: block for block in module["blocks"] if block["layer"] is None}
            self.assertEqual(parts["body"]["accepted"], ran["body_accepted"])
            self.assertEqual(parts["head"]["steps"], ran["head_steps"])
            self.assertGreater(parts["head"]["mean_jump"], 0)

    def test_warm_up_is_half_or_what_is_asked_for(self):
        steps = self.train("out", *SHORT)["modules"][0]["steps"]
        for words, left_out in [([], steps // 2), (["--warm-up", "25%"], steps // 4), (["--warm-up", "100"], 100)]:
            self.assertEqual(self.diag("out", *words)["modules"][0]["warm_up"], left_out)
        said = self.error_line("diag", "out", "--warm-up", "half", code=2)
        self.assertIn("neither a number of steps (5000) nor a share (30%)", said)

    def test_a_stuck_run_is_named_with_advice_and_exit_6(self):
        self.train("out", *SHORT, "--set", "network.proposal={normal: {scale: 1000}}")
        result = self.diag("out", codes=(6,))
        faults = [f for m in result["modules"] for f in m["findings"] if f["kind"] == "fault"]
        self.assertTrue(any("is stuck" in f["what"] and "lower training.lambda" in f["advice"] for f in faults), faults)
        done = subprocess.run([CLEAVE, "diag", "out"], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, 6)
        self.assertIn("what is wrong:", done.stdout)

    def test_every_format_has_the_same_modules(self):
        self.train("out", *SHORT)
        for form in ("text", "csv", "md"):
            done = subprocess.run([CLEAVE, "diag", "out", "--format", form], cwd=self.folder, capture_output=True, text=True)
            self.assertIn(done.returncode, (0, 6))
            self.assertIn("m1", done.stdout)
            if form == "csv":
                rows = list(csv.DictReader(done.stdout.splitlines()))
                self.assertEqual({row["module"] for row in rows}, {"m1", "m2"})
                self.assertEqual({row["quantity"] for row in rows}, {"loss", "log_prior", "energy", ""})

    def test_plots_lie_in_the_run_folder(self):
        self.train("out", *SHORT)
        self.diag("out", "--plots")
        self.assertEqual(sorted(os.listdir(self.path("out/plots"))),
                         [f"{m}.{what}.svg" for m in ("m1", "m2") for what in ("log_prior", "loss")])

    def test_works_on_a_run_that_goes_on_and_on_one_that_was_killed(self):
        process = subprocess.Popen([CLEAVE, "train", self.moons, "-o", "out", "-q", "--set", "training.epochs=100000"],
                                   cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        path = self.path("out/trace/m2.csv")
        while not os.path.exists(path) or os.path.getsize(path) < 200000:
            time.sleep(0.02)
        self.assertEqual(self.diag("out")["status"], "running")
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertGreater(self.diag("out")["modules"][1]["draws"], 100)

    def test_a_newer_trace_is_refused_by_its_version(self):
        self.train("out", *SHORT)
        with open(self.path("out/trace/m1.csv"), "r+") as file:
            text = file.read().replace("trace version: 2", "trace version: 9")
            file.seek(0)
            file.write(text)
        self.assertIn("has trace version 9", self.error_line("diag", "out", code=2))
        self.assertIn("is no run folder", self.error_line("diag", ".", code=2))


class Files(DiagTest):
    def test_traces_are_plain_csv_below_comments(self):
        run = self.train("out", *SHORT)
        rows = read_csv(self.path("out/trace/m1.csv"))
        self.assertEqual(len(rows), run["modules"][0]["steps"])
        self.assertEqual(sum(float(row["jump"]) > 0 for row in rows), sum(row["accepted"] == "1" for row in rows))
        self.assertEqual({float(row["lambda"]) for row in rows}, {run["lambda"]})
        batches = read_csv(self.path("out/trace/m1.batches.csv"))
        self.assertEqual([int(row["number"]) for row in batches], list(range(run["batches"])))
        self.assertEqual(sum(int(row["steps"]) for row in batches), run["modules"][0]["steps"])

    def test_pandas_reads_traces_unchanged(self):
        if importlib.util.find_spec("pandas") is None:
            self.skipTest("pandas is not installed")
        import pandas
        run = self.train("out", *SHORT)
        frame = pandas.read_csv(self.path("out/trace/m1.csv"), comment="#")
        self.assertEqual(len(frame), run["modules"][0]["steps"])

    def export(self):
        self.train("out", *TWO)
        result = self.diag("out", "--export", "draws")
        return result, sorted(glob.glob(self.path("draws/m1_*.csv")))

    def test_exported_draws_are_laid_out_as_those_of_cmdstan(self):
        result, files = self.export()
        self.assertEqual([os.path.basename(file) for file in files], ["m1_1.csv", "m1_2.csv"])
        for file in files:
            with open(file) as text:
                lines = text.read().splitlines()
            settings = dict(re.match(r"# (\S+) = (\S+)$", line).groups() for line in lines if line.startswith("#"))
            rows = read_csv(file)
            self.assertEqual(int(settings["num_samples"]), result["modules"][0]["draws"])
            self.assertEqual(len(rows), int(settings["num_samples"]) + int(settings["num_warmup"]))
            self.assertEqual(list(rows[0])[0], "lp__")
            for row in rows:  # numbers only; a column whose name ends in __ is the sampler's
                self.assertAlmostEqual(float(row["lp__"]), -float(row["energy__"]))
                self.assertTrue(all(float(value) == float(value) for value in row.values()))

    def test_arviz_reads_exported_draws_unchanged(self):
        if importlib.util.find_spec("arviz") is None:
            self.skipTest("arviz is not installed")
        import arviz
        result, files = self.export()
        data = arviz.from_cmdstan(files)
        self.assertEqual(data.posterior.sizes["chain"], 2)
        ours = result["modules"][0]["quantities"]["loss"]
        self.assertAlmostEqual(float(arviz.ess(data.posterior["loss"])["loss"]), ours["ess_bulk"], delta=0.01)


class Chains(DiagTest):
    def test_a_chain_depends_on_its_number_alone(self):
        one = self.train("one", *SHORT)
        runs = [self.train(f"run{n}", *SHORT, "--set", f"training.chains={n}", "--threads", threads)
                for n, threads in ((2, "1"), (3, "4"))]
        self.assertEqual({one["weights_hash"]}, {run["weights_hash"] for run in runs})
        self.assertEqual(runs[0]["other_chains"], runs[1]["other_chains"][:1])
        self.assertEqual(len({one["weights_hash"], *runs[1]["other_chains"]}), 3)
        self.assertEqual(sorted(os.listdir(self.path("run3/chains"))), ["2", "3"])
        for part in ("trace/m1.csv", "trace/m2.batches.csv", "weights/last.safetensors", "checkpoints", "messages.log"):
            self.assertTrue(os.path.exists(self.path(f"run3/chains/3/{part}")), part)

    def test_diag_compares_all_of_them(self):
        self.train("out", *TWO)
        result = self.diag("out")
        self.assertEqual(result["chains"], ["out", "out/chains/2"])
        self.assertEqual(result["modules"][0]["chains"], 2)

    def test_ctrl_c_stops_all_and_resume_goes_on_with_all(self):
        longer = ["--set", "training.chains=2", "--set", "training.epochs=30", "--set", "training.iterations.max=150"]
        whole = self.train("whole", *longer)
        process = subprocess.Popen([CLEAVE, "train", self.moons, "-o", "out", "-q", *longer], cwd=self.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while not os.path.exists(self.path("out/weights/last.safetensors")):
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        self.assertIn("and of 1 chains beside it", err.decode())
        out, _ = self.cleave("resume", "out", "-q", "--format", "json")
        result = json.loads(out)
        self.assertEqual(result["weights_hash"], whole["weights_hash"])
        self.assertEqual(result["other_chains"], whole["other_chains"])
        for part in ("trace/m1.csv", "trace/m2.batches.csv"):
            self.assertEqual(self.read(f"out/chains/2/{part}"), self.read(f"whole/chains/2/{part}"))

    def test_async_chains_run_too(self):
        result = self.train("out", *TWO, "--set", "training.mode=async")
        self.assertEqual(len(result["other_chains"]), 1)

    def test_workers_refuse_several_chains(self):
        said = self.error_line("train", self.moons, "--local", "--set", "training.chains=2", code=2)
        self.assertIn("several chains are trained in one process", said)


if __name__ == "__main__":
    unittest.main()
