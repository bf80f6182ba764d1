"""A block of C's that Python knows by its address as a number: held by an integer that lives, lost with it."""

import unittest

from weir_test import run_under_weir, system_python

KEPT, LOST = 345_678, 456_789
PROGRAM = f"""
import ctypes, sys
sys.path.insert(0, {str(__import__("pathlib").Path(__file__).resolve().parent / "torch_programs")!r})
from losing import lose
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
kept = [libc.malloc(ctypes.c_size_t({KEPT})) for _ in range(20)]
lose({LOST})
scrub = [ctypes.byref(ctypes.c_void_p(0)) for _ in range(10_000)]
print(len(kept), all(address >> 30 for address in kept))
import os
os._exit(0)
"""


class Integers(unittest.TestCase):
    def test_an_integer_holds_the_block_whose_address_it_is(self):
        result = run_under_weir([system_python(), "-c", PROGRAM])
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"20 True\n", b""))
        check = result.report["leak_check"]
        self.assertTrue(check["done"], check["why_not"])
        kinds = {size: {} for size in (KEPT, LOST)}
        for leak in result.report["leaks"]:
            for size, found in kinds.items():
                if leak["bytes"] == size * leak["count"]:
                    found[leak["kind"]] = found.get(leak["kind"], 0) + leak["count"]
        self.assertEqual(kinds, {KEPT: {"reachable": 20}, LOST: {"definite": 1}})


if __name__ == "__main__":
    unittest.main()
