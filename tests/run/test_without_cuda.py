"""A build where there is no CUDA toolkit: it says what it leaves out, and libweir.so is the same as with one."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import weir_test

BUILD = weir_test.build_dir()
KEPT = ("CMAKE_GENERATOR", "CMAKE_BUILD_TYPE", "CMAKE_C_COMPILER", "CMAKE_CXX_COMPILER", "CMAKE_C_FLAGS", "CMAKE_CXX_FLAGS",
        "WEIR_DEPS_DIR", "WEIR_MIMALLOC_SOURCE", "WEIR_LIBUNWIND_SOURCE", "WEIR_WERROR", "WEIR_COMMAND", "Python3_EXECUTABLE")
OBJECT_OF_LIBRARY = r"(src/CMakeFiles/weir_|preload/)"
WITHOUT = [f"-D{name}=OFF" for name in ("WEIR_CUDA_INCLUDE", "WEIR_CUDA_STUB", "WEIR_NVCC")]


def library_commands(build):
    """{source: how it is compiled}, of libweir.so's objects, whatever the objects' own names, which tell where the sources lie."""
    text = (build / "compile_commands.json").read_text().replace(str(build), str(BUILD))
    entries = [entry for entry in json.loads(text) if re.search(f" -o {OBJECT_OF_LIBRARY}", entry["command"])]
    return {entry["file"]: re.sub(r" -o \S+", "", entry["command"]) for entry in entries}


class WithoutToolkit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="weir-test-")
        cls.addClassCleanup(folder.cleanup)
        cls.build = pathlib.Path(folder.name).resolve()
        kept = weir_test.configured(*KEPT)
        words = ["-G", kept.pop("CMAKE_GENERATOR")] + [f"-D{name}={value}" for name, value in kept.items()]
        done = subprocess.run(["cmake", "-S", weir_test.REPOSITORY, "-B", cls.build, *words, *WITHOUT], capture_output=True, text=True,
                              timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        cls.said = done.stdout

    def test_is_said_in_one_line(self):
        lines = [line for line in self.said.splitlines() if re.search("cuda|nvcc|toolkit", line, re.IGNORECASE)]
        self.assertEqual(lines, ["-- No CUDA toolkit: the simulated driver is left out, and with it all tests of CUDA"])

    def test_is_named_by_the_tests(self):
        done = subprocess.run(["ctest", "--test-dir", self.build, "-R", "^simcuda"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"simcuda \.+\*+Skipped")

    def test_compiles_the_library_as_with_one(self):
        commands = library_commands(BUILD)
        self.assertGreater(len([source for source in commands if "/src/cuda/" in source]), 10)
        self.assertEqual(library_commands(self.build), commands)

    def test_the_library_includes_nothing_of_a_toolkit(self):
        listed = subprocess.run(["ninja", "-C", BUILD, "-t", "deps"], capture_output=True, text=True, timeout=60, check=True).stdout
        included, of_library = set(), False
        for line in listed.splitlines():
            if line.startswith(" "):
                included |= {os.path.basename(line)} if of_library else set()
            else:
                of_library = bool(re.match(OBJECT_OF_LIBRARY, line))
        self.assertIn("driver_types.h", included)
        self.assertEqual({name for name in included if re.match(r"cuda\w*\.h$", name)}, set())


if __name__ == "__main__":
    unittest.main()
