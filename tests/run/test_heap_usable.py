"""malloc_usable_size means what it says: a program may use all of it, and realloc keeps it."""

import unittest

from weir_test import program, run_alone, run_under_weir


class UsableBytes(unittest.TestCase):
    def test_realloc_keeps_every_usable_byte(self):
        for options in ({}, {"HOST_POOL": "off"}):
            result = run_under_weir([program("heap_usable_bytes")], weir_options=options)
            self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"kept\n", b""), options)

    def test_the_program_itself(self):
        self.assertEqual(run_alone([program("heap_usable_bytes")]).stdout, b"kept\n")

    def test_as_in_the_libc(self):
        """Programs size their buffers by it: what they do then should not change."""
        alone, under = (run([program("heap_usable_as_in_libc")]).stdout for run in (run_alone, run_under_weir))
        (fresh_alone, _), (fresh, reused) = (parsed(output) for output in (alone, under))
        self.assertEqual(len(fresh), 20000)
        for (asked, usable), (_, usable_alone) in zip(fresh, fresh_alone):
            self.assertTrue(asked <= usable <= usable_alone, f"{asked} asked, {usable} usable, {usable_alone} alone")
        # Some of the pool's blocks have less room than glibc's.
        equal = sum(pair == pair_alone for pair, pair_alone in zip(fresh, fresh_alone))
        self.assertGreater(equal, 0.9 * len(fresh))
        self.assertGreater(len(reused), 10000)
        for asked, usable in reused:
            self.assertTrue(asked <= usable <= max(24, asked + 15), f"{asked} asked, {usable} usable")

    def test_where_blocks_are_not_tracked(self):
        for options in ({"SAMPLE": "64KiB"}, {"TRACK": "mmap"}):
            fresh, reused = parsed(run_under_weir([program("heap_usable_as_in_libc")], weir_options=options).stdout)
            for asked, usable in fresh + reused:
                self.assertLessEqual(asked, usable, options)


def parsed(output):
    """The (asked, usable) of fresh blocks, and of those in the places of freed ones."""
    return [[tuple(map(int, line.split())) for line in part.splitlines()] for part in output.split(b"freed\n")]


if __name__ == "__main__":
    unittest.main(verbosity=2)
