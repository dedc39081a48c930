"""Hosts on this machine: network namespaces, each with one port at a common switch, which is one, too.

What goes wrong in a network is done to the switch: it loses packets, pulls a cable, keeps silent, slows a port down.
The hosts themselves see what they would see of a real one. Root is needed.
"""

import itertools
import json
import os
import subprocess
import time
import unittest

NUMBERS = itertools.count(1)


def command(*words, text=None):
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise OSError(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def why_not():
    """Why there can be no namespaces here; None when there can."""
    if os.geteuid() != 0:
        return "needs root, to make network namespaces"
    probe = f"clv{os.getpid()}probe"
    try:
        command("ip", "netns", "add", probe)
        try:
            command("ip", "-n", probe, "link", "add", "br0", "type", "bridge")
            command("ip", "-n", probe, "link", "add", "p", "type", "veth", "peer", "name", "q")
            command("ip", "netns", "exec", probe, "nft", "-f", "-", text=ruleset(LOSS.format(5)))
            command("tc", "-n", probe, "qdisc", "add", "dev", "p", "root", *TBF)
        finally:
            command("ip", "netns", "del", probe)
    except OSError as error:  # of a tool that is not there, too
        return f"network namespaces do not work here (iproute2, nftables, a kernel with both): {error}"
    return None


def need_namespaces():
    """Skips the whole script where they cannot be had."""
    if reason := why_not():
        raise unittest.SkipTest(reason)


LOSS = "numgen random mod 100 < {} counter drop"
TBF = ("tbf", "rate", "1mbit", "burst", "16kb", "latency", "200ms")


def ruleset(*rules):
    """Of the switch, for what it passes on."""
    rules = "".join(f"    {rule}\n" for rule in rules)
    return ("flush ruleset\ntable bridge faults {\n  chain forward {\n"
            "    type filter hook forward priority 0; policy accept;\n" + rules + "  }\n}\n")


class Network:
    """Hosts by name, with addresses. `close` takes everything away, but for processes, which are their starter's."""

    def __init__(self, **addresses):
        self.prefix = f"clv{os.getpid()}n{next(NUMBERS)}"
        self.addresses = {}
        self.namespaces = []
        self.switch = self._namespace("switch")
        command("ip", "-n", self.switch, "-batch", "-", text="link add br0 type bridge\nlink set br0 up\n")
        for host, address in addresses.items():
            self.add(host, address)

    def _namespace(self, name):
        namespace = f"{self.prefix}{name}"
        command("ip", "netns", "add", namespace)
        self.namespaces.append(namespace)
        return namespace

    def add(self, host, address):
        """Plugs a host in. It tells the others who has the address now, as one that replaces another must."""
        namespace = self._namespace(host)
        self.addresses[host] = address
        command("ip", "-n", self.switch, "link", "add", f"p_{host}", "type", "veth", "peer", "name", "eth0", "netns",
                namespace)
        command("ip", "netns", "exec", namespace, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/eth0/arp_notify")
        command("ip", "-n", namespace, "-batch", "-", text=f"link set lo up\naddr add {address}/24 dev eth0\n")
        command("ip", "-n", self.switch, "-batch", "-", text=f"link set p_{host} master br0\nlink set p_{host} up\n")
        command("ip", "-n", namespace, "link", "set", "eth0", "up")
        self._wait_forwarding(host)
        mac = json.loads(command("ip", "-n", namespace, "-j", "link", "show", "eth0"))[0]["address"]
        command("ip", "-n", namespace, "link", "set", "eth0", "address", mac)  # arp_notify: it is announced

    def _wait_forwarding(self, host):
        """A port takes a moment before it carries anything."""
        end = time.monotonic() + 20
        while True:
            (port,) = json.loads(command("ip", "-n", self.switch, "-j", "-d", "link", "show", f"p_{host}"))
            if port["linkinfo"]["info_slave_data"]["state"] == "forwarding":
                return
            if time.monotonic() > end:
                raise OSError(f"the switch does not open its port to {host}")
            time.sleep(0.02)

    def readdress(self, host, address):
        command("ip", "-n", f"{self.prefix}{host}", "-batch", "-",
                text=f"addr flush dev eth0\naddr add {address}/24 dev eth0\n")
        self.addresses[host] = address

    def on(self, host):
        """The words before a command that make it run there."""
        return ["ip", "netns", "exec", f"{self.prefix}{host}"]

    def _rules(self, text):
        command("ip", "netns", "exec", self.switch, "nft", "-f", "-", text=text)

    def lose(self, percent):
        """Each packet is lost with this probability, whoever sent it."""
        self._rules(ruleset(LOSS.format(percent)))

    def cut(self, host, ways=("from", "to")):
        """From now on nothing comes from this host and nothing gets there, and nobody is told."""
        sides = {"from": "iifname", "to": "oifname"}
        self._rules(ruleset(*(f'{sides[way]} "p_{host}" counter drop' for way in ways)))

    def heal(self):
        self._rules("flush ruleset\n")

    def lost(self):
        """How many packets `lose` or `cut` has taken so far."""
        rules = json.loads(command("ip", "netns", "exec", self.switch, "nft", "-j", "list", "ruleset"))["nftables"]
        parts = [part for row in rules if "rule" in row for part in row["rule"]["expr"]]
        return sum(part["counter"]["packets"] for part in parts if "counter" in part)

    def plug(self, host, up):
        """Pulls the host's cable out of the switch, or puts it back."""
        command("ip", "-n", self.switch, "link", "set", f"p_{host}", "up" if up else "down")

    def slow_down(self, host):
        """1 Mbit/s to the host and from it."""
        command("tc", "-n", self.switch, "qdisc", "add", "dev", f"p_{host}", "root", *TBF)
        command("tc", "-n", f"{self.prefix}{host}", "qdisc", "add", "dev", "eth0", "root", *TBF)

    def close(self):
        for namespace in self.namespaces:
            command("ip", "netns", "del", namespace)
        self.namespaces = []
