"""A slow and obvious evaluator of ONNX graphs in numpy, by the text of ONNX's operators, opset 13. Images are [N, C, H, W]."""

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from onnx import numpy_helper


def windows(x, kernel, strides, pads, dilations, fill):
    """[N, C, rows, columns, kernel, kernel] of x with its padding."""
    x = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])), constant_values=fill)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]
    return sliding_window_view(x, reach, (2, 3))[:, :, ::strides[0], ::strides[1], ::dilations[0], ::dilations[1]]


def pads_of(x, kernel, strides, attributes, dilations):
    rule, pads = attributes.get("auto_pad", b"NOTSET").decode(), list(attributes.get("pads", [0, 0, 0, 0]))
    if rule.startswith("SAME"):
        for axis in (0, 1):
            out = -(-x.shape[2 + axis] // strides[axis])
            need = max(0, (out - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1 - x.shape[2 + axis])
            pads[axis], pads[axis + 2] = need // 2, need - need // 2
            if rule == "SAME_LOWER":
                pads[axis], pads[axis + 2] = pads[axis + 2], pads[axis]
    if attributes.get("ceil_mode"):  # the last window begins inside the image or its front padding
        for axis in (0, 1):
            size, room = x.shape[2 + axis], x.shape[2 + axis] + pads[axis] + pads[axis + 2] - kernel[axis]
            out = -(-room // strides[axis]) + 1
            out -= (out - 1) * strides[axis] >= size + pads[axis]
            pads[axis + 2] = max(pads[axis + 2], (out - 1) * strides[axis] + kernel[axis] - size - pads[axis])
    return pads


def conv(a, x, w, b=None):
    strides, dilations = a.get("strides", [1, 1]), a.get("dilations", [1, 1])
    pads, groups = pads_of(x, w.shape[2:], strides, a, dilations), a.get("group", 1)
    parts = []
    for xs, ws in zip(np.split(x, groups, 1), np.split(w, groups)):
        parts.append(np.einsum("nchwij,fcij->nfhw", windows(xs, w.shape[2:], strides, pads, dilations, 0), ws,
                               optimize=True))
    return np.concatenate(parts, 1) + (0 if b is None else b.reshape(-1, 1, 1))


def pool(a, x, mean):
    kernel, strides = a["kernel_shape"], a.get("strides", [1, 1])
    pads = pads_of(x, kernel, strides, a, [1, 1])
    if mean and a.get("count_include_pad"):
        return windows(x, kernel, strides, pads, [1, 1], 0).mean((4, 5))
    cells = windows(x, kernel, strides, pads, [1, 1], np.nan)
    return np.nanmean(cells, (4, 5)) if mean else np.nanmax(cells, (4, 5))


def norm(a, x, scale, shift, mean, var):
    shape = (1, -1) + (1,) * (x.ndim - 2)
    return (x - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + a.get("epsilon", 1e-5)) * scale.reshape(
        shape) + shift.reshape(shape)


def softmax(a, x):
    axis, opset = a.get("axis"), a["opset"]
    flat = x.reshape(int(np.prod(x.shape[:axis or 1])), -1) if opset < 13 else x
    e = np.exp(flat - flat.max(-1 if opset < 13 or axis is None else axis, keepdims=True))
    return (e / e.sum(-1 if opset < 13 or axis is None else axis, keepdims=True)).reshape(x.shape)


def slices(a, x, starts, ends, axes=None, steps=None):
    cut = [slice(None)] * x.ndim
    for i, (start, end) in enumerate(zip(starts, ends)):
        cut[i if axes is None else axes[i]] = slice(start, end, 1 if steps is None else steps[i])
    return x[tuple(cut)]


def padded(a, x, pads, value=0.0):
    return np.pad(x, list(zip(pads[:x.ndim], pads[x.ndim:])), constant_values=value)


def reshaped(a, x, shape):
    return x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(shape)])


def split(a, x, sizes=None):
    axis = a.get("axis", 0)
    if sizes is None:
        return np.split(x, a["outputs"], axis)
    return np.split(x, np.cumsum(sizes)[:-1], axis)


OPS = {
    "Conv": conv,
    "Gemm": lambda a, x, w, b=0: a.get("alpha", 1) * (x @ (w.T if a.get("transB") else w)) + a.get("beta", 1) * b,
    "MatMul": lambda a, x, w: x @ w,
    "BatchNormalization": norm,
    "Relu": lambda a, x: np.maximum(x, 0),
    "Sigmoid": lambda a, x: 1 / (1 + np.exp(-x)),
    "Tanh": lambda a, x: np.tanh(x),
    "Sign": lambda a, x: np.sign(x),
    "Clip": lambda a, x, low=-np.inf, high=np.inf: np.clip(x, low, high),
    "Softmax": softmax,
    "Add": lambda a, x, y: x + y,
    "Sum": lambda a, *x: sum(x),
    "Sub": lambda a, x, y: x - y,
    "Mul": lambda a, x, y: x * y,
    "Div": lambda a, x, y: x / y,
    "MaxPool": lambda a, x: pool(a, x, False),
    "AveragePool": lambda a, x: pool(a, x, True),
    "GlobalAveragePool": lambda a, x: x.mean((2, 3), keepdims=True),
    "GlobalMaxPool": lambda a, x: x.max((2, 3), keepdims=True),
    "ReduceMean": lambda a, x: x.mean(tuple(a["axes"]), keepdims=bool(a.get("keepdims", 1))),
    "Concat": lambda a, *x: np.concatenate(x, a["axis"]),
    "Slice": slices,
    "Split": split,
    "Pad": padded,
    "Flatten": lambda a, x: x.reshape(int(np.prod(x.shape[:a.get("axis", 1)])), -1),
    "Reshape": reshaped,
    "Squeeze": lambda a, x, axes: np.squeeze(x, tuple(axes)),
    "Unsqueeze": lambda a, x, axes: np.expand_dims(x, tuple(axes)),
    "Transpose": lambda a, x: np.transpose(x, a["perm"]),
    "Dropout": lambda a, x, *rest: x,
    "Identity": lambda a, x: x,
    "Cast": lambda a, x: x,
    "Shape": lambda a, x: np.array(x.shape),
    "Gather": lambda a, x, at: np.take(x, at, a.get("axis", 0)),
    "Constant": lambda a: a["value"],
}


def evaluate(model, x):
    """The model's first output for a batch of inputs, computed in double precision."""
    graph = model.graph
    values = {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}
    values[graph.input[0].name] = np.asarray(x, dtype=np.float64)
    for node in graph.node:
        attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
        if node.op_type == "Constant":
            attributes["value"] = numpy_helper.to_array(attributes["value"])
        attributes.update(opset=model.opset_import[0].version, outputs=len(node.output))
        given = {i: values[name] for i, name in enumerate(node.input) if name}
        if node.op_type == "Clip" and 1 not in given and 2 in given:
            given[1] = -np.inf
        result = OPS[node.op_type](attributes, *(given[i] for i in sorted(given)))
        for name, value in zip(node.output, result if isinstance(result, (list, tuple)) else [result]):
            values[name] = value
    return values[graph.output[0].name]
