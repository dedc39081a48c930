"""Writes ONNX files with random weights (fixed seeds): networks of well-known shapes, as PyTorch and others export them.

python3 make_models.py FOLDER [--full] [NAME ...]   --full: width and images as published, else small ones
"""

import argparse
import pathlib
import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Net:
    """A graph that grows at its end: every method adds a node that reads `at` (or what it is told) and moves `at`."""

    def __init__(self, name, shape, opset=13, size="N", seed=None):
        self.name, self.opset = name, opset
        self.rng = np.random.default_rng(zlib.crc32(name.encode()) if seed is None else seed)
        self.input = helper.make_tensor_value_info("input", TensorProto.FLOAT, [size, *shape])
        self.shape = tuple(shape)
        self.nodes, self.weights, self.count = [], {}, 0
        self.at = "input"

    def weight(self, name, values):
        self.weights[name] = np.asarray(values, dtype=getattr(values, "dtype", np.float32))
        return name

    def op(self, op, *inputs, name="", outputs=None, **attributes):
        self.count += 1
        outputs = outputs or [f"v{self.count}"]
        inputs = inputs or (self.at,)
        self.nodes.append(helper.make_node(op, list(inputs), outputs, name=name or f"{op}_{self.count}", **attributes))
        self.at = outputs[0]
        return self.at

    def normal(self, *shape, scale=1.0):
        return (self.rng.standard_normal(shape) * scale).astype(np.float32)

    def conv(self, name, channels, filters, kernel, bias=True, groups=1, **attributes):
        kernel = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        fan_in = channels // groups * kernel[0] * kernel[1]
        names = [self.weight(f"{name}.weight", self.normal(filters, channels // groups, *kernel,
                                                           scale=(2 / fan_in) ** 0.5))]
        if bias:
            names.append(self.weight(f"{name}.bias", self.normal(filters, scale=0.1)))
        return self.op("Conv", self.at, *names, name=f"/{name.replace('.', '/')}/Conv", kernel_shape=list(kernel),
                       group=groups, **attributes)

    def norm(self, name, channels):
        spread = self.rng.uniform(0.7, 1.3, (2, channels)).astype(np.float32)
        names = [self.weight(f"{name}.weight", spread[0]),
                 self.weight(f"{name}.bias", self.normal(channels, scale=0.1)),
                 self.weight(f"{name}.running_mean", self.normal(channels, scale=0.1)),
                 self.weight(f"{name}.running_var", spread[1])]
        return self.op("BatchNormalization", self.at, *names, epsilon=1e-5, momentum=0.9)

    def dense(self, name, inputs, units):
        return self.op("Gemm", self.at, self.weight(f"{name}.weight", self.normal(units, inputs, scale=inputs ** -0.5)),
                       self.weight(f"{name}.bias", self.normal(units, scale=0.1)), name=f"/{name}/Gemm", alpha=1.0,
                       beta=1.0, transB=1)

    def integers(self, name, *values):
        return self.weight(name, np.array(values, dtype=np.int64))

    def reals(self, name, values):
        return self.weight(name, np.array(values, dtype=np.float32))

    def model(self, rank=2, outputs=None):
        outputs = outputs or [self.at]
        sizes = ["N", "a", "b", "c"][:rank]
        graph = helper.make_graph(self.nodes, self.name, [self.input],
                                  [helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes) for name in outputs],
                                  [numpy_helper.from_array(values, name) for name, values in self.weights.items()])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], producer_name="tests")
        model.ir_version = 7
        onnx.checker.check_model(model)
        return model


def lenet(full):
    net = Net("lenet", (1, 28, 28))
    net.conv("conv1", 1, 6, 5, pads=[2, 2, 2, 2])
    net.op("Tanh")
    net.op("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    net.conv("conv2", 6, 16, 5)
    net.op("Sigmoid")
    net.op("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    net.op("Flatten", axis=1)
    net.dense("fc1", 400, 120)
    net.op("Tanh")
    net.dense("fc2", 120, 84)
    net.op("Tanh")
    net.op("MatMul", net.at, net.weight("fc3.weight", net.normal(84, 10, scale=0.1)))
    net.op("Add", net.at, net.weight("fc3.bias", net.normal(10, scale=0.1)))
    return net.model()


def vgg(full):
    width, size = (64, 224) if full else (16, 64)
    net, channels, layer = Net("vgg11", (3, size, size)), 3, 0
    for step in (1, "M", 2, "M", 4, 4, "M", 8, 8, "M", 8, 8, "M"):
        if step == "M":
            net.op("MaxPool", kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 0, 0])
            layer += 1
            continue
        net.conv(f"features.{layer}", channels, step * width, 3, pads=[1, 1, 1, 1], strides=[1, 1])
        net.op("Relu")
        channels, layer = step * width, layer + 2
    net.op("Flatten", axis=1)
    inputs, units = channels * (size // 32) ** 2, 64 * width
    for at in (0, 3):
        net.dense(f"classifier.{at}", inputs, units)
        net.op("Relu")
        net.op("Dropout")
        inputs = units
    net.dense("classifier.6", inputs, 1000 if full else 100)
    return net.model()


def mobilenet(full):
    width, size = (32, 224) if full else (8, 64)
    net = Net("mobilenet", (3, size, size))
    net.reals("low", 0.0), net.reals("high", 6.0)

    def block(name, channels, filters, kernel, **attributes):
        net.conv(f"{name}.0", channels, filters, kernel, bias=False, **attributes)
        net.norm(f"{name}.1", filters)
        net.op("Clip", net.at, "low", "high")

    block("model.0", 3, width, 3, strides=[2, 2], pads=[1, 1, 1, 1])
    channels = width
    steps = ((2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2), (16, 1), (16, 1), (16, 1), (16, 1), (16, 1), (32, 2),
             (32, 1))
    for i, (factor, stride) in enumerate(steps, 1):
        block(f"model.{i}.dw", channels, channels, 3, groups=channels, strides=[stride, stride], pads=[1, 1, 1, 1])
        block(f"model.{i}.pw", channels, factor * width, 1)
        channels = factor * width
    net.op("GlobalAveragePool")
    net.op("Reshape", net.at, net.integers("shape", -1, channels))
    net.dense("fc", channels, 1000 if full else 100)
    return net.model()


def thinned(net, image, channels, filters):
    """He et al.'s shortcut without weights: every second pixel, and channels of zeros (option A of ResNet-20)."""
    net.op("Slice", image, net.integers("starts", 0, 0), net.integers("ends", 1 << 30, 1 << 30),
           net.integers("axes", 2, 3), net.integers("steps", 2, 2))
    half = (filters - channels) // 2
    return net.op("Pad", net.at, net.integers(f"pads{filters}", 0, half, 0, 0, 0, half, 0, 0))


def basic_block(net, name, channels, filters, stride, thin=False):
    before = net.at
    net.conv(f"{name}.conv1", channels, filters, 3, bias=False, strides=[stride, stride], pads=[1, 1, 1, 1])
    net.norm(f"{name}.bn1", filters)
    net.op("Relu")
    net.conv(f"{name}.conv2", filters, filters, 3, bias=False, pads=[1, 1, 1, 1])
    body = net.norm(f"{name}.bn2", filters)
    if thin and channels != filters:
        before = thinned(net, before, channels, filters)
    elif stride != 1 or channels != filters:
        net.at = before
        net.conv(f"{name}.downsample.0", channels, filters, 1, bias=False, strides=[stride, stride])
        before = net.norm(f"{name}.downsample.1", filters)
    net.op("Add", body, before)
    net.op("Relu")


def resnet18(full):
    width, size = (64, 224) if full else (16, 64)
    net = Net("resnet18", (3, size, size))
    net.conv("conv1", 3, width, 7, bias=False, strides=[2, 2], pads=[3, 3, 3, 3])
    net.norm("bn1", width)
    net.op("Relu")
    net.op("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = width
    for stage in range(4):
        for block in range(2):
            basic_block(net, f"layer{stage + 1}.{block}", channels, width << stage, 2 if stage and not block else 1)
            channels = width << stage
    net.op("GlobalAveragePool")
    net.op("Flatten", axis=1)
    net.dense("fc", channels, 1000 if full else 100)
    return net.model()


def resnet20(full, name="resnet20", thin=False):
    net = Net(name, (3, 32, 32), size=1)
    net.conv("conv1", 3, 16, 3, bias=False, pads=[1, 1, 1, 1])
    net.norm("bn1", 16)
    net.op("Relu")
    channels = 16
    for stage in range(3):
        for block in range(3):
            basic_block(net, f"layer{stage + 1}.{block}", channels, 16 << stage, 2 if stage and not block else 1, thin)
            channels = 16 << stage
    net.op("ReduceMean", axes=[2, 3], keepdims=0)
    net.dense("linear", channels, 10)
    return net.model()


def squeezenet(full):
    size, part = (224, 1) if full else (64, 4)
    net = Net("squeezenet", (3, size, size), opset=11)

    def pool():
        net.op("MaxPool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)

    def fire(name, channels, squeeze, expand):
        net.conv(f"{name}.squeeze", channels, squeeze, 1)
        shared = net.op("Relu")
        net.conv(f"{name}.expand1x1", squeeze, expand, 1)
        left = net.op("Relu")
        net.at = shared
        net.conv(f"{name}.expand3x3", squeeze, expand, 3, pads=[1, 1, 1, 1])
        net.op("Concat", left, net.op("Relu"), axis=1)
        return 2 * expand

    channels = 64 // part
    net.conv("features.0", 3, channels, 3, strides=[2, 2])
    net.op("Relu")
    at = 3
    for squeeze in (16, 16, None, 32, 32, None, 48, 48, 64, 64):
        if at == 3 or squeeze is None:
            pool()
            at += 1 if squeeze is None else 0
        if squeeze is not None:
            channels = fire(f"features.{at}", channels, squeeze // part, 4 * squeeze // part)
            at += 1
    net.op("Dropout", ratio=0.5)
    net.conv("classifier.1", channels, 1000 if full else 100, 1)
    net.op("Relu")
    net.op("GlobalAveragePool")
    net.op("Flatten", axis=1)
    net.op("Softmax", axis=1)
    return net.model()


MODELS = {"lenet": lenet, "vgg11": vgg, "mobilenet": mobilenet, "resnet18": resnet18, "resnet20": resnet20,
          "resnet20a": lambda full: resnet20(full, "resnet20a", True), "squeezenet": squeezenet}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="*", choices=[[], *MODELS])
    parser.add_argument("--full", action="store_true")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or MODELS:
        onnx.save(MODELS[name](arguments.full), arguments.folder / f"{name}.onnx")


if __name__ == "__main__":
    main()
