"""What is folded on the way in: shapes, layouts, padding, arithmetic with constants. Each equals the file's own network."""

import unittest

import numpy as np
from make_models import Net
from onnx_support import OnnxTest
from reference import evaluate


class Folds(OnnxTest):
    def check(self, net, rank=2, shape=None):
        return self.check_import(net.name, net.model(rank), shape or net.shape, count=8, bar=2e-5)

    def test_windows_that_are_not_square_or_even(self):
        net = Net("windows", (4, 13, 14))
        net.conv("wide", 4, 6, (1, 5), pads=[0, 2, 0, 2])
        net.conv("tall", 6, 5, (3, 1), pads=[1, 0, 1, 0], strides=[2, 2])
        net.conv("dilated", 5, 4, 3, dilations=[2, 1], pads=[2, 1, 2, 1])
        net.conv("aside", 4, 6, 3, pads=[1, 0, 0, 2], groups=2)
        net.conv("lower", 6, 4, 2, auto_pad="SAME_LOWER")
        net.conv("upper", 4, 4, 4, auto_pad="SAME_UPPER", strides=[2, 2])
        self.check(net, 4)

    def test_pools(self):
        net = Net("pools", (3, 30, 31))
        net.op("MaxPool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
        net.op("AveragePool", kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])
        net.op("AveragePool", kernel_shape=[2, 2], strides=[1, 1], pads=[0, 0, 1, 1], count_include_pad=1)
        net.op("MaxPool", kernel_shape=[2, 2], strides=[2, 2], pads=[1, 0, 0, 1])
        net.op("AveragePool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
        net.op("GlobalMaxPool")
        net.op("Flatten", axis=1)
        self.check(net)

    def test_padding_goes_into_the_convolution(self):
        net = Net("padding", (2, 9, 9))
        net.op("Pad", net.at, net.integers("pads", 0, 0, 1, 1, 0, 0, 1, 1))
        net.conv("first", 2, 4, 3)
        net.op("Pad", net.at, net.integers("more", 0, 0, 0, 1, 0, 0, 2, 2), net.reals("zero", 0.0))
        net.op("Relu")
        text = self.check(net, 4)
        self.assertIn("filters: 4, kernel: 3, padding: same", text)
        self.assertEqual(text.count("pad:"), 1)

    def test_arithmetic_with_constants(self):
        net = Net("arithmetic", (3, 8, 8))
        net.op("Sub", net.at, net.reals("mean", [[[0.4]], [[0.5]], [[0.6]]]))
        net.op("Div", net.at, net.reals("spread", [[[[0.2]], [[0.3]], [[0.4]]]]))
        net.conv("conv", 3, 4, 3, bias=False)
        net.op("Mul", net.at, net.reals("factor", 0.5))
        net.op("Add", net.reals("shift", [[[1]], [[2]], [[3]], [[4]]]), net.at)
        net.op("Relu")
        net.op("Sub", net.reals("one", 1.0), net.at)
        net.op("Flatten", axis=1)
        net.op("MatMul", net.at, net.weight("matrix", net.normal(4 * 36, 5, scale=0.1)))
        net.op("Add", net.at, net.weight("more", net.normal(5)))
        net.op("Mul", net.at, net.weight("scales", net.normal(1, 5)))
        text = self.check(net)
        self.assertEqual(text.count("batch_norm"), 2)  # one in front of the convolution, one behind relu
        self.assertIn("dense: {units: 5}", text)

    def test_channels_last(self):
        net = Net("last", (8, 9, 3))
        net.op("Transpose", perm=[0, 3, 1, 2])
        net.conv("conv", 3, 4, 3)
        net.op("Transpose", perm=[0, 2, 3, 1])
        net.op("Add", net.at, net.weight("shift", net.normal(4)))
        net.op("Relu")
        net.op("Reshape", net.at, net.integers("flat", -1, 6 * 7 * 4))
        net.op("Add", net.at, net.weight("each", net.normal(6 * 7 * 4)))
        net.op("MatMul", net.at, net.weight("matrix", net.normal(6 * 7 * 4, 5, scale=0.1)))
        inputs = self.inputs(net.shape, 8)
        self.save("last.onnx", net.model())
        _, err = self.cleave("import", "last.onnx")
        self.assertIn("channel, row, column", err)
        np.save(self.path("inputs.npy"), np.ascontiguousarray(inputs.transpose(0, 3, 1, 2)))
        got = self.run_model("last.yaml")
        np.testing.assert_allclose(got, evaluate(net.model(), inputs), atol=1e-4)

    def test_shapes_that_are_computed(self):
        net = Net("computed", (2, 4, 4))
        net.conv("conv", 2, 3, 3)
        value = net.at
        net.op("Shape")
        net.op("Gather", net.at, net.weight("zero", np.array(0, dtype=np.int64)), axis=0)
        first = net.op("Unsqueeze", net.at, net.integers("axis", 0))
        net.op("Concat", first, net.integers("rest", -1), axis=0)
        net.op("Reshape", value, net.at)
        net.dense("out", 12, 4)
        self.check(net)

    def test_slices_splits_and_joins(self):
        net = Net("cuts", (6, 8, 8))
        whole = net.conv("conv", 6, 6, 1)
        net.op("Slice", whole, net.integers("from", 1, -7), net.integers("to", 5, 1000), net.integers("axes", 1, 2))
        left = net.op("Slice", net.at, net.integers("from2", 0), net.integers("to2", -1), net.integers("axes2", 2))
        net.op("Split", left, outputs=["a", "b"], axis=1)
        net.op("Relu", "b")
        net.op("Concat", "a", net.at, "b", axis=1)
        net.op("Sum", net.at, net.at, net.op("Sigmoid"))
        net.op("Clip", net.at, "", net.reals("most", 1.5))
        net.op("Sign")
        self.check(net, 4)

    def test_old_opsets(self):
        net = Net("old", (3, 8, 8), opset=9)
        net.conv("conv", 3, 4, 3)
        net.op("Clip", min=-0.25, max=0.5)
        net.op("Pad", pads=[0, 0, 1, 0, 0, 0, 1, 0], mode="constant", value=0.0)
        net.op("Slice", starts=[0, 1], ends=[3, 5], axes=[1, 3])
        net.op("Flatten")
        net.op("Softmax", axis=1)
        inputs = self.inputs(net.shape, 4)
        self.save("old.onnx", net.model())
        self.cleave("import", "old.onnx")
        runtime = self.run_onnx("old.onnx", inputs)
        if runtime is None:
            self.skipTest("ONNX Runtime is not found (CLEAVE_ORT)")
        np.testing.assert_allclose(self.run_model("old.yaml"), runtime, atol=1e-5)

    def test_ways_that_cross_are_written_by_name(self):
        net = Net("crossing", (4, 6, 6))
        first = net.conv("first", 4, 4, 3, pads=[1, 1, 1, 1])
        second = net.conv("second", 4, 4, 3, pads=[1, 1, 1, 1])
        both = net.op("Concat", first, second, axis=1)
        third = net.conv("third", 8, 4, 1)
        net.op("Concat", first, second, third, both, axis=1)
        self.assertIn("from: [first, second, third, ", self.check(net, 4))


if __name__ == "__main__":
    unittest.main()
