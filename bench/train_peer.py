"""The peer of train_bench: Metropolis-Hastings steps in PyTorch, each with a full forward pass, one thread.

Reads lines "CASE STEPS SECONDS" from stdin (CASE of CASES below, STEPS on each batch, for about so many CPU seconds) and
answers each with one number, the steps a CPU second. Batches have 512 random images; a new batch costs a forward pass.
Written after Algorithm 1 of hal-04270262 and the plain way: copy the weights, change some, compute everything, keep or put back.
"""
import math
import sys
import time

import torch
import torch.nn.functional as F

IMAGES = 512
LAMBDA = 1e5 / IMAGES  # of the summed loss


class Mlp:
    def __init__(self, move):
        self.move = move
        sign = move == "flip"
        self.body = (torch.randint(0, 2, (100, 784)) * 2.0 - 1.0) if sign else torch.randn(100, 784) * 0.05
        self.scale = 0.05 if sign else 1.0
        self.body_bias = torch.zeros(100)
        self.head, self.head_bias = torch.randn(10, 100) * 0.1, torch.zeros(10)
        self.shape = (IMAGES, 784)

    def loss(self, x, y):
        h = F.relu(F.linear(x, self.body) * self.scale + self.body_bias)
        return F.cross_entropy(F.linear(h, self.head, self.head_bias), y, reduction="sum")


class Convolution:
    def __init__(self, move, inputs, size, stride, padding):
        self.move, self.stride, self.padding = move, stride, padding
        self.relu_first = inputs == 32
        self.body, self.body_bias = torch.randn(32, inputs, 11, 11) * 0.02, torch.zeros(32)
        self.head, self.head_bias = torch.randn(10, 2048) * 0.02, torch.zeros(10)
        self.shape = (IMAGES, inputs, size, size)

    def loss(self, x, y):
        if self.relu_first:
            x = F.relu(x)
        h = F.relu(F.conv2d(x, self.body, self.body_bias, self.stride, self.padding)).flatten(1)
        return F.cross_entropy(F.linear(h, self.head, self.head_bias), y, reduction="sum")


def cauchy(count):
    return torch.tan(math.pi * (torch.rand(count) - 0.5))


def log_prior(w):
    return -torch.log1p((w / 0.0316) ** 2).sum()


def indices(net):
    """Which weights move: (array, flat indices)."""
    if net.move in ("one", "flip"):
        return net.body, torch.randint(0, net.body.numel(), (1,))
    if torch.rand(()) < 0.5:
        return net.head, torch.randperm(net.head.numel())[:363]
    size = net.body[0].numel()
    return net.body, torch.arange(size) + torch.randint(0, len(net.body), (1,)) * size


def step(net, x, y, loss):
    array, at = indices(net)
    flat = array.view(-1)
    old = flat[at].clone()
    new = -old if net.move == "flip" else old + 3.16e-4 * cauchy(len(at))
    prior = 0.0 if net.move == "flip" else log_prior(new) - log_prior(old)
    flat[at] = new
    proposed = net.loss(x, y)
    if math.log(max(float(torch.rand(())), 1e-300)) < float(prior - LAMBDA * (proposed - loss)):
        return proposed
    flat[at] = old
    return loss


CASES = {
    "mlp": lambda: Mlp("row"),
    "mlp_one": lambda: Mlp("one"),
    "mlp_flip": lambda: Mlp("flip"),
    "module1": lambda: Convolution("filter", 3, 32, 3, 0),
    "module1_one": lambda: Convolution("one", 3, 32, 3, 0),
    "module2": lambda: Convolution("filter", 32, 8, 1, 5),
}


def measure(name, steps, seconds):
    torch.manual_seed(1)
    net = CASES[name]()
    batches = [(torch.rand(net.shape), torch.randint(0, 10, (IMAGES,))) for _ in range(2)]
    net.loss(*batches[0])
    done, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        x, y = batches[(done // steps) % 2]
        loss = net.loss(x, y)
        for _ in range(steps):
            loss = step(net, x, y, loss)
        done += steps
    return done / (time.process_time() - start)


def main():
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    print("ready", torch.__version__, flush=True)
    for line in sys.stdin:
        name, steps, seconds = line.split()
        print(measure(name, int(steps), float(seconds)), flush=True)


if __name__ == "__main__":
    main()
