"""`cmake --install`, then a project of ten lines that finds cleave, reads a model, builds its graph and runs it."""

import os
import pathlib
import subprocess
import tempfile
import unittest

BUILD = os.environ["CLEAVE_BUILD_DIR"]

PROJECT = """cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES CXX)
find_package(cleave 0.1 REQUIRED)
add_executable(consumer main.cpp)
target_link_libraries(consumer PRIVATE cleave::cleave)
"""

PROGRAM = """#include <cstdio>
#include "engine/cli/command.h"
#include "engine/runtime/flow.h"
int main(int, char** argv) {
  const cleave::Graph graph = cleave::load_model(argv[1], cleave::cleave_language(), {}).graph;
  cleave::Flow flow(graph, cleave::initial_weights(graph, 1), {});
  const auto ones = [](std::int64_t seq, cleave::TensorView input) {
    for (float& x : input.values()) x = 1;
    return std::int64_t{seq < 3};
  };
  std::printf("%d frames\\n", static_cast<int>(flow.run(ones, [](const cleave::FrameResult&) {}).frames));
}
"""


def run(*command, folder=None):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}")
    return done.stdout


class Install(unittest.TestCase):
    def test_serves_the_program_and_library_users(self):
        with tempfile.TemporaryDirectory(prefix="cleave_install_") as folder:
            prefix, project = pathlib.Path(folder, "prefix"), pathlib.Path(folder, "project")
            run("cmake", "--install", BUILD, "--prefix", prefix)
            model = prefix / "share/cleave/models/fashion-hybrid.yaml"
            self.assertIn("valid", run(prefix / "bin/cleave", "check", model))
            project.mkdir()
            (project / "CMakeLists.txt").write_text(PROJECT)
            (project / "main.cpp").write_text(PROGRAM)
            run("cmake", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}", "-B", "build", folder=project)
            run("cmake", "--build", "build", folder=project)
            self.assertEqual(run(project / "build/consumer", model), "3 frames\n")


if __name__ == "__main__":
    unittest.main()
