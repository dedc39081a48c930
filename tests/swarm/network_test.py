"""A swarm on a network in which things go wrong: every answer comes once, in order, and is that of one process.

Each case has a network of its own; they run at the same time. The bounds are those of the protocol: a link is dead
after 2 s of silence, and is dialled again with pauses of 2 s at most.
"""

import concurrent.futures
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import unittest

import hosts
from running import LOADED, LiveRun, Worker, answers_of_one_process, chain

RATE = 100                   # samples a second: the run is as long as the case needs
DEAD_S = 2
REDIAL_S = 2 + 2 * 1.25      # an attempt that comes to nothing, and the longest pause behind it
START_S, WORK_S = 30, LOADED * 1.0
ADDRESSES = {"k": "10.77.0.1", "a": "10.77.0.2", "b": "10.77.0.3", "c": "10.77.0.4"}
SAMPLES = random.Random(1).randbytes(16 * 20000)


class Case:
    """A network with a coordinator on k and workers on a, b and c, and a run over them."""

    def __init__(self, folder, units=32, rate=RATE):
        self.folder = tempfile.mkdtemp(dir=folder)
        self.rate = rate
        self.network = hosts.Network(**ADDRESSES)
        self.workers, self.run = {}, None
        self.model = os.path.join(self.folder, "chain.yaml")
        with open(self.model, "w", encoding="ascii") as file:
            file.write(chain({device: (ADDRESSES[device], 7300) for device in "abc"}, units))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in [*self.workers.values(), *([self.run] if self.run else [])]:
            process.kill()
        self.network.close()

    def start_worker(self, host, device=None):
        device = device or host
        self.workers[host] = Worker(device, os.path.join(self.folder, f"{host}.log"),
                                    f"tcp://{self.network.addresses[host]}:7300", "--insecure-lan",
                                    before=self.network.on(host))

    def start(self, *options):
        for device in "abc":
            if device not in self.workers:
                self.start_worker(device)
        self.run = LiveRun(self.model, os.path.join(self.folder, "k.log"), SAMPLES, self.rate, *options,
                           before=self.network.on("k"))

    def flow(self):
        """Starts, and waits until answers come."""
        self.start()
        self.run.wait_answers(50, START_S)

    def recover(self):
        """Waits for the first answer from now on; returns how long that took."""
        return self.run.wait_answers(self.run.answered() + 1, DEAD_S + REDIAL_S + START_S)

    def go_on(self, seconds=1.0):
        """Waits until all is answered that was fed in the time to come."""
        time.sleep(seconds)
        self.run.wait_answers(self.run.fed - self.rate // 10, START_S)

    def finish(self):
        lines, fed = self.run.finish(START_S)
        expected = answers_of_one_process(self.model, SAMPLES[:16 * fed])
        if lines != expected:
            wrong = next((i for i, pair in enumerate(zip(lines, expected)) if pair[0] != pair[1]), min(len(lines), fed))
            raise AssertionError(f"{len(lines)} lines for {len(expected)}; line {wrong}: {lines[wrong:wrong + 2]} "
                                 f"instead of {expected[wrong:wrong + 2]}")


def loss(percent):
    def case(folder):
        with Case(folder, rate=RATE // 4 if percent > 10 else RATE) as case:
            case.flow()
            case.network.lose(percent)
            case.run.wait_answers(case.run.answered() + 4 * case.rate, 2 * START_S)
            lost = case.network.lost()
            case.finish()
            return lost
    return case


def link_flap(folder):
    with Case(folder) as case:
        case.flow()
        for _ in range(5):
            case.network.plug("b", False)
            time.sleep(0.3)
            case.network.plug("b", True)
            time.sleep(0.2)
        took_s = case.recover()
        case.go_on()
        case.finish()
        return took_s


def cut(host, ways=("from", "to")):
    def case(folder):
        with Case(folder) as case:
            case.flow()
            case.network.cut(host, ways)
            time.sleep(1)  # what was beyond it has arrived
            before = case.run.answered()
            time.sleep(2)
            silent = case.run.answered() - before
            case.network.heal()
            took_s = case.recover()
            case.go_on()
            case.finish()
            return silent, took_s, case.run.log()
    return case


def stopped_process(folder):
    with Case(folder) as case:
        case.flow()
        case.workers["b"].signal(signal.SIGSTOP)
        time.sleep(3)
        case.workers["b"].signal(signal.SIGCONT)
        took_s = case.recover()
        case.go_on()
        case.finish()
        return took_s, case.run.log()


def killed_while_cut(folder):
    with Case(folder) as case:
        case.flow()
        case.network.cut("b")
        case.workers["b"].kill()
        case.start_worker("b")
        time.sleep(1)
        case.network.heal()
        took_s = case.recover()
        case.go_on()
        case.finish()
        return took_s, case.run.log()


def slow_port(folder):
    """1 Mbit/s to b and from it: its weights take seconds, and its inputs and outputs set the pace."""
    frames = 500
    with Case(folder, units=256, rate=0) as case:
        case.network.slow_down("b")
        answers = os.path.join(case.folder, "answers.csv")
        case.start("--limit", str(frames), "--connect", "40", "--output", answers)
        start = time.monotonic()
        case.run.finish(LOADED * START_S)
        took_s = time.monotonic() - start
        with open(answers, encoding="ascii") as file:
            equal = file.readlines() == answers_of_one_process(case.model, SAMPLES[:16 * frames])
        return equal, frames / took_s


def zombie(folder):
    """b stops behind a cut network; another machine takes its place and address; then it comes back elsewhere."""
    with Case(folder) as case:
        case.flow()
        case.network.cut("b")
        old = case.workers["b"]
        old.signal(signal.SIGSTOP)
        case.network.add("b2", ADDRESSES["b"])
        case.start_worker("b2", "b")
        took_s = case.recover()
        case.network.readdress("b", "10.77.0.13")
        old.signal(signal.SIGCONT)
        case.network.heal()
        old.wait_log("incarnation 2 of 'b' took over, you are 1", DEAD_S + REDIAL_S + WORK_S)
        case.go_on()
        case.finish()
        return took_s, old.log()


def other_coordinator(folder):
    """k is cut off; somebody else uses the workers meanwhile; then k is back, whose work they have dropped."""
    with Case(folder) as case:
        case.flow()
        case.network.cut("k")
        case.network.add("k2", "10.77.0.14")
        second = LiveRun(case.model, os.path.join(case.folder, "k2.log"), SAMPLES, case.rate, "--limit", "50",
                         before=case.network.on("k2"))
        try:
            lines, _ = second.finish(START_S)
        finally:
            second.kill()
        case.network.heal()
        took_s = case.recover()
        case.go_on()
        case.finish()
        return lines == answers_of_one_process(case.model, SAMPLES[:16 * 50]), took_s, case.run.log()


CASES = {"slow": slow_port, "loss20": loss(20), "zombie": zombie, "other": other_coordinator, "cut": cut("b"),
         "mute": cut("b", ["from"]), "deaf": cut("b", ["to"]), "alone": cut("k"), "stop": stopped_process,
         "kill": killed_while_cut, "flap": link_flap, "loss5": loss(5), "loss1": loss(1)}


def timed(name, case, folder):
    start = time.monotonic()
    result = case(folder)
    print(f"{name}: {time.monotonic() - start:.1f} s", file=sys.stderr)
    return result


def setUpModule():
    hosts.need_namespaces()


class Network(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="cleave_network_")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.pool = concurrent.futures.ThreadPoolExecutor(len(CASES))
        cls.addClassCleanup(cls.pool.shutdown)
        cls.results = {name: cls.pool.submit(timed, name, case, cls.folder) for name, case in CASES.items()}

    def test_lost_packets_cost_time_only(self):
        for case in ("loss1", "loss5", "loss20"):
            self.assertGreater(self.results[case].result(), 0, "packets lost")

    def test_a_link_that_goes_down_and_up_is_found_again(self):
        self.assertLess(self.results["flap"].result(), DEAD_S + REDIAL_S + WORK_S)

    def test_what_is_cut_off_silently_is_noticed_and_found_again(self):
        for case, lost in (("cut", "b"), ("mute", "b"), ("deaf", "b"), ("alone", "[abc]")):
            with self.subTest(case):
                silent, took_s, log = self.results[case].result()
                self.assertEqual(silent, 0, "answers while it was cut off")
                self.assertRegex(log, lost + r": lost \(.*\); waiting for it to come back")
                self.assertRegex(log, lost + r": back after [1-9]\.\d s")
                self.assertLess(took_s, REDIAL_S + WORK_S)

    def test_a_coordinator_cut_off_goes_on_behind_the_one_that_came_meanwhile(self):
        equal, took_s, log = self.results["other"].result()
        self.assertTrue(equal)
        self.assertIn("it has dropped our work meanwhile; it is given its stage again", log)
        self.assertLess(took_s, REDIAL_S + WORK_S)

    def test_a_process_that_is_stopped_goes_on(self):
        took_s, log = self.results["stop"].result()
        self.assertRegex(log, r"b: lost \(")
        self.assertLess(took_s, REDIAL_S + WORK_S)

    def test_a_worker_killed_while_cut_off_is_replaced(self):
        took_s, log = self.results["kill"].result()
        self.assertIn("b: a new process; it is given its stage again", log)
        self.assertLess(took_s, DEAD_S + REDIAL_S + WORK_S)

    def test_a_slow_port_sets_the_pace_and_breaks_nothing(self):
        equal, rate = self.results["slow"].result()
        self.assertTrue(equal)
        frame_bits = 8 * (4 * 256 + 48)
        self.assertLess(rate, 1.1e6 / frame_bits, "frames a second through 1 Mbit/s")

    def test_a_machine_whose_place_was_taken_is_refused(self):
        took_s, log = self.results["zombie"].result()
        self.assertIn("end this process", log)
        self.assertLess(took_s, DEAD_S + REDIAL_S + WORK_S)


if __name__ == "__main__":
    unittest.main()
