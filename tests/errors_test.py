"""Every file in tests/errors has one mistake; `cleave check` must say exactly what the file's first comment says.

The first block of comments is the expected output, each line behind "# ". Where `check --format json` offers a
replacement for the underlined text, the file with the replacement in place must pass; what only a folder, a wrong
encoding or a large file can show is made here. UPDATE_GOLDEN=1 rewrites the comments.
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ.get("CLEAVE_SOURCE_DIR", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLEAVE = os.environ.get("CLEAVE", os.path.join(SOURCE, "build", "cleave"))
FOLDER = os.path.join(SOURCE, "tests", "errors")
FILES = sorted(name for name in os.listdir(FOLDER) if name.endswith(".yaml"))
INVALID = 3
MODEL = "version: 1\nnetwork:\n  input: {vector: 4}\n  loss: {hinge: {reduce: sum}}\n  layers: [{dense: {units: 2}}]\n"


def cleave(*args, folder=FOLDER, **kwargs):
    return subprocess.run([CLEAVE, *args], cwd=folder, capture_output=True, timeout=60, **kwargs)


def check(name, folder=FOLDER):
    """Returns what `cleave check` prints and its exit code."""
    run = cleave("check", name, folder=folder)
    return run.stdout.decode() + run.stderr.decode(errors="replace"), run.returncode


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def split(text):
    """Returns the expected output and what stands behind it."""
    head, _, rest = text.partition("\n\n")
    return "".join(line[2:] + "\n" for line in head.split("\n")), rest


def update(name):
    """Rewrites the expected output; line numbers depend on its length, so until nothing changes."""
    path = os.path.join(FOLDER, name)
    for _ in range(6):
        before = read(path)
        output, _ = check(name)
        head = "".join(("# " + line).rstrip() + "\n" for line in output.splitlines())
        write(path, head + "\n" + split(before)[1])
        if read(path) == before:
            return
    raise RuntimeError(name + ": the message does not settle")


def errors_of(name, folder=FOLDER):
    return json.loads(cleave("check", "--format", "json", name, folder=folder).stdout)[0]["errors"]


def replaced(path, error):
    """Returns the bytes of the file at `path` with the suggestion in place of the underlined text."""
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")
    line, start = lines[error["line"] - 1], error["column"] - 1
    lines[error["line"] - 1] = line[:start] + error["suggestion"].encode() + line[start + error["length"]:]
    return b"\n".join(lines)


class Messages(unittest.TestCase):
    def test_enough_files(self):
        self.assertGreaterEqual(len(FILES), 160)

    def test_every_file_gives_its_message(self):
        for name in FILES:
            with self.subTest(name):
                output, code = check(name)
                self.assertEqual(output, split(read(os.path.join(FOLDER, name)))[0])
                self.assertEqual(code, INVALID)

    def test_one_mistake_is_told_once(self):
        for name in FILES:
            with self.subTest(name):
                self.assertEqual(len(errors_of(name)), 1)

    def test_every_suggestion_passes(self):
        applied = 0
        for name in FILES:
            error = errors_of(name)[0]
            if error["suggestion"]:
                applied += 1
                self.apply(name, error)
            elif "did you mean" in error["hint"]:
                self.fail(name + ": asks 'did you mean' and suggests nothing")
        self.assertGreater(applied, 120)

    def apply(self, name, error):
        """The file that has the mistake (an include may) is changed for the check, in a copy of the folder."""
        with self.subTest(name), tempfile.TemporaryDirectory() as copy:
            os.symlink(os.path.join(FOLDER, "include"), os.path.join(copy, "include"))
            if error["file"] != name:
                os.unlink(os.path.join(copy, "include"))
                os.mkdir(os.path.join(copy, "include"))
                write(os.path.join(copy, name), read(os.path.join(FOLDER, name)))
            write(os.path.join(copy, error["file"]), replaced(os.path.join(FOLDER, error["file"]), error))
            output, code = check(name, copy)
            self.assertEqual(code, 0, "with '%s': %s" % (error["suggestion"], output))


SEVERAL = """version: 1
data: {train: {dataset: fashion_mnst}}
network:
  input: {image: [1, 28, 28]}
  loss: {cross_entropy: {}}
  layers:
    - conv2d: {filters: 4, kernal: 3}
    - dense: {units: 10}
      from: input
    - relu:
      from: nowhere
    - sigmod
training: {batch: 010, batch: 12, itertions: {max: 10}}
devices: {a: {memory: 2}}
"""


class Whole(unittest.TestCase):
    """Mistakes that a file in a repository cannot hold."""

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = self.temporary.name
        self.addCleanup(self.temporary.cleanup)

    def path(self, name):
        return os.path.join(self.folder, name)

    def expect(self, name, *parts):
        output, code = check(name, self.folder)
        self.assertEqual(code, INVALID, output)
        for part in parts:
            self.assertIn(part, output)

    def test_all_errors_of_a_file_in_its_order(self):
        write(self.path("several.yaml"), SEVERAL)
        lines = [error["line"] for error in errors_of("several.yaml", self.folder)]
        self.assertEqual(lines, [2, 5, 7, 8, 11, 12, 13, 13, 13, 14])
        self.expect("several.yaml", "several.yaml: 10 errors")

    def test_errors_of_the_swarm_stand_among_the_others(self):
        write(self.path("swarm.yaml"), "version: 1\ndevices:\n  a: {battery: 10Wh}\n  b: {cores: 0}\n  c: {}\n"
              "links: {overrides: [{between: [a, b], bandwidth: 1Mbit/s}]}\n" + MODEL[11:] + "training: {batch: 0}\n")
        self.expect("swarm.yaml", "swarm.yaml:3:16: error: a battery without power figures",
                    "swarm.yaml:5:3: error: device 'c' has no link to any other device", "4 errors")
        lines = [error["line"] for error in errors_of("swarm.yaml", self.folder)]
        self.assertEqual(lines, [3, 4, 5, 11])

    def test_errors_of_all_files(self):
        write(self.path("a.yaml"), "version: 1\ninclude: [b.yaml]\nseed: x\n" + MODEL[11:])
        write(self.path("b.yaml"), "version: 1\ntraining: {bach: 1}\n")
        self.expect("a.yaml", "a.yaml:3:7: error: seed", "b.yaml:2:12: error: unknown key 'bach'", "2 errors")

    def test_missing_file(self):
        self.expect("none.yaml", "none.yaml: error: no such file")

    def test_folder(self):
        os.mkdir(self.path("folder"))
        self.expect("folder", "folder: error: is a directory")

    def test_unreadable(self):
        """Root may read every file, but nobody opens a socket as one."""
        write(self.path("secret.yaml"), MODEL)
        os.chmod(self.path("secret.yaml"), 0)
        if os.access(self.path("secret.yaml"), os.R_OK):
            import socket
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(self.path("socket.yaml"))
                self.expect("socket.yaml", "socket.yaml: error: not a regular file")
        else:
            self.expect("secret.yaml", "secret.yaml: error: cannot be read: Permission denied")

    def test_include_of_a_pipe_does_not_wait(self):
        os.mkfifo(self.path("pipe.yaml"))
        write(self.path("a.yaml"), "version: 1\ninclude: [pipe.yaml]\n" + MODEL[11:])
        self.expect("a.yaml", "a.yaml:2:11: error: cannot include pipe.yaml: not a regular file")

    def test_empty(self):
        write(self.path("empty.yaml"), "")
        self.expect("empty.yaml", "empty.yaml: error: the file is empty")
        write(self.path("blank.yaml"), " \n\n")
        self.expect("blank.yaml", "blank.yaml: error: the file is empty")

    def test_larger_than_512_kib(self):
        write(self.path("large.yaml"), MODEL + "# " + "x" * 600 * 1024)
        self.expect("large.yaml", "large.yaml: error: larger than 512 KiB")

    def test_huge_scalar(self):
        write(self.path("scalar.yaml"), MODEL + "description: " + "x" * 5000 + "\n")
        self.expect("scalar.yaml", "scalar.yaml:6:14: error: a value of 5000 bytes; the limit is 4096")

    def test_40_000_values(self):
        write(self.path("many.yaml"), MODEL + "x-list: [" + "0, " * 41000 + "0]\n")
        self.expect("many.yaml", "many.yaml:6:", "more than 40000 values")

    def test_not_utf8(self):
        for bad in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"):
            write(self.path("bytes.yaml"), MODEL.encode() + b"name: a" + bad + b"\n")
            self.expect("bytes.yaml", "bytes.yaml:6:8: error: byte 0x%02x is not UTF-8" % bad[0])

    def test_utf16(self):
        write(self.path("wide.yaml"), MODEL.encode("utf-16"))
        self.expect("wide.yaml", "wide.yaml:1:1: error: byte 0xff is not UTF-8")

    def test_control_characters(self):
        for bad in (0, 1, 7, 27, 127):
            write(self.path("control.yaml"), MODEL.encode() + b"name: a" + bytes([bad]) + b"\n")
            self.expect("control.yaml", "control.yaml:6:8: error: control character 0x%02x" % bad)

    def test_carriage_returns_are_fine(self):
        write(self.path("dos.yaml"), MODEL.replace("\n", "\r\n"))
        self.assertEqual(check("dos.yaml", self.folder)[1], 0)


if __name__ == "__main__":
    if os.environ.get("UPDATE_GOLDEN"):
        for file_name in FILES:
            update(file_name)
        sys.exit()
    unittest.main()
