"""limits: what running a network in one process may take; cleave check --memory."""

import json
import os
import unittest

from support import CliTest

MODEL = os.path.join(os.environ["CLEAVE_SOURCE_DIR"], "graphs", "models", "mobilenet-micro.yaml")


class Memory(CliTest):
    def report(self, *arguments):
        out, _ = self.cleave("check", "--memory", "--format", "json", MODEL, *arguments)
        return json.loads(out)[0]

    def test_patches_fit_where_the_plain_run_does_not(self):
        run = self.report()["run_memory"]
        self.assertTrue(run["fits"])
        self.assertGreater(run["activation_bytes"], 256 * 1024)
        self.assertLessEqual(run["patches"]["activation_bytes"], 256 * 1024)
        self.assertGreater(run["patches"]["extra_compute"], 0)
        self.assertLess(run["activation_bytes"], run["activation_bytes_apart"])

    def test_patches_answer_what_the_plain_run_answers(self):
        patched, _ = self.cleave("run", MODEL, "--limit", "40", "-q")
        plain, _ = self.cleave("run", MODEL, "--limit", "40", "-q", "--set", "limits.memory=1GiB")
        self.assertEqual(len(patched.splitlines()), 41)
        self.assertEqual(patched, plain)

    def test_more_than_the_limit_is_a_mistake_of_the_model(self):
        _, err = self.cleave("check", MODEL, "--set", "limits.memory=40KiB", code=3)
        self.assertIn("the limit is 40.0 KiB", err)
        self.assertIn("mobilenet-micro.yaml:", err)
        _, err = self.cleave("run", MODEL, "--set", "limits.weights=1KiB", code=2)
        self.assertIn("the weights take", err)

    def test_weights_are_held_to_the_memory_where_they_have_none_of_their_own(self):
        out, _ = self.cleave("check", "--memory", MODEL)
        self.assertIn("weights", out)
        self.assertIn("patches up to", out)


if __name__ == "__main__":
    unittest.main()
