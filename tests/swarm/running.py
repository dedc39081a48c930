"""Workers and a coordinator as processes of a test, and what is answered while something happens to them."""

import contextlib
import os
import signal
import subprocess
import threading
import time

CLEAVE = os.environ["CLEAVE"]
VALUES = 16  # of a sample, a byte each
LOADED = 4   # a loaded machine may take so many times as long for what is work, not waiting


def chain(addresses, units=32):
    """A model of a chain of modules, one on each device; addresses: device -> (host, port)."""
    rows = "".join(f"  {device}: {{preset: raspberry-pi-4b-4gb, host: {host}, port: {port}}}\n"
                   for device, (host, port) in addresses.items())
    modules = "".join(f"    - {{name: on_{device}, body: [{{dense: {{units: {units}}}}}, relu]}}\n"
                      for device in list(addresses)[:-1])
    last = list(addresses)[-1]
    where = ", ".join(f"on_{device}: {device}" for device in addresses)
    return ("version: 1\nname: chain\nnetwork:\n"
            f"  input: {{vector: {VALUES}}}\n  loss: {{cross_entropy: {{reduce: sum}}}}\n  modules:\n" + modules +
            f"    - {{name: on_{last}, body: [{{dense: {{units: 10}}}}]}}\n"
            "inference: {batch: 1}\ndevices:\n" + rows +
            "links: {default: {bandwidth: 1Gbit/s, latency: 0.2ms}}\n"
            f"placement: {{mode: manual, map: {{{where}}}}}\n")


class Process:
    """A process in a group of its own, so that a signal reaches its children, too."""

    def __init__(self, words, log, **pipes):
        self.log_path = log
        with open(log, "ab") as file:
            self.process = subprocess.Popen(words, stderr=file, start_new_session=True, **pipes)

    def signal(self, number):
        os.killpg(self.process.pid, number)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_log(self, words, timeout_s):
        """Waits until the log holds these words."""
        end = time.monotonic() + timeout_s
        while words not in self.log():
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"{self.log_path} does not say '{words}' after {timeout_s} s:\n{self.log()}")
            time.sleep(0.02)

    def kill(self):
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
            self.process.wait()


def close_pipe(pipe):
    with contextlib.suppress(BrokenPipeError):  # what was not yet written is nobody's any more
        pipe.close()


class Worker(Process):
    def __init__(self, name, log, listen, *options, before=()):
        super().__init__([*before, CLEAVE, "worker", "--listen", listen, "--name", name, "-v", *options], log,
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.wait_log("waiting for work on", 20)

    def child(self):
        """The process that works; the one we started looks after it."""
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return int(file.read().split()[0])


class LiveRun(Process):
    """`cleave run` fed by us, `rate` samples a second (0: as many as it takes). Every answer's line is noted as it comes."""

    def __init__(self, model, log, samples, rate, *options, before=()):
        words = [*before, CLEAVE, "run", model, "--input", "-", "--input-format", "raw", *options]
        super().__init__(words, log, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.fed = 0
        self.lines = []
        self.enough = threading.Event()
        self.came = threading.Condition()
        self.threads = [threading.Thread(target=self._feed, args=(samples, rate), daemon=True),
                        threading.Thread(target=self._read, daemon=True)]
        for thread in self.threads:
            thread.start()

    def _feed(self, samples, rate):
        start = time.monotonic()
        try:
            while not self.enough.is_set() and (self.fed + 1) * VALUES <= len(samples):
                self.process.stdin.write(samples[self.fed * VALUES:(self.fed + 1) * VALUES])
                self.process.stdin.flush()
                self.fed += 1
                if rate > 0:
                    self.enough.wait(max(0.0, start + self.fed / rate - time.monotonic()))
        except BrokenPipeError:  # it has ended; its exit code is looked at
            pass
        close_pipe(self.process.stdin)

    def _read(self):
        for line in self.process.stdout:
            with self.came:
                self.lines.append(line.decode())
                self.came.notify_all()
        self.process.stdout.close()
        with self.came:
            self.came.notify_all()

    def kill(self):
        self.enough.set()
        super().kill()
        for thread in self.threads:
            thread.join(30)

    def answered(self):
        return max(0, len(self.lines) - 1)  # behind the header

    def wait_answers(self, count, timeout_s):
        """Waits for so many answers in all; returns how long that took."""
        start = time.monotonic()
        with self.came:
            done = self.came.wait_for(lambda: self.answered() >= count or self.process.poll() is not None, timeout_s)
        if not done or self.answered() < count:
            raise AssertionError(f"{self.answered()} of {count} answers after {timeout_s} s\n{self.log()}")
        return time.monotonic() - start

    def finish(self, timeout_s=30):
        """Feeds no more; returns the lines and the number of samples fed."""
        if "--limit" not in self.process.args:
            self.enough.set()
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"no end {timeout_s} s after the input's\n{self.log()}") from None
        self.threads[1].join(timeout_s)
        if code != 0:
            raise AssertionError(f"exit code {code}\n{self.log()}")
        return self.lines, self.fed


def answers_of_one_process(model, samples):
    """The lines that the same model gives in one process."""
    done = subprocess.run([CLEAVE, "run", model, "--here", "--input", "-", "--input-format", "raw"], input=samples,
                          capture_output=True, timeout=120, check=True)
    return done.stdout.decode().splitlines(keepends=True)
