"""What a program sees when several contexts come, go and work while one allocates and frees: the same with the pools as without."""

import unittest

import cuda_pool

POOLS = (cuda_pool.STRICT, cuda_pool.ON, cuda_pool.VMM)
BLOCKS = (cuda_pool.STRICT, cuda_pool.ON)


@unittest.skipUnless(cuda_pool.SIMCUDA.exists(), "no CUDA toolkit: there is no simulated driver")
class Contexts(unittest.TestCase):
    def said(self, case, mode, **environment):
        result = cuda_pool.run("cuda_pool_contexts", [case], mode, timeout=30, SIMCUDA_DEVICES=2, **environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.decode().strip()

    def assert_said(self, case, expected, modes=(None, *cuda_pool.MODES), **environment):
        for mode in modes:
            with self.subTest(mode=mode):
                self.assertEqual(self.said(case, mode, **environment), expected)

    def test_no_wait_for_another_devices_work(self):
        self.assert_said("loop_beside_endless_work", "has ended", (None, cuda_pool.OFF, *BLOCKS))

    def test_no_wait_for_another_devices_work_where_memory_is_out(self):
        self.assert_said("out_of_memory_beside_endless_work", "allocate: 2")

    def test_a_launch_is_made_again_with_what_is_idle(self):
        self.assert_said("launch_without_memory", "launch: 0", POOLS, SIMCUDA_FAIL="cuLaunchKernel:1=2")
        self.assert_said("launch_without_memory", "launch: 2", (None, cuda_pool.OFF), SIMCUDA_FAIL="cuLaunchKernel:1=2")


if __name__ == "__main__":
    unittest.main()
