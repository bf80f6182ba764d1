"""Objects of CPython's in blocks of their own: what Python holds is reachable, though no pointer to the block's start is left."""

import unittest

from weir_test import run_under_weir, system_python

INSTANCES = 1000
PROGRAM = f"""
import collections, ctypes, enum, gc, os
class Plain:
    def __init__(self, number):
        self.name, self.next = "plain %d" % number, (number, [])
class Slotted:
    __slots__ = ("name", "pair")
    def __init__(self, number):
        self.name, self.pair = "slotted %d" % number, {{"number": number}}
class Colour(enum.Enum):  # of a metaclass
    RED = 1
Point = collections.namedtuple("Point", "x y")
def closure(number):
    return lambda: number + 0.5
kept = [make(i) for make in (Plain, Slotted, closure, lambda i: Point(i, str(i))) for i in range({INSTANCES})]
forget = ctypes.pythonapi.Py_IncRef
forget.argtypes = [ctypes.py_object]
def leak(count, depth=50):
    if depth:
        return leak(count, depth - 1)
    for _ in range(count):
        forget(Plain(0))
leak(LEAKED)
scrub = lambda depth: depth and scrub(depth - 1)  # where the leaked ones' frames were
scrub(100)
gc.collect()
os._exit(0)
"""
LEAKED = 50


class Objects(unittest.TestCase):
    def kinds(self, leaked):
        result = run_under_weir([system_python(), "-c", PROGRAM.replace("LEAKED", str(leaked))], env={"PYTHONMALLOC": "malloc"})
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"", b""))
        check = result.report["leak_check"]
        self.assertTrue(check["done"], check["why_not"])
        return {kind: found["count"] for kind, found in check["kinds"].items()}

    def test_what_python_holds_is_reachable(self):
        kinds = self.kinds(leaked=0)
        self.assertGreater(kinds["reachable"], 10 * INSTANCES)
        self.assertEqual((kinds["possible"], kinds["definite"], kinds["indirect"]), (0, 0, 0))

    def test_an_instance_that_only_the_collector_knows_is_not(self):
        kinds = self.kinds(leaked=LEAKED)
        self.assertGreaterEqual(kinds["possible"], LEAKED - 5)
        self.assertLess(kinds["possible"], 5 * LEAKED)  # each with its values, its name and what else hangs from it
        self.assertEqual((kinds["definite"], kinds["indirect"]), (0, 0))


if __name__ == "__main__":
    unittest.main()
