"""The completion script, asked as a shell asks it."""
import os
import subprocess
import unittest

CLEAVE = os.environ["CLEAVE"]


def completed(*words):
    script = subprocess.run([CLEAVE, "completion", "bash"], capture_output=True, text=True, check=True).stdout
    line = " ".join(f"'{word}'" for word in ("cleave",) + words)
    ask = f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words)}; _cleave; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
    return done.stdout.split()


class Completion(unittest.TestCase):
    def test_commands(self):
        self.assertEqual(completed("tr"), ["train"])
        self.assertEqual(completed("help", "gra"), ["graph"])

    def test_options_of_the_command(self):
        self.assertEqual(completed("train", "--dr"), ["--dry-run"])
        self.assertIn("--origin", completed("show", "--"))
        self.assertNotIn("--origin", completed("eval", "--"))

    def test_paths_of_set_are_those_of_the_language(self):
        self.assertEqual(completed("train", "--set", "training.la"), ["training.lambda="])
        self.assertIn("network.weights.load=", completed("eval", "--set", "network.we"))
        self.assertEqual(completed("train", "--set", "network.modules."), [])


if __name__ == "__main__":
    unittest.main()
