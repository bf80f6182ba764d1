"""A heap of 1 GB in two million blocks is classified within a second, for which alone the threads are stopped; and in little memory.

Where the machine is busy with something else, only the part of the time counts for which the program had a processor, by its whole run.
"""

import ctypes
import os
import resource
import sys
import time
import unittest

from weir_test import build_dir, program, run_under_weir, system_python

BLOCKS, BYTES = 2_000_000, 1_000_000_000
AT_MOST_NS = 1_000_000_000
ROUNDS = 3  # the machine may be busy with something else in one of them
THREADS = 8
PR_SET_THP_DISABLE = 41  # <linux/prctl.h>; children inherit it

# Four blocks a node: an instance, its values, two objects.
PYTHON_NODES = f"""
import os
class Node:
    def __init__(self, number):
        self.payload, self.number = bytes({4 * BYTES // BLOCKS}), number + 0.5
kept = [Node(number) for number in range({BLOCKS // 4})]
os._exit(0)
"""


def cpu_of_children():
    """Seconds of processor time, of the children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class ScanCost(unittest.TestCase):
    def least_stop(self, check_classes, argv, **options):
        """The ns of processor time for which the threads stood, in the quickest of some rounds."""
        rounds = []
        for _ in range(ROUNDS):
            begin, cpu_before = time.monotonic(), cpu_of_children()
            result = run_under_weir(argv, timeout=300, **options)
            share = min(1, (cpu_of_children() - cpu_before) / (time.monotonic() - begin))
            self.assertEqual((result.returncode, result.stderr), (0, b""))
            check = result.report["leak_check"]
            self.assertTrue(check["done"], check["why_not"])
            self.assertGreater(check["scanned_bytes"], 0.9 * BYTES)
            check_classes(check)
            rounds.append(check["stopped_ns"] * share)
            print(f"{self.id().rpartition('.')[2]}: {check['scanned_bytes'] / 1e6:.0f} MB scanned, stopped for "
                  f"{check['stopped_ns'] / 1e6:.0f} ms with {share:.0%} of a processor", file=sys.stderr, flush=True)
            if rounds[-1] <= AT_MOST_NS:
                break
        return min(rounds)

    def check_linked(self, check, lost_percent):
        """That it did look at all of it."""
        lost = BLOCKS * lost_percent // 100
        kinds = check["kinds"]
        self.assertEqual(kinds["definite"]["count"] + kinds["indirect"]["count"], lost)
        self.assertEqual(kinds["definite"]["count"], 1 if lost else 0)
        self.assertGreaterEqual(kinds["reachable"]["count"], BLOCKS - lost)
        self.assertEqual(check["thread_count"], THREADS + 1)

    def check_cost_of_linked(self, lost_percent):
        argv = [build_dir() / "bench" / "linked_heap", BLOCKS, BYTES, lost_percent, THREADS]
        self.assertLessEqual(self.least_stop(lambda check: self.check_linked(check, lost_percent), argv), AT_MOST_NS)

    def test_all_reachable(self):
        self.check_cost_of_linked(0)

    def test_a_tenth_lost(self):
        self.check_cost_of_linked(10)

    def check_python(self, check):
        counts = {kind: found["count"] for kind, found in check["kinds"].items()}
        self.assertGreaterEqual(counts["reachable"], BLOCKS)
        self.assertEqual((counts["definite"], counts["possible"]), (0, 0))

    def test_of_python(self):
        argv = [system_python(), "-c", PYTHON_NODES]
        self.assertLessEqual(self.least_stop(self.check_python, argv, env={"PYTHONMALLOC": "malloc"}), AT_MOST_NS)


def peak_bytes(*argv, **weir_options):
    """The most memory that a program under Weir had at a time."""
    fetch, give = os.pipe()
    pid = os.fork()
    if pid == 0:
        ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)  # huge pages come in steps of 2 MB, or not
        run_under_weir(argv, weir_options=weir_options, timeout=300)
        os.write(give, str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss).encode())
        os._exit(0)
    os.close(give)
    with os.fdopen(fetch) as answer:
        said = answer.read()
    os.waitpid(pid, 0)
    return int(said) * 1024


class ScanMemory(unittest.TestCase):
    """What a scan works with grows with neither the words of a table nor the number of blocks that are only possibly lost."""

    BLOCKS = 1_000_000
    MOST_BYTES_A_BLOCK = 4  # its mark, and what the end of a process takes anyway

    def check(self, kind):
        table = [program("scan_table"), str(self.BLOCKS), kind]
        before, with_check = (peak_bytes(*table, LEAKS=leaks) for leaks in ("off", "on"))
        print(f"{kind}: {(with_check - before) / self.BLOCKS:.2f} bytes a block", file=sys.stderr, flush=True)
        self.assertLessEqual(with_check - before, self.MOST_BYTES_A_BLOCK * self.BLOCKS)

    def test_a_table_of_pointers(self):
        self.check("starts")

    def test_a_table_of_pointers_into_blocks(self):
        self.check("middles")


if __name__ == "__main__":
    unittest.main(verbosity=2)
