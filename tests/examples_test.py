"""Runs every example and compares what it prints with its expected.txt, and checks the model in README.md.

In expected.txt `*` stands for any word (times, hashes); numbers with a point may differ by 15 %: rounding differs between
processors, and a short training with it.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(os.environ["CLEAVE_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["CLEAVE_BUILD_DIR"])
CLEAVE = os.environ["CLEAVE"]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/run.sh"))


def run_example(folder):
    environment = dict(os.environ, OWN_OP=str(BUILD / "examples" / "own_op"))
    with tempfile.TemporaryDirectory() as work:
        done = subprocess.run(["bash", str(folder / "run.sh"), work], capture_output=True, text=True, timeout=300,
                              env=environment, check=False)
        return done.returncode, done.stdout.replace(work, "WORK").replace(str(ROOT), "ROOT"), done.stderr


def number(word):
    try:
        return float(word.rstrip("%,"))
    except ValueError:
        return None


def same_word(wanted, got):
    if wanted.rstrip(",") == "*" or wanted == got:
        return True
    a, b = number(wanted), number(got)
    return a is not None and b is not None and "." in wanted and abs(a - b) <= 0.15 * abs(a)


class Examples(unittest.TestCase):
    def compare(self, wanted, got):
        wanted, got = wanted.splitlines(), got.splitlines()
        self.assertEqual(len(wanted), len(got), "\n".join(got))
        for want, have in zip(wanted, got):
            words = want.split(), have.split()
            fits = len(words[0]) == len(words[1]) and all(map(same_word, *words))
            self.assertTrue(fits, f"\nexpected: {want}\nprinted:  {have}")

    def test_each_prints_what_it_promises(self):
        self.assertGreaterEqual(len(EXAMPLES), 2)
        for folder in EXAMPLES:
            with self.subTest(folder.name):
                code, out, err = run_example(folder)
                self.assertEqual(code, 0, err)
                self.compare((folder / "expected.txt").read_text(encoding="utf-8"), out)

    def test_each_readme_shows_its_expected_output(self):
        for folder in EXAMPLES:
            self.assertIn("expected.txt", (folder / "README.md").read_text(encoding="utf-8"), folder.name)

    def test_the_model_in_the_readme_is_valid(self):
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        model = re.search(r"```yaml\n(.*?)```", text, re.S).group(1)
        self.assertEqual(len(model.splitlines()), 12)
        with tempfile.TemporaryDirectory() as work:
            path = pathlib.Path(work) / "model.yaml"
            path.write_text(model, encoding="utf-8")
            done = subprocess.run([CLEAVE, "check", str(path)], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "--print":  # the output to make an expected.txt from
        print(run_example(ROOT / "examples" / sys.argv[2])[1], end="")
    else:
        unittest.main()
