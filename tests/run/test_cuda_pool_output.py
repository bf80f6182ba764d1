"""A program's output is the same with the pools in any mode as without Weir, also where it relies on a free that waits, and where errors
of earlier work come up."""

import unittest

import cuda_pool

WAITING = (cuda_pool.OFF, cuda_pool.STRICT, cuda_pool.VMM)  # a free waits


@unittest.skipUnless(cuda_pool.SIMCUDA.exists(), "no CUDA toolkit: there is no simulated driver")
class Output(unittest.TestCase):
    def output_of(self, case, mode):
        result = cuda_pool.run("cuda_pool_output", [case], mode)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.decode()

    def assert_same(self, case, modes, *expected):
        alone = self.output_of(case, None)
        for part in expected:
            self.assertIn(part, alone)
        for mode in modes:
            with self.subTest(mode=mode):
                self.assertEqual(self.output_of(case, mode), alone)

    def test_mapped_memory_is_there_after_a_free(self):
        self.assert_same("waits", WAITING, "a host function: 0, then 42", "a copy: 0, then 7", "pinned memory: 0, then 42",
                         "the default stream: 0, then 42")

    def test_a_free_says_that_earlier_work_failed(self):
        self.assert_same("deferred", WAITING, "free: 700", "it is there: 0", "allocate: 700")
        self.assert_same("deferred_pinned", WAITING, "free pinned: 700")

    def test_an_error_stays_until_its_context_ends(self):
        self.assert_same("sticky", cuda_pool.MODES, "failed: 0, synchronise: 700", "allocate what was freed: 700, synchronise: 700",
                         "free: 700, synchronise: 700", "destroy: 0", "allocate what was freed: 0, synchronise: 0")

    def test_contents(self):
        self.assert_same("contents", cuda_pool.MODES)


if __name__ == "__main__":
    unittest.main()
