#!/usr/bin/env python3
"""Compares finished runs of one model: accuracy per CPU second, weights, accuracy after pruning; draws three SVGs.

usage: compare.py CLEAVE FOLDER      FOLDER holds the run folders mcmc and sgd; the pictures go beside them
"""
import json
import math
import pathlib
import struct
import subprocess
import sys

from charts import chart

RUNS = ["mcmc", "sgd"]
LEVELS = [0, 50, 80, 90, 95]  # percent


def read_weights(path):
    """Returns the header of a safetensors file and its float arrays by name."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    arrays = {}
    for name, array in header.items():
        if name != "__metadata__":
            first, last = array["data_offsets"]
            arrays[name] = list(struct.unpack(f"<{(last - first) // 4}f", data[8 + length + first:8 + length + last]))
    return header, arrays


def is_kernel(header, name):
    return len(header[name]["shape"]) > 1


def prune(cleave, folder):
    """Returns the test accuracy of each run by level; draws pruning.svg."""
    done = subprocess.run([cleave, "prune", *(str(folder / name) for name in RUNS), "--test", "--levels",
                           ",".join(f"{level}%" for level in LEVELS), "--svg", str(folder / "pruning.svg"), "--format",
                           "json", "-q"], check=True, capture_output=True, text=True)
    return {name: [100 * point["test_accuracy"] for point in run["points"]]
            for name, run in zip(RUNS, json.loads(done.stdout)["runs"])}


class Run:
    def __init__(self, folder):
        results = json.loads((folder / "run.json").read_text(encoding="utf-8"))["results"]
        self.curve = [(at["cpu_seconds"], 100 * at["test"][-1]) for at in results["epoch_scores"]]
        self.steps = results["modules"][-1]["steps"]
        header, arrays = read_weights(folder / "weights" / "last.safetensors")
        self.kernels = [value for name in arrays if is_kernel(header, name) for value in arrays[name]]

    def deviation(self):
        mean = sum(self.kernels) / len(self.kernels)
        return math.sqrt(sum((w - mean) ** 2 for w in self.kernels) / len(self.kernels))

    def near_zero(self, width=0.01):
        return 100 * sum(abs(w) < width for w in self.kernels) / len(self.kernels)


def histogram(values, low=-0.5, high=0.5, bins=50):
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, max(0, int((value - low) / (high - low) * bins)))] += 1
    return [(low + (i + 0.5) * (high - low) / bins, 100 * count / len(values)) for i, count in enumerate(counts)]


def main(cleave, folder):
    folder = pathlib.Path(folder)
    runs = {name: Run(folder / name) for name in RUNS}
    pruned = prune(cleave, folder)
    print("run steps CPU_s test_% deviation |w|<0.01_%")
    for name, run in runs.items():
        print(f"{name} {run.steps} {run.curve[-1][0]:.1f} {run.curve[-1][1]:.1f} {run.deviation():.3f} "
              f"{run.near_zero():.1f}")
    print("\npruned_% " + " ".join(RUNS))
    for level, *row in zip(LEVELS, *pruned.values()):
        print(level, *(f"{accuracy:.1f}" for accuracy in row))
    chart(folder / "accuracy.svg", "Test accuracy against CPU time", "CPU seconds", "%",
          {name: run.curve for name, run in runs.items()})
    chart(folder / "weights.svg", "Weights after training", "value", "% of the weights",
          {name: histogram(run.kernels) for name, run in runs.items()}, marks=False)
    lost = {name: row[0] - row[LEVELS.index(90)] for name, row in pruned.items()}
    print("\nmore accurate at the end:", max(runs, key=lambda name: runs[name].curve[-1][1]))
    print("loses more at 90 % pruned:", max(lost, key=lost.get))


if __name__ == "__main__":
    main(*sys.argv[1:])
