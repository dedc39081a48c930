"""What this version reads but cannot obey is refused with its place; no option is taken and then ignored."""

import os
import subprocess
import unittest

from support import CLEAVE, CliTest

ONE_MACHINE = ["train", "run", "eval"]


class Refusals(CliTest):
    def refused(self, command, setting, path=None):
        said = self.error_line(command, self.moons, "--set", setting, code=2)
        self.assertIn(path or setting.split("=")[0], said)
        self.assertRegex(said, r":\d+:\d+: |^cleave: error: --set ")

    def test_halves_and_bits_are_sent_but_no_bytes_without_a_scale(self):
        for command in ONE_MACHINE:
            said = self.error_line(command, self.moons, "--set", "network.modules.0.send={dtype: i8}", code=2)
            self.assertIn("needs a calibrated scale; f16 and bit can be sent", said)
        self.cleave("eval", self.moons, "--set", "network.modules.0.send={dtype: f16}")
        self.cleave("plan", self.moons, "--devices", "2", "--set", "network.modules.0.send={dtype: i8}")

    def test_instruction_sets_that_are_not_there(self):
        said = self.error_line("check", self.moons, code=2, env={"CLEAVE_ISA": "avx521"})
        self.assertIn("CLEAVE_ISA=avx521: no such instruction set, did you mean 'avx512'?", said)
        out, _ = self.cleave("version", env={"CLEAVE_ISA": "baseline"})
        self.assertIn("kernels for baseline", out)

    def test_the_plain_placement_is_obeyed(self):
        self.cleave("eval", self.moons, "--set", "placement={mode: auto, objective: throughput}")

    def test_training_refuses_what_it_cannot_do(self):
        self.refused("train", "network.modules.0.body.1={dropout: {probability: 0.5}}", "dropout")
        self.refused("train", "network.modules.0.body.1=batch_norm", "batch_norm")

    def test_inference_refuses_what_it_cannot_do(self):
        for command in ["run", "eval"]:
            self.refused(command, "inference.rate=20/s")

    def test_what_a_preset_brings_in_vain_is_said(self):
        text = self.read("moons.yaml").replace("training: {epochs: 2, batch: 500, iterations: {max: 1500}}",
                                               "training: {preset: as_published, epochs: 1}")
        _, err = self.cleave("train", self.write("preset.yaml", text))
        self.assertIn("stop_early are not used", err)
        _, err = self.cleave("train", "preset.yaml", "--set", "training.mode=async")
        self.assertNotIn("not used", err)

    def test_files_for_generated_sets(self):
        self.assertIn("generated", self.error_line("train", self.moons, "--set", "data.train.path=x", code=2))
        self.assertIn("generated", self.error_line("data", "check", "two_moons", "--path", "x", code=2))

    def test_include_by_set(self):
        self.assertIn("include", self.error_line("check", self.moons, "--set", "include=[other.yaml]", code=2))


class Suggestions(CliTest):
    def test_command_to_go_on_with_works_in_a_shell(self):
        model = self.write("it's a model.yaml", self.read("moons.yaml"))
        units = "network.modules.0.body.0.dense.units=7"
        out, _ = self.cleave("train", os.path.basename(model), "-q", "-o", "a run", "--set", units, "--seed", "3")
        command = out.split("go on with: cleave ")[1]
        subprocess.run(f"'{CLEAVE}' {command}", shell=True, cwd=self.folder, check=True, capture_output=True, timeout=60)


class Options(CliTest):
    def test_without_use_are_refused(self):
        for arguments in [["check", self.moons, "-o", "x"], ["run", self.moons, "-o", "x"], ["schema", "--set", "seed=1"],
                          ["version", "-o", "x"], ["init", "--set", "seed=1"], ["data", "list", "--set", "seed=1"],
                          ["data", "list", "--path", "x"], ["show", self.moons, "--fused"],
                          ["show", self.moons, "--stage", "graph", "--origin"], ["graph", self.moons, "--engine", "own"]]:
            self.error_line(*arguments, code=2)
        for arguments in [["--input-format", "npy"], ["--input", "two_moons", "--input-format", "raw"]]:
            self.assertIn("--input-format", self.cleave("run", self.moons, *arguments, code=2)[1])

    def test_without_use_are_not_suggested(self):
        self.assertNotIn("'--set'", self.error_line("schema", "--sett", "seed=1", code=2))
        self.assertNotIn("--set", self.cleave("data", "--help")[0])

    def test_seed_is_not_negative(self):
        self.assertIn("--seed", self.error_line("check", self.moons, "--seed", "-1", code=2))

    def test_unknown_one_of_the_program_points_at_a_help_that_exists(self):
        self.assertIn("`cleave --help`", self.error_line("--foo", code=2))
        self.assertEqual(self.cleave("--version"), self.cleave("version"))

    def test_help_to_a_full_disk_fails(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([CLEAVE, "help"], stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main()
