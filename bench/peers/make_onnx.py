#!/usr/bin/python3
"""make_onnx.py NET: writes NET.onnx from NET.json and NET.bin, which bench/peers/peer_net.cpp wrote.

Shortcuts that select channels become Slice and Pad, as such networks come from other programs."""
import json
import sys

import numpy
from onnx import TensorProto, checker, helper, numpy_helper, save


def main(path):
    with open(path + ".json") as file:
        net = json.load(file)
    data = numpy.fromfile(path + ".bin", numpy.float32)
    nodes, arrays, taken = [], [], 0

    def constant(name, values):
        arrays.append(numpy_helper.from_array(numpy.ascontiguousarray(values), name))
        return name

    def take(*shape):
        nonlocal taken
        count = int(numpy.prod(shape))
        taken += count
        return data[taken - count:taken].reshape(shape)

    def node(op, inputs, **attributes):
        nodes.append(helper.make_node(op, inputs, [f"v{len(nodes)}"], **attributes))
        return nodes[-1].output[0]

    values = ["input"]
    for i, layer in enumerate(net["layers"]):
        x, into, out, k = values[layer["input"]], layer["in"], layer["out"], layer["kernel"]
        if layer["op"] == "conv":
            weights, bias = take(out, into, k, k), take(out)
            if layer["selects"]:
                integers = {"from": [0, 0], "to": [1 << 30] * 2, "axes": [2, 3], "steps": [layer["stride"]] * 2,
                            "pads": [0, (out - into) // 2, 0, 0] * 2}
                names = {key: constant(f"{key}{i}", numpy.array(v, numpy.int64)) for key, v in integers.items()}
                y = node("Slice", [x, names["from"], names["to"], names["axes"], names["steps"]])
                y = node("Pad", [y, names["pads"]])
            else:
                y = node("Conv", [x, constant(f"w{i}", weights), constant(f"b{i}", bias)], kernel_shape=[k, k],
                         strides=[layer["stride"]] * 2, pads=[k // 2] * 4)
        elif layer["op"] == "mean_pool":
            y = node("Flatten", [node("GlobalAveragePool", [x])])
        else:
            y = node("Gemm", [x, constant(f"w{i}", take(out, into)), constant(f"b{i}", take(out))], transB=1)
        if layer["add"] >= 0:
            y = node("Add", [y, values[layer["add"]]])
        values.append(node("Relu", [y]) if layer["relu"] else y)
    nodes[-1].output[0] = "output"
    last = net["layers"][-1]
    out_shape = [last["out"]] + [last["size"]] * 2 if last["size"] > 1 else [last["out"]]
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"] + shape)
            for name, shape in (("input", [net["channels"], net["size"], net["size"]]), ("output", out_shape))]
    graph = helper.make_graph(nodes, "net", info[:1], info[1:], arrays)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    checker.check_model(model)
    save(model, path + ".onnx")


if __name__ == "__main__":
    main(sys.argv[1])
