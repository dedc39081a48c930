"""cleave resume: a run that was stopped, killed or damaged goes on as if nothing had happened."""

import glob
import json
import os
import random
import shutil
import signal
import subprocess
import time
import unittest

from support import CLEAVE, CliTest

SHORT = ["--set", "training.epochs=30", "--set", "training.iterations.max=150"]
OFTEN = ["--set", "training.checkpoint.every=1ms"]


class ResumeTest(CliTest):
    def start(self, *arguments):
        return subprocess.Popen([CLEAVE, *arguments, "-q"], cwd=self.folder, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def wait_for(self, process, condition):
        """Waits until the condition holds; the process must still be at work then."""
        end = time.monotonic() + 40
        while not condition():
            self.assertIsNone(process.poll(), "the run ended too soon")
            self.assertLess(time.monotonic(), end)
            time.sleep(0.002)

    def interrupt(self, process, number=signal.SIGINT):
        process.send_signal(number)
        out, err = process.communicate(timeout=40)
        self.assertEqual(process.returncode, 130, err)
        self.assertEqual(out, b"")
        return err.decode()

    def stopped_run(self, *arguments, folder="out", number=signal.SIGINT):
        """Starts a run, stops it after its first epoch, returns what it said."""
        process = self.start("train", self.moons, "-o", folder, *SHORT, *arguments)
        self.wait_for(process, lambda: os.path.exists(self.path(f"{folder}/weights/last.safetensors")))
        return self.interrupt(process, number)

    def killed_run(self, *arguments, folder="out"):
        process = self.start("train", self.moons, "-o", folder, *SHORT, *OFTEN, *arguments)
        self.wait_for(process, lambda: len(self.checkpoints(folder)) == 2)
        process.kill()
        process.communicate()

    def whole_run(self, *arguments):
        return json.loads(self.cleave("train", self.moons, "-q", "-o", "whole", "--format", "json", *SHORT, *arguments)[0])

    def resume(self, folder="out"):
        return json.loads(self.cleave("resume", folder, "-q", "--format", "json")[0])

    def checkpoints(self, folder="out"):
        return sorted(glob.glob(self.path(f"{folder}/checkpoints/*.ckpt")))

    def damage(self, path):
        with open(path, "r+b") as file:
            file.seek(os.path.getsize(path) // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))

    def expect_as_whole(self, result, whole, folder="out"):
        self.assertEqual(result["weights_hash"], whole["weights_hash"])
        self.assertEqual(result["batches"], whole["batches"])
        for ours, theirs in zip(result["modules"], whole["modules"]):
            for key in ours:
                if key != "seconds":
                    self.assertEqual(ours[key], theirs[key], key)
        for module in ("m1", "m2"):
            for file in (f"trace/{module}.csv", f"trace/{module}.batches.csv"):
                self.assertEqual(self.read(f"{folder}/{file}"), self.read(f"whole/{file}"))
        with open(self.path(f"{folder}/run.json")) as file:
            record = json.load(file)
        self.assertEqual(record["status"], "done")
        self.assertEqual(record["results"], result)
        return record


class Lockstep(ResumeTest):
    def test_stopped_by_either_signal_it_ends_as_a_run_that_never_was(self):
        whole = self.whole_run()
        for number in (signal.SIGINT, signal.SIGTERM):
            said = self.stopped_run(folder=number.name, number=number)
            self.assertRegex(said, r"checkpoint .*/checkpoints/0\d{5}\.ckpt \(all 2 modules\)")
            self.assertEqual(said.strip().split("\n")[-1], f"go on with: cleave resume {number.name}")
            record = self.expect_as_whole(self.resume(number.name), whole, number.name)
            self.assertEqual(len(record["resumed"]), 1)
            self.assertEqual(record["arguments"][0], "train")

    def test_stopped_again_and_again(self):
        whole = self.whole_run()
        self.stopped_run()
        for times in (1, 2):
            process = self.start("resume", "out", "--threads", "1")
            self.wait_for(process, lambda: len(json.loads(self.read("out/run.json"))["resumed"]) == times)
            self.interrupt(process)
        self.expect_as_whole(self.resume(), whole)

    def test_killed_it_goes_on_from_its_last_checkpoint(self):
        whole = self.whole_run()
        self.killed_run()
        self.expect_as_whole(self.resume(), whole)
        self.assertEqual(len(self.checkpoints()), 2)

    def run_and_kill(self, moments, *arguments):
        """Trains, killed at random moments and resumed, until the run has ended; returns how often it was killed."""
        kills = 0
        while True:
            if self.checkpoints():
                process = self.start("resume", "out")
            else:
                shutil.rmtree(self.path("out"), ignore_errors=True)
                process = self.start("train", self.moons, "-o", "out", *SHORT, *OFTEN, *arguments)
            try:
                _, err = process.communicate(timeout=moments.uniform(0.03, 0.5))
                self.assertEqual(process.returncode, 0, err)
                return kills
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills += 1

    def test_killed_at_fifty_random_moments_it_ends_as_a_run_that_never_was(self):
        longer = ["--set", "training.epochs=200"]
        whole = self.whole_run(*longer)
        moments = random.Random(20221031)
        kills = 0
        while kills < 50:
            kills += self.run_and_kill(moments, *longer)
            self.expect_as_whole(json.loads(self.read("out/run.json"))["results"], whole)
            shutil.rmtree(self.path("out"))
        print(f"{kills} kills")

    def test_a_damaged_checkpoint_is_left_for_the_older_one(self):
        whole = self.whole_run()
        self.killed_run()
        newest = self.checkpoints()[-1]
        self.damage(newest)
        out, err = self.cleave("resume", "out", "--format", "json")
        self.assertIn("note: ", err)
        self.assertIn(f"{os.path.basename(newest)}: the checkpoint is damaged", err)
        self.expect_as_whole(json.loads(out), whole)

    def test_with_both_damaged_it_says_why_and_touches_nothing(self):
        self.killed_run()
        for path in self.checkpoints():
            self.damage(path)
        files = {path: os.path.getmtime(path) for path in glob.glob(self.path("out/**"), recursive=True)}
        err = self.error_line("resume", "out", code=1)
        self.assertEqual(err.count("is damaged"), 2)
        self.assertEqual({path: os.path.getmtime(path) for path in files}, files)

    def test_a_model_with_includes_sets_and_a_start_file_is_remembered(self):
        self.cleave("train", self.moons, "-q", "-o", "first", "--set", "training.iterations.max=10")
        os.mkdir(self.path("sub"))
        shutil.move(self.path("first/weights/last.safetensors"), self.path("sub/start.safetensors"))
        self.write("sub/part.yaml", "version: 1\nnetwork: {weights: {load: start.safetensors}}\n")
        self.write("sub/all.yaml", self.read("moons.yaml") + "include: part.yaml\n")
        self.moons = "sub/all.yaml"
        sets = ["--set", "network.modules.0.proposal.normal.scale=0.2", "--seed", "5"]
        whole = self.whole_run(*sets)
        self.stopped_run(*sets)
        shutil.rmtree(self.path("sub"))
        self.expect_as_whole(self.resume(), whole)

    def test_a_run_stopped_at_its_very_end_is_only_scored(self):
        whole = self.whole_run()
        shutil.copytree(self.path("whole"), self.path("out"))
        record = json.loads(self.read("out/run.json"))
        self.write("out/run.json", json.dumps({**record, "status": "stopped", "results": None}))
        result = self.resume()
        self.assertEqual(result["modules"][0]["test"], whole["modules"][0]["test"])
        self.assertEqual(result["weights_hash"], whole["weights_hash"])

    def test_a_full_disk_ends_it_in_words_and_loses_nothing(self):
        whole = self.whole_run()
        self.killed_run()
        os.rename(self.path("out/messages.log"), self.path("kept.log"))
        os.symlink("/dev/full", self.path("out/messages.log"))
        err = self.error_line("resume", "out", "-q", code=1)
        self.assertIn("out/messages.log: cannot write the message log", err)
        os.remove(self.path("out/messages.log"))
        os.rename(self.path("kept.log"), self.path("out/messages.log"))
        self.expect_as_whole(self.resume(), whole)

    def test_a_folder_that_cannot_be_written_ends_it_in_words_and_loses_nothing(self):
        whole = self.whole_run()
        self.killed_run()
        os.rename(self.path("out/trace/m2.csv"), self.path("kept.csv"))
        os.mkdir(self.path("out/trace/m2.csv"))
        self.assertIn("m2.csv", self.error_line("resume", "out", "-q", code=1))
        os.rmdir(self.path("out/trace/m2.csv"))
        os.rename(self.path("kept.csv"), self.path("out/trace/m2.csv"))
        self.expect_as_whole(self.resume(), whole)

    def test_without_room_for_a_checkpoint_it_trains_on_and_says_so(self):
        process = self.start("train", self.moons, "-o", "out", *SHORT)
        self.wait_for(process, lambda: os.path.exists(self.path("out/run.json")))
        self.write("out/checkpoints", "")  # in the way, as a full disk would be
        self.wait_for(process, lambda: os.path.exists(self.path("out/weights/last.safetensors")))
        said = self.interrupt(process)
        self.assertIn("the last checkpoint could not be written", said)
        self.assertRegex(said.strip().split("\n")[-1], r"go on with: cleave train .* --weights out/weights/last")


class Async(ResumeTest):
    ASYNC = ["--set", "training.mode=async"]

    def test_trains_and_leaves_what_a_run_leaves(self):
        result = self.whole_run(*self.ASYNC)
        self.assertEqual(result["modules"][0]["steps"], 30 * 4 * 150)
        for module in result["modules"]:
            self.assertGreater(module["test"]["accuracy"], 0.8)
        self.assertEqual(len(self.checkpoints("whole")), 1)

    def test_buffers_and_early_stops_are_obeyed(self):
        for buffer in ("{policy: latest, when_full: drop_oldest}", "{policy: replay, capacity: 2}"):
            result = self.whole_run(*self.ASYNC, "--set", f"training.buffer={buffer}", "--set",
                                    "training.iterations.stop_early=on_new_input")
            self.assertEqual(result["modules"][0]["steps"], 30 * 4 * 150)
            self.assertGreater(result["modules"][1]["steps"], 0)

    def test_stopped_or_killed_it_goes_on_to_its_end(self):
        self.stopped_run(*self.ASYNC)
        self.killed_run(*self.ASYNC, folder="killed")
        for folder in ("out", "killed"):
            result = self.resume(folder)
            self.assertEqual(result["modules"][0]["steps"], 30 * 4 * 150)
            self.assertGreater(result["modules"][1]["test"]["accuracy"], 0.8)

    def test_is_replayed_bit_for_bit_also_when_it_was_stopped_or_killed(self):
        early = ["--set", "training.iterations.stop_early=on_new_input"]
        self.whole_run(*self.ASYNC, *early)
        self.stopped_run(*self.ASYNC, *early)
        self.killed_run(*self.ASYNC, *early, folder="killed")
        self.assertIn("not at its end", self.error_line("replay", "killed", code=2))
        self.resume("killed")
        for folder in ("whole", "out", "killed"):
            out, _ = self.cleave("replay", folder, "--threads", "1", "--format", "json")
            self.assertTrue(json.loads(out)["same"])

    def test_whose_log_was_changed_is_not_replayed(self):
        self.whole_run(*self.ASYNC)
        log = self.read("whole/messages.log").split("\n")
        fields = log[-2].split(",")
        fields[6] = str(int(fields[6]) - 1)
        self.write("whole/messages.log", "\n".join(log[:-2] + [",".join(fields), ""]))
        out, _ = self.cleave("replay", "whole", code=6)
        self.assertIn("NOT repeated", out)

    def test_says_when_lockstep_leaves_settings_unused(self):
        _, err = self.cleave("train", self.moons, "--set", "training.buffer={policy: latest}")
        self.assertIn("in lockstep every module does all its steps", err)


class Refused(ResumeTest):
    def test_what_is_no_run(self):
        self.assertIn("no run.json", self.error_line("resume", "nowhere", code=2))
        self.assertIn("no run.json", self.error_line("resume", self.folder, code=2))
        os.mkdir(self.path("out"))
        for text in ("", "[]", '{"language": 1}', '{"language": "x"}'):
            self.write("out/run.json", text)
            self.assertIn("run.json", self.error_line("resume", "out", code=1))

    def test_a_run_that_has_finished(self):
        self.whole_run()
        err = self.error_line("resume", "whole", code=2)
        self.assertIn("has finished", err)
        self.assertIn("cleave eval", err)

    def test_a_run_without_checkpoint(self):
        self.stopped_run()
        shutil.rmtree(self.path("out/checkpoints"))
        self.assertIn("no checkpoint to go on from", self.error_line("resume", "out", code=1))

    def test_a_checkpoint_of_another_model_or_of_other_data(self):
        self.stopped_run()
        text = self.read("out/model.yaml")
        self.write("out/model.yaml", text.replace("units: 12", "units: 13"))
        self.assertIn("is of another model", self.error_line("resume", "out", code=2))
        self.write("out/model.yaml", text.replace("split: train", "split: train\n    limit: 1600", 1))
        err = self.error_line("resume", "out", code=2)
        self.assertRegex(err, "trained on other data: two_moons, 2000 images.*now two_moons, 1600 images")

    def test_a_run_of_a_newer_program(self):
        self.stopped_run()
        record = json.loads(self.read("out/run.json"))
        self.write("out/run.json", json.dumps({**record, "language": 2, "cleave": "9.9.9"}))
        self.assertIn("cleave 9.9.9, which is newer", self.error_line("resume", "out", code=2))

    def test_a_run_that_somebody_is_at(self):
        process = self.start("train", self.moons, "-o", "out", *OFTEN, "--set", "training.epochs=100000")
        self.wait_for(process, lambda: len(self.checkpoints()) > 0)
        self.assertIn("another cleave is at work", self.error_line("resume", "out", "-q", code=1))
        self.interrupt(process)

    def test_options_that_would_change_the_run(self):
        self.error_line("resume", "out", "--set", "training.epochs=3", code=2)
        self.error_line("resume", "out", "--seed", "3", code=2)


if __name__ == "__main__":
    unittest.main()
