"""cleave devices: presets, lists, and which step of a connection to a device fails."""

import contextlib
import csv
import io
import json
import os
import socket
import struct
import threading
import time
import unittest

from support import CliTest

SWARM5 = os.path.join(os.environ["CLEAVE_SOURCE_DIR"], "graphs", "models", "swarm5.yaml")
HEADER = struct.Struct("<IBBBBQQQIIII")
MAGIC, HELLO, WELCOME, REFUSE, DATA = 0x31564C43, 1, 2, 3, 4
ANSWER = {"version": "", "boot_id": 7, "name": "a", "now_utc_s": 0.0, "memory_bytes": 2 << 30,
          "memory_free_bytes": 1 << 30, "cores": 4, "arch": "aarch64", "state": "idle", "plan": ""}


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def message(kind, edge, payload):
    head = HEADER.pack(MAGIC, 1, 0, kind, 0, edge, 0, 0, len(payload), 0, crc32c(payload), 0)
    return head[:36] + struct.pack("<I", crc32c(head[:36])) + head[40:] + payload


def take(connection, count):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError("the asker hung up")
        data += part
    return data


def serve(listener, reply):
    """Answers every HELLO with what `reply` makes of its header's edge and its payload."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):
            fields = HEADER.unpack(take(connection, HEADER.size))
            assert (fields[0], fields[1], fields[3]) == (MAGIC, 1, HELLO), fields
            connection.sendall(reply(fields[5], take(connection, fields[8])))
            connection.recv(1)


def welcome_and(answer):
    return lambda edge, hello: message(WELCOME, edge, hello) + message(DATA, edge, answer)


class DevicesTest(CliTest):
    def setUp(self):
        super().setUp()
        self.version = json.loads(self.cleave("version", "--format", "json")[0])["cleave"]

    def worker(self, reply):
        """Listens until the test ends; returns the port. `reply` None: says nothing."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        if reply is not None:
            thread = threading.Thread(target=serve, args=(listener, reply), daemon=True)
            thread.start()
            self.addCleanup(lambda: (listener.shutdown(socket.SHUT_RDWR), thread.join(20)))
        return listener.getsockname()[1]

    def answering(self, **changes):
        answer = {**ANSWER, "version": self.version, "now_utc_s": time.time(), **changes}
        return self.worker(welcome_and(json.dumps(answer).encode()))

    def closed_port(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return listener.getsockname()[1]

    def swarm(self, *ports):
        rows = "".join(f"  {chr(97 + i)}: {{preset: raspberry-pi-3b, host: 127.0.0.1, port: {port}}}\n"
                       for i, port in enumerate(ports))
        return self.write("swarm.yaml", "version: 1\ndevices:\n" + rows)

    def doctor(self, *ports, code=0, options=()):
        out, _ = self.cleave("devices", "doctor", self.swarm(*ports), "--format", "json", *options, code=code)
        return [{step["step"]: step for step in device["steps"]} for device in json.loads(out)]


class Tables(DevicesTest):
    def test_presets_mark_every_estimate(self):
        out, _ = self.cleave("devices", "presets")
        rows = [line.split() for line in out.split("\n\n")[0].splitlines()[1:]]
        listed = json.loads(self.cleave("devices", "presets", "--format", "json")[0])
        self.assertEqual([row[0] for row in rows], [preset["name"] for preset in listed])
        for row in rows:
            self.assertTrue(all(cell.startswith("~") for cell in row[-6:]), row)
        self.assertLessEqual(max(map(len, out.splitlines())), 110)

    def test_every_preset_may_be_named_in_a_swarm_file(self):
        for preset in json.loads(self.cleave("devices", "presets", "--format", "json")[0]):
            model = self.write("preset.yaml", f"version: 1\ndevices: {{a: {{preset: {preset['name']}}}}}\n")
            (device,) = json.loads(self.cleave("devices", "list", model, "--format", "json")[0])
            self.assertEqual(device["memory_bytes"], preset["memory_bytes"])

    def test_list_tells_where_devices_are_and_what_joins_them(self):
        out, _ = self.cleave("devices", "list", SWARM5, "--format", "csv")
        rows = {row["device"]: row for row in csv.DictReader(io.StringIO(out))}
        self.assertEqual(list(rows), ["j4", "p8", "p4", "p2", "j2"])
        self.assertEqual((rows["j2"]["host"], rows["j2"]["port"]), ("j2.local", "7300"))
        self.assertEqual(rows["p2"]["links"], "to j4 p8 p4: 940 Mbit/s, 0.3 ms; to j2: 40 Mbit/s, 2 ms")
        listed = json.loads(self.cleave("devices", "list", SWARM5, "--format", "json")[0])
        link = next(link for link in listed[3]["links"] if link["to"] == "j2")
        self.assertEqual((link["bandwidth_bps"], link["latency_s"], link["bandwidth_is_estimate"]), (40e6, 2e-3, False))


class Ping(DevicesTest):
    def test_tells_who_answers(self):
        out, _ = self.cleave("devices", "ping", self.swarm(self.answering(state="running", plan="3f2a91bc77")))
        row = out.splitlines()[1]
        self.assertRegex(row, r"^a +127\.0\.0\.1 +\d+ +[\d.e+]+ ms +" + self.version + " +running 3f2a91bc$")

    def test_one_that_does_not_is_exit_code_5(self):
        swarm = self.swarm(self.answering(), self.closed_port())
        out, _ = self.cleave("devices", "ping", swarm, "--format", "json", code=5)
        first, second = json.loads(out)
        self.assertTrue(first["reachable"])
        self.assertEqual(first["answer"]["boot_id"], 7)
        self.assertEqual((second["reachable"], second["answer"]), (False, None))
        self.assertIn("127.0.0.1", second["why"])


class Doctor(DevicesTest):
    STEPS = ["name", "port", "handshake", "version", "plan", "clock", "memory"]

    def states(self, steps):
        self.assertEqual(list(steps), self.STEPS)
        return [step["state"] for step in steps.values()]

    def test_of_a_sound_worker_finds_nothing(self):
        (steps,) = self.doctor(self.answering())
        self.assertEqual(self.states(steps), ["ok"] * 7)
        out, _ = self.cleave("devices", "doctor", self.swarm(self.answering()))
        self.assertIn("nothing stands in the way", out)

    def test_stops_at_the_step_that_fails(self):
        refusal = struct.pack("<B", 2) + struct.pack("<H", 4) + b"busy"
        for port, failed in [(self.closed_port(), 1), (self.worker(None), 2), (self.worker(lambda *_: b"x" * 48), 2),
                             (self.worker(welcome_and(b"[]")), 2),
                             (self.worker(lambda edge, _: message(REFUSE, edge, refusal)), 2)]:
            (steps,) = self.doctor(port, code=5, options=["--timeout", "2"])
            self.assertEqual(self.states(steps), ["ok"] * failed + ["failed"] + ["skipped"] * (6 - failed))
            self.assertTrue(steps[self.STEPS[failed]]["advice"])

    def test_of_a_name_without_an_address_says_so(self):
        model = self.write("swarm.yaml", "version: 1\ndevices: {a: {host: a..b}}\n")
        out, _ = self.cleave("devices", "doctor", model, code=5)
        self.assertRegex(out, r"(?m)^a +FAILED( +-){6}$")
        self.assertRegex(out, r"a: name: no address for 'a\.\.b': .+\n  give devices\.a\.host an address")

    def test_other_version_and_clock_are_warnings(self):
        (steps,) = self.doctor(self.answering(version="0.0.1", now_utc_s=time.time() - 3600))
        self.assertEqual(self.states(steps), ["ok", "ok", "ok", "warning", "ok", "warning", "ok"])
        self.assertRegex(steps["clock"]["text"], r"^-3\.6e\+03 s$")

    def test_too_little_memory_for_the_plan_is_exit_code_6(self):
        port = self.answering(memory_free_bytes=4096)
        swarm = f"devices: {{a: {{preset: raspberry-pi-3b, host: 127.0.0.1, port: {port}}}}}\n"
        model = self.write("placed.yaml", self.read("moons.yaml") + swarm)
        out, _ = self.cleave("devices", "doctor", model, code=6)
        self.assertRegex(out, r"a: memory: 4\.1 kB free, needs .*\n  .*cleave plan")

    def test_what_a_stranger_says_is_printed_safely(self):
        out, _ = self.cleave("devices", "doctor", self.swarm(self.answering(state="\x1b[2J\n", version="\x07")))
        self.assertNotRegex(out, "[\x00-\x09\x0b-\x1f]")


class Mistakes(DevicesTest):
    def test_are_one_line_that_says_what_would_be_right(self):
        self.assertIn("did you mean 'doctor'?", self.error_line("devices", "docter", SWARM5, code=2))
        self.assertIn("cleave devices list MODEL", self.error_line("devices", "list", code=2))
        self.assertIn("takes no model", self.error_line("devices", "presets", SWARM5, code=2))
        self.assertIn("no devices", self.error_line("devices", "list", self.moons, code=2))
        self.assertIn("cleave keys add", self.error_line("devices", "ping", SWARM5, "--keys", "none", code=2))
        self.error_line("devices", "ping", SWARM5, "--timeout", "0", code=2)


if __name__ == "__main__":
    unittest.main()
