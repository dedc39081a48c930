"""ResNet-20 over processes on this machine: the answers of one process to the bit, every byte as predicted."""

import json
import os
import pathlib
import re
import sys
import unittest

sys.path.append(str(pathlib.Path(__file__).parent.parent / "cli"))
from support import CliTest  # noqa: E402

RESNET = pathlib.Path(os.environ["CLEAVE_SOURCE_DIR"]) / "graphs" / "models" / "resnet20-split.yaml"


class Verify(CliTest):
    def verify(self, devices, placement, *options):
        """What `cleave verify` says of ResNet-20 on so many equal boards, after checking that it agrees."""
        boards = "devices:\n" + "".join(f"  {name}: *pi3\n" for name in "abcde"[:devices]) + "\n"
        text = re.sub(r"^devices:\n.*?(?=^links:)", boards, RESNET.read_text(), flags=re.M | re.S)
        text = re.sub(r"^placement:\n.*?(?=^inference:)", f"placement: {placement}\n\n", text, flags=re.M | re.S)
        text = re.sub(r"^.*\bload: .*\n", "", text, flags=re.M)
        text = re.sub(r"^name: .*\n", "", text, flags=re.M)  # then the file's name is the model's
        model = self.write("resnet20.yaml", text)
        out, _ = self.cleave("verify", model, "--local", "--frames", "12", "--format", "json", "-q", *options)
        said = json.loads(out)
        self.assertTrue(said["bytes_agree"], said["links"])
        self.assertEqual(said["answers"], "equal to one process, bit for bit")
        return said

    def test_vertical_cuts(self):
        for devices in (2, 3, 5):
            said = self.verify(devices, "{mode: auto, objective: throughput}")
            self.assertEqual(len(said["stages"]), devices)

    def test_splits_into_branches(self):
        for ways, devices in ((2, 3), (4, 5)):
            placement = "{mode: auto, objective: throughput, cuts: {after: [g1, g2]}, split: {branches: [1, %d]}}" % ways
            said = self.verify(devices, placement, "--cut", f"g2:{ways}")
            self.assertEqual(len(said["stages"]), devices)

    def test_splits_into_filters(self):
        placement = "{mode: auto, objective: throughput, cuts: {after: [g1, g2]}, split: {filters: [1, 2]}}"
        said = self.verify(3, placement, "--cut", "g1:2")
        self.assertEqual(len(said["stages"]), 3)


if __name__ == "__main__":
    unittest.main()
