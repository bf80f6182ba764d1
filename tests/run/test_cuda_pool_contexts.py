"""What a program sees when several contexts come, go and work while one allocates and frees: the same with the pools as without."""

import unittest

import cuda_pool

POOLS = (cuda_pool.STRICT, cuda_pool.ON, cuda_pool.VMM)
BLOCKS = (cuda_pool.STRICT, cuda_pool.ON)
SLOW_STATE = {"SIMCUDA_SLOW": "cuDevicePrimaryCtxGetState=500000"}  # what Weir asks after a release


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

    def test_work_in_contexts_beyond_those_known(self):
        self.assert_said("more_contexts_than_known", "not handed out early")

    def test_work_in_a_green_context_whose_primary_one_nobody_retained(self):
        self.assert_said("green_context_of_another_device", "not handed out early")

    def test_a_primary_context_that_ends_with_its_last_green_one(self):
        self.assert_said("primary_context_ends_with_green_one", "there")

    def test_a_green_context_that_never_had_memory_holds_nothing_up(self):
        for mode in POOLS:
            with self.subTest(mode=mode):
                self.assertGreaterEqual(int(self.said("green_context_without_memory", mode)), 40)

    def test_green_contexts_take_the_initial_memory_of_their_primary_one_only_once(self):
        result = cuda_pool.run("cuda_pool_contexts", ["green_contexts_with_memory"], cuda_pool.ON, {"CUDA_POOL_INITIAL": "64MiB"}, counts=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.counts["calls"]["cuMemAlloc_v2"], 4 + 64 // 2)

    def test_a_primary_context_retained_anew_while_it_is_released(self):
        self.assert_said("retained_while_released", "there", **SLOW_STATE)

    def test_an_address_of_a_context_that_has_just_ended(self):
        self.assert_said("address_of_an_ended_context", "same address: 1, there: 1, free: 0", (None, cuda_pool.OFF, *BLOCKS), **SLOW_STATE)

    def test_no_wait_for_another_devices_work(self):
        self.assert_said("loop_beside_endless_work", "has ended", (None, cuda_pool.OFF, *BLOCKS))

    def test_no_wait_for_another_devices_work_where_memory_is_out(self):
        self.assert_said("out_of_memory_beside_endless_work", "allocate: 2")

    def test_calls_are_made_again_with_what_is_idle(self):
        for call, otherwise in (("cuFuncLoad", "load 2, launch 0, update 0 0"), ("cuLaunchKernel", "load 0, launch 2, update 0 0"),
                                ("cuGraphExecUpdate", "load 0, launch 0, update 2 0"),
                                ("cuGraphExecUpdate_v2", "load 0, launch 0, update 0 2")):
            failing = {"SIMCUDA_FAIL": f"{call}:1=2"}
            self.assert_said("work_without_memory", "load 0, launch 0, update 0 0", POOLS, **failing)
            self.assert_said("work_without_memory", otherwise, (None, cuda_pool.OFF), **failing)


if __name__ == "__main__":
    unittest.main()
