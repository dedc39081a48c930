#!/usr/bin/python3
"""PyTorch as a peer in a process of its own: a line asks, a number answers. Reads what peer_net.cpp wrote.

  net PATH BATCH THREADS                makes the network (0)
  time eager|script|optimized CALLS     seconds of one call: CPU time with one thread, wall time with more
  difference VARIANT FILE               largest difference from the outputs in FILE, relative to their largest
"""
import copy
import json
import sys
import time

import numpy
import torch
from torch import nn
from torch.nn import functional


class Net(nn.Module):
    def __init__(self, path):
        super().__init__()
        with open(path + ".json") as file:
            self.net = json.load(file)
        data = numpy.fromfile(path + ".bin", numpy.float32)
        at = 0
        layers = []
        for layer in self.net["layers"]:
            into, out, k = layer["in"], layer["out"], layer["kernel"]
            made = nn.Identity()
            if layer["op"] == "conv":
                made = nn.Conv2d(into, out, k, layer["stride"], k // 2)
            elif layer["op"] == "dense":
                made = nn.Linear(into, out)
            for array in made.parameters():
                count = array.numel()
                array.data = torch.from_numpy(data[at:at + count].copy()).reshape(array.shape)
                at += count
            layers.append(made)
        self.layers = nn.ModuleList(layers)
        self.samples = torch.from_numpy(data[at:].copy()).reshape(-1, self.net["channels"], self.net["size"],
                                                                  self.net["size"])

    def forward(self, x):
        values = [x]
        for layer, made in zip(self.net["layers"], self.layers):
            x = values[layer["input"]]
            pad = (layer["out"] - layer["in"]) // 2
            if layer["selects"]:
                s = layer["stride"]
                y = functional.pad(x[:, :, ::s, ::s], (0, 0, 0, 0, pad, pad))
            elif layer["op"] == "mean_pool":
                y = x.mean((2, 3))
            else:
                y = made(x)
            if layer["add"] >= 0:
                y = y + values[layer["add"]]
            values.append(functional.relu(y) if layer["relu"] else y)
        return values[-1]


def variants(net, x):
    traced = torch.jit.trace(net, x)
    made = {"eager": net, "script": torch.jit.freeze(traced),
            "optimized": torch.jit.optimize_for_inference(torch.jit.trace(copy.deepcopy(net), x))}
    for run in made.values():
        for _ in range(3):
            run(x)
    return made


def main():
    torch.set_grad_enabled(False)
    torch.set_flush_denormal(True)
    print("ready", torch.__version__, flush=True)
    made, x, clock = {}, None, time.process_time
    for line in sys.stdin:
        words = line.split()
        answer = 0.0
        if words[0] == "net":
            torch.set_num_threads(int(words[3]))
            clock = time.process_time if words[3] == "1" else time.perf_counter
            net = Net(words[1]).eval()
            x = net.samples[:int(words[2])]
            made = variants(net, x)
        elif words[0] == "time":
            run, calls = made[words[1]], int(words[2])
            start = clock()
            for _ in range(calls):
                run(x)
            answer = (clock() - start) / calls
        else:
            right = numpy.fromfile(words[2], numpy.float32)
            y = made[words[1]](x)
            y = (y.permute(0, 2, 3, 1) if y.dim() == 4 else y).contiguous().numpy().ravel()
            answer = float(abs(y - right).max() / abs(right).max())
        print(answer, flush=True)


if __name__ == "__main__":
    main()
