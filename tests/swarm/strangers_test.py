"""Strangers at the ports of a swarm: they crash nothing, change no answer, take nothing from those who work, and leave
nothing behind. CLEAVE_CONNECTS sets how many connections are made and aborted (20 000 if not set)."""

import os
import random
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from running import LiveRun, Worker, answers_of_one_process, chain

RATE = 400  # samples a second; below what a machine can do, as strangers on it take its processor's time
ROUNDS = 3
START_S = 30
ABORTS = int(os.environ.get("CLEAVE_CONNECTS", 20000))
SAMPLES = random.Random(1).randbytes(16 * 200000)
STRANGERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "strangers.py")
# All come at once, so many of each kind, in every round.
VISITS = {"noise": 20, "http": 2, "half": 2, "no_body": 2, "giant_hello": 20, "giant_data": 20, "bad_greeting": 20,
          "idle": 1000, "abort": -(-ABORTS // ROUNDS)}


def port_of(worker):
    return int(re.search(r"waiting for work on tcp://127\.0\.0\.1:(\d+)", worker.log()).group(1))


class Proxy:
    """Stands before a port, and keeps the first bytes of every connection."""

    def __init__(self, port):
        self.port_behind = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heard = []
        self.open = [self.listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                front, _ = self.listener.accept()
                back = socket.create_connection(("127.0.0.1", self.port_behind), 20)
            except OSError:
                return
            self.open += [front, back]
            for pair in ((front, back), (back, front)):
                threading.Thread(target=self._pump, args=(*pair, pair[0] is front), daemon=True).start()

    def _pump(self, source, sink, is_first):
        try:
            while data := source.recv(65536):
                if is_first:
                    self.heard.append(data)
                is_first = False
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            end.close() if end.fileno() < 0 else shut(end)

    def close(self):
        for each in self.open:
            shut(each)
            each.close()


def shut(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # it was before
        pass


class Strangers(unittest.TestCase):
    def setUp(self):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.folder = tempfile.mkdtemp(prefix="cleave_strangers_")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.workers = {}
        for name in "ab":
            self.workers[name] = Worker(name, self.path(f"{name}.log"), "tcp://127.0.0.1:0")
            self.addCleanup(self.workers[name].kill)
        self.ports = {name: port_of(worker) for name, worker in self.workers.items()}

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, ports):
        self.model = self.path("chain.yaml")
        with open(self.model, "w", encoding="ascii") as file:
            file.write(chain({name: ("127.0.0.1", port) for name, port in ports.items()}))
        run = LiveRun(self.model, self.path("k.log"), SAMPLES, RATE)
        self.addCleanup(run.kill)
        run.wait_answers(100, START_S)
        return run

    def finish(self, run):
        lines, fed = run.finish(START_S)
        self.assertEqual(lines, answers_of_one_process(self.model, SAMPLES[:16 * fed]))

    def memory_kib(self, name):
        with open(f"/proc/{self.workers[name].child()}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))

    def files(self, name):
        return len(os.listdir(f"/proc/{self.workers[name].child()}/fd"))

    def visit(self, kind, count):
        return subprocess.Popen([sys.executable, STRANGERS, kind, str(self.ports["b"]), str(count)],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def test_take_nothing_and_leave_nothing(self):
        run = self.start(self.ports)
        process = self.workers["b"].child()
        memory, files = self.memory_kib("b"), self.files("b")
        rates = {"quiet": [], "visited": []}
        for _ in range(ROUNDS):
            for kind, rate in rates.items():
                start, before = time.monotonic(), run.answered()
                visitors = {name: self.visit(name, count) for name, count in VISITS.items() if kind == "visited"}
                for name, visitor in visitors.items():
                    self.assertEqual(visitor.communicate(timeout=120)[0], f"{VISITS[name]}\n", name)
                if kind == "quiet":
                    time.sleep(3)
                rate.append((run.answered() - before) / (time.monotonic() - start))
        end = time.monotonic() + 20
        while self.files("b") > files and time.monotonic() < end:
            time.sleep(0.1)
        grown = self.memory_kib("b") - memory
        print(f"answers a second: {rates}; memory of the worker: {grown:+} KiB", file=sys.stderr)
        self.assertEqual(self.workers["b"].child(), process, "it was started again")
        self.assertEqual(self.files("b"), files)
        self.assertLess(grown, 8 * 1024)
        self.assertGreater(statistics.median(rates["visited"]), 0.9 * statistics.median(rates["quiet"]))
        self.finish(run)

    def test_replayed_greetings_change_no_answer(self):
        proxy = Proxy(self.ports["b"])
        self.addCleanup(proxy.close)
        run = self.start({**self.ports, "b": proxy.port})
        greetings = {hello[8:16]: hello for hello in proxy.heard}.values()  # by edge, the last: others were refused
        self.assertEqual(len(greetings), 3, "the coordinator's, its answers', and those of a's frames")
        for _ in range(5):
            for greeting in greetings:
                with socket.create_connection(("127.0.0.1", self.ports["b"]), 20, ("127.0.0.66", 0)) as connection:
                    connection.sendall(greeting)
                    connection.settimeout(20)
                    connection.recv(48)
                took_s = run.wait_answers(run.answered() + RATE // 10, START_S)
        print(f"from a replayed greeting to {RATE // 10} answers: {took_s:.2f} s", file=sys.stderr)
        self.finish(run)


if __name__ == "__main__":
    unittest.main()
