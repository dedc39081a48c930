#!/usr/bin/env python3
"""Static throughput of the kernels' innermost loops on a Cortex-A72 (Raspberry Pi 4), by llvm-mca.

Each kernel source is cross-compiled to assembly. Of every function the innermost loops are cut out and simulated; the
figure is the multiply-adds a loop does in a cycle when all its data are in the L1 cache. Printed is the best loop of
each kernel and the goal it stands for (K9). Exits 6 when a goal is missed."""
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILER = "aarch64-linux-gnu-g++"
# name, source, the instruction that counts, multiply-adds of one, goal in multiply-adds a cycle
KERNELS = [
    ("fp32 convolution", "isa_conv.cpp", r"\bfmla\s+v\d+\.4s", 4, 3.5),
    ("binary convolution", "isa_binary.cpp", r"\bcnt\s+v\d+\.16b", 128, 40),
]
LABEL = re.compile(r"^(\.L\d+):")
BRANCH = re.compile(r"^\s+(?:b\.?\w*|cbn?z|tbn?z)\s+(?:\w+, )?(?:#\d+, )?(\.L\d+)\s*$")


def assembly(source):
    command = [COMPILER, "-std=c++20", "-O3", "-mtune=cortex-a72", f"-I{ROOT}", "-DCLEAVE_ISA=neon", "-ffp-contract=fast",
               "-S", str(ROOT / "ops" / "kernels" / source), "-o", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def innermost_loops(lines):
    """The stretches from a label to a branch back to it with no other label to jump back to between."""
    labels = {}
    for at, line in enumerate(lines):
        found = LABEL.match(line)
        if found:
            labels[found.group(1)] = at
        found = BRANCH.match(line)
        if found and found.group(1) in labels:
            yield [text for text in lines[labels[found.group(1)]:at + 1] if not text.lstrip().startswith("//")]
            labels = {name: start for name, start in labels.items() if start > at}


def cycles_of(loop):
    """Cycles an iteration takes in the long run."""
    text = "\n".join(line for line in loop if not re.match(r"^\s+\.", line))
    done = subprocess.run(["llvm-mca", "-mtriple=aarch64-linux-gnu", "-mcpu=cortex-a72", "-iterations=200"], input=text,
                          capture_output=True, text=True, check=True)
    return int(re.search(r"Total Cycles:\s+(\d+)", done.stdout).group(1)) / 200


def best_loop(source, pattern, products):
    best = (0.0, 0, 0.0)
    counted = re.compile(pattern)
    for loop in innermost_loops(assembly(source)):
        count = sum(1 for line in loop if counted.search(line))
        if count < 8:
            continue
        cycles = cycles_of(loop)
        best = max(best, (count * products / cycles, count, cycles))
    return best


def main():
    for tool in (COMPILER, "llvm-mca"):
        if shutil.which(tool) is None:
            print(f"skipped: there is no {tool} (packages g++-aarch64-linux-gnu and llvm)")
            return 0
    missed = False
    print(f"{'innermost loop, Cortex-A72':28}{'instructions':>14}{'cycles':>9}{'MAC/cycle':>11}{'goal':>7}")
    for name, source, pattern, products, goal in KERNELS:
        rate, count, cycles = best_loop(source, pattern, products)
        met = "met" if rate >= goal else "missed"
        missed = missed or rate < goal
        print(f"{name:28}{count:>14}{cycles:>9.1f}{rate:>11.2f}{goal:>7}  {met}")
    return 6 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
