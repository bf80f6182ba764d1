"""Random traces at 95 % of a device's memory: the pools are never out of memory where the driver alone is not, and what they hold of the
device stays close to what the program does.

POOL_OPERATIONS and POOL_SEED give another trace."""

import unittest

import cuda_pool

OPERATIONS = cuda_pool.number_from_environment("POOL_OPERATIONS", 100_000)
SEED = cuda_pool.number_from_environment("POOL_SEED", 1)
MEMORY = 80 << 30  # never touched
PERCENT = 95


@unittest.skipUnless(cuda_pool.SIMCUDA.exists(), "no CUDA toolkit: there is no simulated driver")
class Traces(unittest.TestCase):
    def trace(self, mode):
        result = cuda_pool.run("cuda_pool_trace", [OPERATIONS, SEED, PERCENT], mode, counts=True, timeout=120 + OPERATIONS // 1000,
                               SIMCUDA_MEMORY=MEMORY)
        said = cuda_pool.said_of(result)
        return said, result.counts["devices"][0]["peak_bytes"]

    def assert_room(self, mode):
        said, reserved = self.trace(mode)
        self.assertEqual(said["out_of_memory"], 0)
        live = said["peak_live_bytes"]
        self.assertGreater(live, 0.9 * MEMORY)
        self.assertGreaterEqual(reserved, live)
        self.assertLessEqual(reserved, 1.15 * live)

    def test_without_weir(self):
        said, reserved = self.trace(None)
        self.assertEqual((said["out_of_memory"], reserved), (0, said["peak_live_bytes"]))

    def test_strict(self):
        self.assert_room(cuda_pool.STRICT)

    def test_on(self):
        self.assert_room(cuda_pool.ON)

    def test_vmm(self):
        self.assert_room(cuda_pool.VMM)


if __name__ == "__main__":
    unittest.main()
