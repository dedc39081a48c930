"""cleave deploy: what it writes is what was agreed on, is valid for the engine it is for, and cannot be injected into.

UPDATE_GOLDEN=1 rewrites tests/golden/deploy.
"""

import configparser
import json
import os
import pathlib
import re
import shlex
import shutil
import stat
import subprocess
import unittest

import yaml
from support import CLEAVE, CliTest

ROOT = pathlib.Path(os.environ["CLEAVE_SOURCE_DIR"])
SWARM = str(ROOT / "graphs" / "models" / "swarm5.yaml")
GOLDEN = ROOT / "tests" / "golden" / "deploy"
DEVICES = ["j4", "p8", "p4", "p2", "j2"]
# memory less reserve, as `devices presets` and the swarm file give them
ROOM = {"j4": (4 << 30) - (400 << 20), "p8": (8 << 30) - (256 << 20), "p4": (4 << 30) - (256 << 20),
        "p2": (2 << 30) - (256 << 20), "j2": 2_000_000_000 - (400 << 20)}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}


def faults(value, schema, where="$"):
    """What of `value` a JSON Schema forbids; the keywords our schemas use, and no others."""
    known = {"title", "type", "required", "properties", "patternProperties", "additionalProperties", "items", "pattern",
             "enum"}
    assert set(schema) <= known, set(schema) - known
    if type(value) is not TYPES[schema["type"]]:  # a bool is no integer
        return [f"{where}: {value!r} is no {schema['type']}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where}: {value!r} is not of {schema['enum']}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{where}: {value!r} does not match {schema['pattern']}")
    if isinstance(value, dict):
        found += [f"{where}: no {key}" for key in schema.get("required", []) if key not in value]
        for key, child in value.items():
            rules = [schema["properties"][key]] if key in schema.get("properties", {}) else []
            rules += [rule for name, rule in schema.get("patternProperties", {}).items() if re.search(name, key)]
            other = schema.get("additionalProperties", True)
            if not rules and other is not True:
                rules = [other] if other else []
                found += [] if other else [f"{where}: {key} is not known"]
            for rule in rules:
                found += faults(child, rule, f"{where}.{key}")
    if isinstance(value, list) and "items" in schema:
        found += [fault for i, child in enumerate(value) for fault in faults(child, schema["items"], f"{where}[{i}]")]
    return found


def schema(name):
    with open(ROOT / "tests" / "data" / "deploy" / name, encoding="utf-8") as file:
        return json.load(file)


def option(words, name):
    return words[words.index(name) + 1]


class DeployTest(CliTest):
    def deploy(self, target, *arguments, model=SWARM):
        out, _ = self.cleave("deploy", model, "--to", target, "-o", target, "--image", "registry.local/cleave:1",
                             *arguments)
        return out

    def swarm(self, devices):
        return self.write("swarm.yaml", "version: 1\ndevices:\n" + devices)

    def written(self, target):
        folder = pathlib.Path(self.path(target))
        return {str(path.relative_to(folder)): path.read_text(encoding="utf-8")
                for path in sorted(folder.rglob("*")) if path.is_file()}

    def documents(self, path):
        return list(yaml.safe_load_all(self.read(path)))

    def compare(self, target):
        """Everything a target writes for the five cards, and what it says, against one golden file."""
        out = self.deploy(target).replace(SWARM, "swarm5.yaml")
        text = "".join(f"==> {name} <==\n{content}\n" for name, content in self.written(target).items()) + out
        golden = GOLDEN / (target + ".txt")
        if os.environ.get("UPDATE_GOLDEN"):
            golden.parent.mkdir(exist_ok=True)
            golden.write_text(text, encoding="utf-8")
        self.assertEqual(text, golden.read_text(encoding="utf-8"))


class Golden(DeployTest):
    def test_every_target_writes_what_was_agreed_on(self):
        targets = re.findall(r"--to (\S+)", self.cleave("deploy", "--help")[0])[0].split("|")
        self.assertEqual(targets, ["systemd", "compose", "k3s", "ansible"])
        for target in targets:
            with self.subTest(target):
                self.compare(target)

    def test_what_is_said_is_what_was_written(self):
        for target in ["systemd", "compose", "k3s", "ansible"]:
            said = re.findall(r"^  (\S+)$", self.deploy(target).split("\nnext\n")[0], re.M)
            self.assertEqual(sorted(said), sorted(f"{target}/{name}" for name in self.written(target)))


class Systemd(DeployTest):
    def unit(self, device):
        parser = configparser.ConfigParser(strict=True, interpolation=None)
        parser.optionxform = str
        parser.read_string(self.read(f"systemd/{device}/cleave-worker-{device}.service"))
        return parser

    def test_a_unit_holds_its_worker_within_bounds(self):
        self.deploy("systemd")
        for device in DEVICES:
            service = self.unit(device)["Service"]
            self.assertEqual(int(service["MemoryMax"]), ROOM[device])
            self.assertEqual(option(service["ExecStart"].split(), "--name"), device)
            self.assertEqual(option(service["ExecStart"].split(), "--keys"), f"/etc/cleave/keys/{device}")
            self.assertEqual(option(service["ExecStart"].split(), "--run-dir"), "/var/lib/" + service["StateDirectory"])
            for key, value in {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "PrivateTmp": "yes", "User": "cleave",
                               "Restart": "always", "CapabilityBoundingSet": "", "ProtectHome": "yes"}.items():
                self.assertEqual(service[key], value, key)
            self.assertGreater(int(service["TasksMax"]), 0)
            self.assertGreater(int(service["RestartSec"]), 0)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze (package systemd) is not there")
    def test_systemd_understands_every_line(self):
        self.deploy("systemd")
        for device in DEVICES:
            name = f"cleave-worker-{device}.service"
            text = self.read(f"systemd/{device}/{name}").replace("/usr/local/bin/cleave", CLEAVE)
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", self.write(name, text)], timeout=60,
                                  capture_output=True, text=True, check=False)
            own = [line for line in done.stderr.splitlines() if name in line]
            self.assertEqual((done.returncode, own), (0, []), done.stderr)

    def run_script(self, device, root="0"):
        """Runs install.sh with programs that only write down how they were called."""
        tools = self.path("tools")
        os.makedirs(tools, exist_ok=True)
        for tool in ["install", "systemctl", "getent", "useradd"]:
            self.write(f"tools/{tool}", f'#!/bin/sh\necho {tool} "$@"\n[ {tool} != getent ]\n')
        self.write("tools/id", f"#!/bin/sh\necho {root}\n")
        for tool in os.listdir(tools):
            os.chmod(os.path.join(tools, tool), stat.S_IRWXU)
        return subprocess.run(["sh", self.path(f"systemd/{device}/install.sh")], capture_output=True, text=True, timeout=60,
                              env={"PATH": f"{tools}:/usr/bin:/bin"}, check=False)

    def test_the_script_installs_user_program_keys_and_unit_and_starts_it(self):
        self.deploy("systemd")
        self.write("systemd/j4/cleave", "")
        os.mkdir(self.path("systemd/j4/keys"))
        self.write("systemd/j4/keys/a.pem", "")
        done = self.run_script("j4")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.splitlines(), [
            "useradd --system --no-create-home --shell /usr/sbin/nologin cleave",
            "install -D -m 755 cleave /usr/local/bin/cleave",
            "install -d -m 750 -o root -g cleave /etc/cleave/keys/j4",
            "install -m 640 -o root -g cleave keys/a.pem /etc/cleave/keys/j4/",
            "install -m 644 cleave-worker-j4.service /etc/systemd/system/cleave-worker-j4.service",
            "systemctl daemon-reload", "systemctl enable cleave-worker-j4.service",
            "systemctl restart cleave-worker-j4.service"])

    def test_the_script_says_what_is_missing_before_it_changes_anything(self):
        self.deploy("systemd")
        self.write("systemd/j4/cleave", "")
        for root, part in [("0", "keys/"), ("1000", "root")]:
            done = self.run_script("j4", root)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(part, done.stderr)

    @unittest.skipUnless(shutil.which("shellcheck"), "shellcheck is not there")
    def test_shellcheck_finds_nothing_in_the_script(self):
        self.deploy("systemd")
        done = subprocess.run(["shellcheck", self.path("systemd/j4/install.sh")], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))


class Compose(DeployTest):
    def test_files_keep_to_the_specification(self):
        self.deploy("compose")
        for device in DEVICES:
            (document,) = self.documents(f"compose/{device}.local/compose.yaml")
            self.assertEqual(faults(document, schema("compose.json")), [])
            service = document["services"][f"worker-{device}"]
            self.assertEqual(service["mem_limit"], f"{ROOM[device]}b")
            self.assertEqual(option(service["command"], "--name"), device)

    def test_the_schema_finds_faults(self):
        self.deploy("compose")
        (document,) = self.documents("compose/j4.local/compose.yaml")
        service = document["services"]["worker-j4"]
        for key, value in [("read_only", False), ("privileged", True), ("ports", [7300]), ("user", "0:0")]:
            changed = {"name": "cleave", "services": {"worker-j4": {**service, key: value}}}
            self.assertEqual(len(faults(changed, schema("compose.json"))), 1, key)

    def test_devices_of_one_host_share_its_file(self):
        self.deploy("compose", model=self.swarm("  a: {host: h}\n  b: {host: h, port: 7301}\n  c: {host: '::1'}\n"))
        self.assertEqual(list(self.written("compose")), ["--1/compose.yaml", "h/compose.yaml"])
        (document,) = self.documents("compose/h/compose.yaml")
        self.assertEqual([s["ports"] for s in document["services"].values()], [["7300:7300"], ["7301:7301"]])

    def test_compose_itself_takes_the_files(self):
        if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode != 0:
            self.skipTest("docker compose is not there")
        self.deploy("compose")
        done = subprocess.run(["docker", "compose", "-f", self.path("compose/j4.local/compose.yaml"), "config", "-q"],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


class K3s(DeployTest):
    def test_deployments_keep_to_the_interface(self):
        self.deploy("k3s")
        space, *deployments = self.documents("k3s/cleave-workers.yaml")
        self.assertEqual(space, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "cleave"}})
        self.assertEqual([d["metadata"]["name"] for d in deployments], ["worker-" + name for name in DEVICES])
        for device, deployment in zip(DEVICES, deployments):
            self.assertEqual(faults(deployment, schema("deployment.json")), [])
            pod = deployment["spec"]["template"]
            labels = deployment["spec"]["selector"]["matchLabels"]
            self.assertEqual(labels, {key: pod["metadata"]["labels"][key] for key in labels})
            self.assertEqual(pod["spec"]["nodeSelector"]["kubernetes.io/hostname"], device)
            (container,) = pod["spec"]["containers"]
            self.assertEqual(container["resources"]["limits"]["memory"], str(ROOM[device]))
            self.assertEqual(option(container["args"], "--name"), device)
            volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
            self.assertEqual({mount["name"] for mount in container["volumeMounts"]}, set(volumes))
            self.assertEqual(volumes["keys"]["secret"]["secretName"], f"keys-worker-{device}")

    def test_the_schema_finds_faults(self):
        self.deploy("k3s")
        _, deployment, *_ = self.documents("k3s/cleave-workers.yaml")
        for key, value in [("hostNetwork", True), ("automountServiceAccountToken", True), ("nodeSelector", {})]:
            changed = json.loads(json.dumps(deployment))
            changed["spec"]["template"]["spec"][key] = value
            self.assertEqual(len(faults(changed, schema("deployment.json"))), 1, key)

    def test_names_are_made_fit_and_stay_apart(self):
        self.deploy("k3s", model=self.swarm("  P_4: {host: P4.local}\n  q: {host: 10.0.0.7}\n"))
        _, first, second = self.documents("k3s/cleave-workers.yaml")
        self.assertEqual(faults(first, schema("deployment.json")), [])
        self.assertEqual(first["metadata"]["name"], "worker-p-4")
        self.assertEqual(second["spec"]["template"]["spec"]["nodeSelector"]["kubernetes.io/hostname"], "q")
        for devices, part in [("  a_b: {}\n  A-b: {}\n", "rename one"), ("  a-: {}\n", "Kubernetes"),
                              ("  " + "a" * 60 + ": {}\n", "Kubernetes")]:
            line = self.error_line("deploy", self.swarm(devices), "--to", "k3s", "-o", "x", code=2)
            self.assertIn(part, line)


class Ansible(DeployTest):
    def hosts(self):
        lines = [line for line in self.read("ansible/inventory.ini").splitlines() if line and line[0] not in "#["]
        return {line.split()[0]: dict(word.split("=", 1) for word in shlex.split(line)[1:]) for line in lines}

    def test_the_inventory_names_every_device(self):
        self.deploy("ansible")
        self.assertEqual(list(self.hosts()), ["worker-" + name for name in DEVICES])
        self.assertEqual(self.hosts()["worker-j4"],
                         {"ansible_host": "j4.local", "cleave_device": "j4", "cleave_program": "cleave-arm64"})

    def test_values_that_python_would_read_as_numbers_stay_text(self):
        self.deploy("ansible", model=self.swarm("  1e5: {host: 10.0.0.7}\n  None: {host: '12'}\n"))
        self.assertEqual(self.hosts()["worker-1e5"]["cleave_device"], "'1e5'")
        self.assertEqual(self.hosts()["worker-1e5"]["ansible_host"], "'10.0.0.7'")
        self.assertEqual(self.hosts()["worker-None"]["cleave_device"], "'None'")
        self.assertEqual(self.hosts()["worker-None"]["ansible_host"], "'12'")

    def test_the_playbook_installs_and_enables_the_units(self):
        self.deploy("ansible")
        ((play,),) = self.documents("ansible/playbook.yaml")
        self.assertEqual((play["hosts"], play["become"]), ("cleave_workers", True))
        self.assertEqual({task["notify"] for task in play["tasks"] if "notify" in task}, {play["handlers"][0]["name"]})
        copies = [task["ansible.builtin.copy"] for task in play["tasks"] if "ansible.builtin.copy" in task]
        self.assertEqual([copy["mode"] for copy in copies], ["0755", "0640", "0644"])
        (keys,) = [task["loop"] for task in play["tasks"] if "loop" in task]
        self.assertEqual([key.replace("{{ cleave_device }}", "j4") for key in keys],
                         ["authority.crt", "revoked.pem", "j4.crt", "j4.key"])
        start = play["tasks"][-1]["ansible.builtin.systemd"]
        self.assertEqual((start["enabled"], start["state"]), (True, "started"))
        unit = start["name"].replace("{{ inventory_hostname }}", "worker-j4")
        self.assertIn("units/" + unit, self.written("ansible"))

    def test_units_are_those_of_systemd(self):
        self.deploy("ansible")
        self.deploy("systemd")
        for device in DEVICES:
            name = f"cleave-worker-{device}.service"
            self.assertEqual(self.read(f"ansible/units/{name}"), self.read(f"systemd/{device}/{name}"))

    @unittest.skipUnless(shutil.which("ansible-playbook"), "ansible-playbook is not there")
    def test_ansible_itself_takes_the_playbook(self):
        self.deploy("ansible")
        done = subprocess.run(["ansible-playbook", "--syntax-check", "-i", self.path("ansible/inventory.ini"),
                               self.path("ansible/playbook.yaml")], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)


class Every(DeployTest):
    TARGETS = ["systemd", "compose", "k3s", "ansible"]

    def test_without_keys_workers_are_told_so_and_nothing_mounts_any(self):
        for target in self.TARGETS:
            out = self.deploy(target, "--insecure-lan")
            text = "".join(self.written(target).values())
            self.assertIn("--insecure-lan", text)
            self.assertNotIn("keys", text.replace("/etc/cleave", ""))
            self.assertNotIn("cleave keys", out)

    def test_memory_nobody_stated_is_no_limit(self):
        for target in self.TARGETS:
            self.deploy(target, model=self.swarm("  a: {}\n"))
            self.assertNotRegex("".join(self.written(target).values()), "MemoryMax|mem_limit|limits")

    def test_written_twice_is_the_same_and_what_was_changed_is_kept(self):
        self.deploy("systemd")
        before = self.written("systemd")
        self.deploy("systemd")
        self.assertEqual(self.written("systemd"), before)
        self.write("systemd/j4/install.sh", "mine\n")
        line = self.error_line("deploy", SWARM, "--to", "systemd", "-o", "systemd", code=2)
        self.assertIn("systemd/j4/install.sh is there already and differs; --force", line)
        self.assertEqual(self.read("systemd/j4/install.sh"), "mine\n")
        self.deploy("systemd", "--force")
        self.assertEqual(self.written("systemd"), before)

    def test_names_that_could_say_more_than_a_name_are_refused(self):
        for name in ["a;reboot", "a b", "$(reboot)", "a\\nExecStart=x", "../a", "{{ a }}", "a'b", "%i", "`a`", "a/b", "é"]:
            for target in self.TARGETS:
                model = self.swarm(f'  "{name}": {{}}\n')
                self.cleave("deploy", model, "--to", target, "-o", "bad", code=3)
                model = self.swarm(f'  a: {{host: "{name}"}}\n')
                self.cleave("deploy", model, "--to", target, "-o", "bad", code=3)
        self.assertFalse(os.path.exists(self.path("bad")))

    def test_a_swarms_name_stays_in_its_comment(self):
        model = self.swarm("  a: {}\n" + 'name: "x\\t{{ y }} %i é $(z)"\n')
        for target in self.TARGETS:
            self.deploy(target, model=model)
            for text in self.written(target).values():
                lines = [line for line in text.splitlines() if "$(z)" in line]
                self.assertEqual(len(lines), 1, text)
                self.assertTrue(lines[0].startswith("# ") and lines[0].isascii(), lines)

    def test_mistakes_are_one_line_that_says_what_would_be_right(self):
        for arguments, part in [(["--to", "systemdd", "-o", "x"], "did you mean 'systemd'?"), (["--to", "nomad", "-o", "x"], "k3s"),
                                (["--to", "k3s"], "-o DIR"), (["--to", "k3s", "-o", "x", "--image", "a b"], "--image"),
                                (["-o", "x"], "--to")]:
            self.assertIn(part, self.error_line("deploy", SWARM, *arguments, code=2))
        self.assertIn("no devices", self.error_line("deploy", self.moons, "--to", "k3s", "-o", "x", code=2))
        self.assertIn("option", self.error_line("deploy", self.swarm("  -a: {host: x}\n"), "--to", "k3s", "-o", "x", code=2))
        self.assertIn("devices.-a.host", self.error_line("deploy", self.swarm("  -a: {}\n"), "--to", "k3s", "-o", "x", code=2))
        self.write("file", "")
        self.error_line("deploy", SWARM, "--to", "k3s", "-o", "file/x", code=1)


if __name__ == "__main__":
    unittest.main()
