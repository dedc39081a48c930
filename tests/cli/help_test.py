"""Help, and what a mistyped word gets."""

import json
import re
import unittest

from support import CliTest

COMMANDS = ["init", "import", "export", "check", "show", "graph", "plan", "profile", "bench", "simulate", "train",
            "resume", "replay", "diag", "run", "eval", "exits", "prune", "quantize", "sparsity", "verify", "net", "worker", "devices",
            "deploy", "data", "keys", "schema", "completion", "version"]


class Help(CliTest):
    def test_top_level_lists_every_command_in_order(self):
        out, _ = self.cleave("--help")
        listed = re.findall(r"^  (\w+) ", out.split("Subcommands:")[1], re.M)
        self.assertEqual(listed, COMMANDS)

    def test_of_every_command_says_all(self):
        for command in COMMANDS:
            out, _ = self.cleave(command, "--help")
            self.assertRegex(out.split("\n")[0], r"^\w.*\.")
            examples = out.split("Examples:\n")[1].split("\n\n")[0].split("\n")
            self.assertEqual(len(examples), 2, command)
            self.assertTrue(all(line.startswith(f"  cleave {command}") for line in examples), examples)
            self.assertIn("Exit codes: 0 done", out)
            self.assertEqual("--seed" in out, command not in ("diag", "import"))  # these draw no random numbers

    def test_shows_defaults(self):
        out, _ = self.cleave("eval", "--help")
        self.assertRegex(out, r"--split test\|train\|validation\s.*\(default test\)")
        self.assertRegex(out, r"--format text\|json\|csv\|md\s+form of the result \(default text\)")

    def test_help_command_is_help_option(self):
        for command in COMMANDS:
            self.assertEqual(self.cleave("help", command), self.cleave(command, "--help"))
        self.assertEqual(self.cleave("help"), self.cleave("--help"))

    def test_without_command_prints_help(self):
        self.assertEqual(self.cleave()[0], self.cleave("--help")[0])


class Mistyped(CliTest):
    def suggestion(self, *arguments):
        return re.search(r"did you mean '([^']+)'\?", self.error_line(*arguments, code=2)).group(1)

    def test_command_gets_the_nearest_which_works(self):
        for wrong, right in [("tain", "train"), ("evl", "eval"), ("dta", "data"), ("hlep", None)]:
            if right is None:
                self.assertIn("unknown command", self.error_line(wrong, code=2))
                continue
            self.assertEqual(self.suggestion(wrong), right)
            self.cleave(right, "--help")

    def test_option_gets_the_nearest_which_works(self):
        near = self.suggestion("train", self.moons, "--dryrun")
        self.assertEqual(near, "--dry-run")
        self.cleave("train", self.moons, near)
        near = self.suggestion("eval", self.moons, "--splt", "test")
        self.cleave("eval", self.moons, near, "test")

    def test_template_set_and_action_get_the_nearest_which_work(self):
        self.cleave("init", "-", "--template", self.suggestion("init", "-", "--template", "two-mons"))
        self.cleave("data", "check", self.suggestion("data", "check", "two_mons"))
        self.cleave("data", self.suggestion("data", "lst"))

    def test_key_of_set_gets_the_nearest_which_works(self):
        _, err = self.cleave("train", self.moons, "--set", "training.lamda=5", "--dry-run", code=3)
        self.assertIn("did you mean 'lambda'?", err)

    def test_values_out_of_range_are_wrong_use(self):
        self.error_line("eval", self.moons, "--limit", "-1", code=2)
        self.error_line("eval", self.moons, "--exit", "max_probability=1.5", code=2)
        self.error_line("eval", self.moons, "--exit", "entropi=0.5", code=2)

    def test_errors_are_json_when_the_log_is(self):
        err = self.error_line("train", self.path("none.yaml"), "--log-format", "json", code=3)
        self.assertEqual(json.loads(err)["level"], "error")


if __name__ == "__main__":
    unittest.main()
