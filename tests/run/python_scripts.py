"""What the tests of Python frames share: scripts that lose blocks and note the Python stack as Python has it, run under Weir."""

import ast
import os
import pathlib
import shutil
import tempfile
import unittest

from weir_test import compile_c, run_under_weir, system_python

# What each script begins with. plant(here(n)) loses n bytes, and notes the Python stack as Python has it at that moment.
PRELUDE = """
import ctypes, os, sys
lib = ctypes.CDLL(os.environ["PLANTS"])
lib.plant.argtypes = [ctypes.c_size_t]
plant = lib.plant
CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_size_t)
expected = {}
def here(bytes):
    frame, stack = sys._getframe(1), []
    while frame is not None:
        stack.append([frame.f_code.co_qualname, frame.f_code.co_filename.rpartition("/")[2], frame.f_lineno])
        frame = frame.f_back
    expected[bytes] = stack
    return bytes
def write_expected(path=os.environ["EXPECTED"]):
    with open(path, "w") as file:
        file.write(repr(expected))
"""
SMALLEST, LARGEST = 200_000, 250_000  # bytes of a planted block: listed one by one


def python_stack(report, stack):
    """[[function, base name of the file, line]] of a stack's Python frames, innermost first."""
    frames = [report["frames"][i] for i in report["stacks"][stack]]
    return [[f["function"], os.path.basename(f["file"]), f.get("line")] for f in frames if f.get("language") == "python"]


def planted(report):
    """{bytes: its Python stack} of the planted blocks."""
    return {row["bytes"]: python_stack(report, row["stack"]) for row in report["large"]
            if row["memory"] == "host" and SMALLEST <= row["bytes"] < LARGEST}


def read_expected(path):
    """{bytes: its Python stack} as a script wrote it."""
    return ast.literal_eval(pathlib.Path(path).read_text())


class Scripts(unittest.TestCase):
    """Runs scripts with one interpreter."""

    interpreter = system_python()
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-python-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.plants = compile_c("modules/python_plants.c", cls.folder / "libplants.so", "-shared", "-fPIC", "-pthread")

    def run_script(self, script, name="script.py", env=None, **options):
        """Runs PRELUDE and the script under Weir; its result, with `expected` as the script noted it."""
        (self.folder / name).write_text(PRELUDE + script + "\nwrite_expected()\n")
        environment = {"PYTHONMALLOC": "malloc", "PYTHONWARNINGS": "ignore", "PLANTS": self.plants, "EXPECTED": self.folder / "expected.json", **(env or {})}
        (self.folder / "expected.json").unlink(missing_ok=True)
        result = run_under_weir([self.interpreter, self.folder / name], env=environment,
                                weir_options={"PYTHON": "on", "LARGE": str(SMALLEST), **options})
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        result.expected = read_expected(self.folder / "expected.json")
        return result

    def check_script(self, script, count, **options):
        """Each planted block has the stack that Python named; `count` of them."""
        result = self.run_script(script, **options)
        self.assertEqual(len(result.expected), count)
        self.assertEqual(planted(result.report), result.expected)
        return result
