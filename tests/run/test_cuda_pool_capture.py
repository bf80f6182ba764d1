"""A capture that goes on without Weir goes on with it, and what is refused meanwhile is what the driver refuses: in each mode of a capture,
from the capturing thread and from another one."""

import unittest

import cuda_pool

SLOW = "cuCtxRecordEvent=3000,cuCtxSynchronize=3000"  # so that a capture begins while a call of Weir's own is under way


@unittest.skipUnless(cuda_pool.SIMCUDA.exists(), "no CUDA toolkit: there is no simulated driver")
class Captures(unittest.TestCase):
    def matrix(self, mode):
        result = cuda_pool.run("cuda_pool_capture", ["matrix"], mode)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.decode().splitlines()

    def assert_same_matrix(self, mode):
        different = [pair for pair in zip(self.matrix(None), self.matrix(mode), strict=True) if pair[0] != pair[1]]
        self.assertEqual(different, [])

    def assert_survive(self, mode):
        said = cuda_pool.said_of(cuda_pool.run("cuda_pool_capture", ["race"], mode, SIMCUDA_SLOW=SLOW))
        self.assertEqual((said["spoilt"], said["refused"]), (0, 0))
        self.assertGreater(said["served"], 10)

    def test_matrix_has_survivors_and_others(self):
        lines = self.matrix(None)
        self.assertEqual(len(lines), 3 * 2 * 3 * 16)
        for expected in ("global capture, other thread, own mode global, allocate what is kept: 900, capture 901",
                         "thread-local capture, other thread, own mode global, allocate what is kept: 0, capture 0",
                         "relaxed capture, same thread, own mode global, free: 0, capture 0",
                         "relaxed capture, other thread, own mode relaxed, synchronise the context: 900, capture 901"):
            self.assertIn(expected, lines)

    def test_matrix_off(self):
        self.assert_same_matrix(cuda_pool.OFF)

    def test_matrix_strict(self):
        self.assert_same_matrix(cuda_pool.STRICT)

    def test_matrix_on(self):
        self.assert_same_matrix(cuda_pool.ON)

    def test_matrix_vmm(self):
        self.assert_same_matrix(cuda_pool.VMM)

    def test_captures_that_end_with_their_streams(self):
        alone = cuda_pool.run("cuda_pool_capture", ["ends"], None, counts=True, SIMCUDA_DEVICES=2)
        self.assertEqual(alone.returncode, 0, alone.stderr)
        said = alone.stdout.decode().splitlines()
        self.assertEqual(said[0], "goes on: free 0, capture 0")
        self.assertEqual([line for line in said[1:] if not line.endswith(": 0 refused")], [])
        for mode in cuda_pool.MODES:
            with self.subTest(mode=mode):
                result = cuda_pool.run("cuda_pool_capture", ["ends"], mode, counts=True, SIMCUDA_DEVICES=2)
                self.assertEqual(result.stdout.decode().splitlines(), said, result.stderr)
                if mode != cuda_pool.OFF:  # after each end the pool serves
                    allocated = alone.counts["calls"]["cuMemAlloc_v2"]
                    self.assertLess(result.counts["calls"].get("cuMemAlloc_v2", 0), allocated // 50)

    def test_race_without_weir(self):
        self.assert_survive(None)

    def test_race_strict(self):
        self.assert_survive(cuda_pool.STRICT)

    def test_race_on(self):
        self.assert_survive(cuda_pool.ON)

    def test_race_vmm(self):
        self.assert_survive(cuda_pool.VMM)


if __name__ == "__main__":
    unittest.main()
