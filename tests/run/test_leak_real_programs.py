"""Real programs: nothing is definitely lost for Weir that Valgrind does not find lost as well, at the same place."""

import concurrent.futures
import os
import pathlib
import shutil
import tempfile
import unittest

import leak_programs
import leak_real


@unittest.skipUnless(shutil.which("valgrind"), "no valgrind")
class RealPrograms(unittest.TestCase):
    def test_no_definite_leak_that_valgrind_does_not_report(self):
        with tempfile.TemporaryDirectory(prefix="weir-real-") as name, \
             concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            programs = leak_real.programs(pathlib.Path(name))
            valgrind = [pool.submit(leak_real.under_valgrind, real) for real in programs if not real.server]
            valgrind = {real.name: job for real, job in zip([real for real in programs if not real.server], valgrind)}
            for real in programs:
                with self.subTest(real.name):
                    weir = leak_real.under_weir(real)
                    # A server has one socket: its runs follow each other.
                    theirs = valgrind[real.name].result() if real.name in valgrind else leak_real.under_valgrind(real)
                    alone = leak_real.accused_alone(weir, theirs)
                    self.assertFalse(alone, "\n".join(map(str, alone[:10])))

    def test_a_lost_block_is_found_at_the_same_place_by_both(self):
        """The comparison does match what is the same: else the test above would hold for a Weir that finds nothing."""
        with tempfile.TemporaryDirectory(prefix="weir-real-") as name:
            program = leak_programs.read(leak_programs.REPOSITORY / "tests" / "programs" / "leak_families.c")
            words = leak_programs.build(program, "gcc", "-O2", pathlib.Path(name))
            real = leak_real.Real("leak_families", words, "leak_families")
            weir, theirs = leak_real.under_weir(real), leak_real.under_valgrind(real)
            self.assertEqual(leak_real.sums(weir)["definite"][0], 8)
            self.assertEqual(leak_real.accused_alone(weir, theirs), [])
            self.assertEqual(len(leak_real.accused_alone(weir, [])), len(weir))


if __name__ == "__main__":
    unittest.main(verbosity=2)
