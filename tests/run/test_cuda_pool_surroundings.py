"""The pools make way for what has to see each allocation and free, or by which other devices use memory: the driver serves every call
then, and the report says why."""

import pathlib
import subprocess
import tempfile
import unittest

import cuda_pool

ROUNDS = 300
# Library's name -> what the limitation names.
LIBRARIES = {"libsanitizer-collection.so": "compute-sanitizer", "libsanitizer-public.so": "compute-sanitizer", "libibverbs.so.1": "libibverbs"}


@unittest.skipUnless(cuda_pool.SIMCUDA.exists(), "no CUDA toolkit: there is no simulated driver")
class Surroundings(unittest.TestCase):
    def run_beside(self, library):
        """The loop of a program into which a library of that name was loaded."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / library
            subprocess.run(["cc", "-shared", "-o", path, "-x", "c", "/dev/null"], check=True)
            result = cuda_pool.run("cuda_pool_loop", [ROUNDS, "waits"], cuda_pool.ON, counts=True, report=True, LD_PRELOAD=path)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        return result.counts["calls"], result.reports[0]["cuda"]["pool"]["limitation"]

    def test_every_call_is_the_drivers(self):
        for library, named in LIBRARIES.items():
            with self.subTest(library):
                calls, limitation = self.run_beside(library)
                self.assertEqual((calls["cuMemAlloc_v2"], calls["cuMemFree_v2"]), (ROUNDS, ROUNDS))
                self.assertIn(named, limitation)

    def test_other_libraries_are_none_of_the_pools_business(self):
        calls, limitation = self.run_beside("libsanitizers.so")
        self.assertLess(calls["cuMemAlloc_v2"], 10)
        self.assertIsNone(limitation)


if __name__ == "__main__":
    unittest.main()
