"""What import cannot take: told all at once, by name, with what would be right. Damaged files end in an error as well."""

import os
import subprocess
import unittest

import numpy as np
import onnx
from make_models import Net, resnet20
from onnx import TensorProto, helper, numpy_helper
from onnx_support import OnnxTest


def small():
    net = Net("small", (3, 8, 8))
    net.conv("conv", 3, 4, 3)
    net.op("Relu")
    return net


class Refusals(OnnxTest):
    def said(self, model, *options):
        self.save("net.onnx", model)
        return self.refusal("net.onnx", *options)

    def test_every_op_that_cannot_be_taken_is_listed(self):
        net = small()
        net.op("LeakyRelu", name="leak")
        net.op("Erf", name="gauss")
        net.conv("next", 4, 4, 3)
        net.op("DepthToSpace", name="spread", blocksize=2)
        err = self.said(net.model(4))
        self.assertIn("net.onnx: cannot be imported for 3 reasons:\n  LeakyRelu 'leak' is an op that is not taken\n"
                      "  Erf 'gauss' is an op that is not taken\n  DepthToSpace 'spread' is an op that is not taken\n"
                      "  (1 more nodes read what these give, and cannot be judged yet)\n", err)
        self.assertEqual(os.listdir(self.folder), ["moons.yaml", "net.onnx"])

    def test_faults_of_known_ops_are_listed_too(self):
        net = small()
        net.op("AveragePool", name="wide", kernel_shape=[1, 2])
        net.op("Pad", net.at, net.integers("pads", *[0] * 8), name="mirror", mode="reflect")
        err = self.said(net.model(4))
        self.assertIn("AveragePool 'wide': has windows of 1x2", err)
        net = small()
        net.conv("uneven", 4, 4, 3, strides=[1, 2])
        self.assertIn("has the strides 1 and 2; they must be the same", self.said(net.model(4)))

    def test_branches_and_loops_are_listed(self):
        net = small()
        value = net.at
        body = helper.make_graph([helper.make_node("Relu", [value], ["inner"])], "body", [],
                                 [helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)])
        net.weight("yes", np.array(True))
        net.nodes.append(helper.make_node("If", ["yes"], ["chosen"], name="choice", then_branch=body, else_branch=body))
        net.at = "chosen"
        model = small().model(4)
        model.graph.node.append(net.nodes[-1])
        model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
        model.graph.output[0].name = "chosen"
        self.assertIn("  If 'choice' is an op that is not taken\n", self.said(model))

    def test_an_opset_too_new_is_named(self):
        model = small().model(4)
        model.opset_import[0].version = 99
        err = self.said(model)
        self.assertIn("opset 99, the newest one taken is 21", err)
        model.opset_import[0].version = 3
        self.assertIn("opset 3, the oldest one taken is 7", self.said(model))

    def test_open_sizes_are_asked_for(self):
        model = small().model(4)
        sizes = model.graph.input[0].type.tensor_type.shape.dim
        sizes[2].dim_param, sizes[3].dim_param = "height", "width"
        err = self.said(model)
        self.assertIn("[N, 3, height, width]", err)
        self.assertIn("--shape input=1,3,224,224", err)
        self.cleave("import", "net.onnx", "--shape", "input=1,3,10,12")
        self.assertIn("image: [3, 10, 12]", self.read("net.yaml"))
        self.assertIn("the input is called 'input'", self.refusal("net.onnx", "--shape", "x=1,3,8,8", "--force"))
        err = self.error_line("import", "net.onnx", "--shape", "input=1,3,x,8", "--force", code=2)
        self.assertIn("input=1,3,224,224", err)

    def test_weights_that_are_no_numbers_are_named(self):
        net = small()
        net.conv("second", 4, 4, 3)
        net.weights["conv.weight"][1, 0, 0, 2] = np.nan
        net.weights["second.bias"][3] = np.inf
        err = self.said(net.model(4))
        self.assertIn("weights 'conv.weight': value 29 is nan, must be finite", err)
        self.assertIn("weights 'second.bias': value 3 is inf, must be finite", err)

    def test_several_outputs_must_be_chosen_from(self):
        net = small()
        first = net.at
        net.conv("second", 4, 4, 3)
        model = net.model(4, outputs=[first, net.at])
        self.assertIn(f"--output-name {first}", self.said(model))
        self.cleave("import", "net.onnx", "--output-name", first)
        self.assertNotIn("second", self.read("net.yaml"))

    def test_nothing_is_overwritten_unless_forced(self):
        self.save("net.onnx", small().model(4))
        self.cleave("import", "net.onnx")
        self.assertIn("--force", self.error_line("import", "net.onnx", code=2))
        self.cleave("import", "net.onnx", "--force")


class Outside(OnnxTest):
    """Weights stored beside the file."""

    def stored(self, location, **more):
        model = small().model(4)
        weight = next(item for item in model.graph.initializer if item.name == "conv.weight")
        with open(self.path("weights.bin"), "wb") as file:
            file.write(b"\0" * 16 + weight.raw_data)
        size = len(weight.raw_data)
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, "offset": 16, "length": size, **more}.items():
            weight.external_data.add(key=key, value=str(value))
        with open(self.path("net.onnx"), "wb") as file:
            file.write(model.SerializeToString())

    def test_weights_beside_the_file_are_read(self):
        self.save("inside.onnx", small().model(4))
        self.cleave("import", "inside.onnx")
        self.stored("weights.bin")
        self.cleave("import", "net.onnx")
        with open(self.path("net.safetensors"), "rb") as one, open(self.path("inside.safetensors"), "rb") as other:
            self.assertEqual(one.read()[-400:], other.read()[-400:])

    def test_weights_elsewhere_are_refused(self):
        os.mkdir(self.path("inner"))
        os.symlink("/etc/hostname", self.path("link.bin"))
        for location in ("/etc/hostname", "../../etc/hostname", "link.bin", "inner/../../x", ""):
            self.stored(location)
            err = self.refusal("net.onnx")
            self.assertIn("'conv.weight'", err)
            self.assertRegex(err, "outside the folder|sound name")

    def test_weights_that_end_too_early_are_refused(self):
        for more in ({"length": 10_000}, {"offset": 10_000}, {"length": 8}):
            self.stored("weights.bin", **more)
            self.assertIn("'conv.weight'", self.refusal("net.onnx"))
        self.stored("weights.bin", offset="-4")
        self.assertIn("has the offset '-4'", self.refusal("net.onnx"))
        self.stored("nowhere.bin")
        _, err = self.cleave("import", "net.onnx", code=1)
        self.assertIn("nowhere.bin", err)


class Damaged(OnnxTest):
    def test_every_cut_and_many_flips_end_in_an_error_or_a_model(self):
        whole = small().model(4).SerializeToString()
        rng = np.random.default_rng(3)
        files = [whole[:size] for size in range(0, len(whole), 23)]
        for _ in range(30):
            damaged = bytearray(whole)
            for at in rng.integers(0, len(whole), 3):
                damaged[at] = rng.integers(0, 256)
            files.append(bytes(damaged))
        for data in files:
            path = self.write("net.onnx", data)
            done = subprocess.run([os.environ["CLEAVE"], "import", path, "--force", "-q"], cwd=self.folder,
                                                capture_output=True, check=False)
            self.assertIn(done.returncode, (0, 1, 3), done.stderr)
            self.assertNotIn(b"internal", done.stderr)

    def test_sizes_that_overflow_are_refused(self):
        model = small().model(4)
        weight = next(item for item in model.graph.initializer if item.name == "conv.weight")
        weight.dims[:] = [2 ** 31, 2 ** 31, 3, 3]
        self.assertIn("sizes that overflow", self.refusal(self.save("net.onnx", model)))
        weight.dims[:] = [-4, 3, 3, 3]
        self.assertIn("has the size -4", self.refusal(self.save("net.onnx", model)))
        model = small().model(4)
        for size in model.graph.input[0].type.tensor_type.shape.dim:
            size.dim_value = 2 ** 40
        self.assertIn("a batch of vectors [N, size] or images", self.refusal(self.save("net.onnx", model)))

    def test_attributes_of_another_kind_or_size_are_refused(self):  # as the fuzzer found them
        net = Net("turned", (8, 8, 3))
        net.op("Transpose", perm=2.5)
        net.conv("conv", 3, 4, 3)
        model = small().model(4)
        model.graph.CopyFrom(helper.make_graph(net.nodes, "turned", [net.input], list(model.graph.output), [
            numpy_helper.from_array(values, name) for name, values in net.weights.items()]))
        model.graph.output[0].name = net.at
        self.assertIn("its attribute 'perm' is of the wrong kind", self.refusal(self.save("net.onnx", model)))
        net = small()
        net.op("Pad", net.at, net.integers("pads", 0, 0, 2 ** 62, 1, 0, 0, 2 ** 62, 1))
        self.assertIn("pads by more than 10000 cells", self.refusal(self.save("net.onnx", net.model(4))))

    def test_other_files_are_refused(self):
        for name, data in (("text.onnx", b"hello, world, this is no model\n" * 9), ("none.onnx", b""),
                           ("bomb.onnx", b"\x3a\xc0\x84\x3d" + b"\x0a\x00" * 500_000 + b"\x00" * 64)):
            self.assertIn(name, self.refusal(self.write(name, data)))
        many = resnet20(False)
        for _ in range(20_001):
            many.graph.node.add(op_type="Relu")
        self.assertIn("at most 20000", self.refusal(self.save("many.onnx", many)))


if __name__ == "__main__":
    unittest.main()
