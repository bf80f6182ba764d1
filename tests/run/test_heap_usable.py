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


if __name__ == "__main__":
    unittest.main(verbosity=2)
