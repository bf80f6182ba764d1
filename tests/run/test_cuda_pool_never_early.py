"""No memory is given out while work that was queued before its free is pending: in every mode of the pools, with streams, contexts,
devices and graphs of every kind.

POOL_OPERATIONS=10000000 makes it the long run; POOL_SEED another one."""

import unittest

import cuda_pool

OPERATIONS = cuda_pool.number_from_environment("POOL_OPERATIONS", 100_000)
SEED = cuda_pool.number_from_environment("POOL_SEED", 1)
WRONG = ("early", "twice", "changed", "spoiled")


@unittest.skipUnless(cuda_pool.SIMCUDA.exists(), "no CUDA toolkit: there is no simulated driver")
class NeverEarly(unittest.TestCase):
    def said(self, mode, *arguments, status=0, operations=OPERATIONS, options=None):
        result = cuda_pool.run("cuda_pool_never_early", [operations, SEED, *arguments], mode, options, SIMCUDA_DEVICES=2,
                               SIMCUDA_MEMORY=256 << 20, timeout=120 + operations // 2000)
        said = cuda_pool.said_of(result)
        self.assertEqual(result.returncode, status, said)
        self.assertGreaterEqual(said["allocations"], operations // 3)
        self.assertGreater(said["graphs"], 0 if "ordered" not in arguments else -1)
        return said

    def assert_never_early(self, mode, *arguments, options=None):
        said = self.said(mode, *arguments, options=options)
        self.assertEqual({name: said[name] for name in WRONG}, dict.fromkeys(WRONG, 0))
        self.assertGreater(said["reused"], said["allocations"] // 4)  # else it shows nothing

    def test_without_weir(self):
        self.assert_never_early(None)

    def test_off(self):
        self.assert_never_early(cuda_pool.OFF)

    def test_strict(self):
        self.assert_never_early(cuda_pool.STRICT)

    def test_on(self):
        self.assert_never_early(cuda_pool.ON)

    def test_vmm(self):
        self.assert_never_early(cuda_pool.VMM)

    def test_on_where_the_legacy_stream_waits_for_all_others(self):
        self.assert_never_early(cuda_pool.ON, "ordered")

    def test_on_where_the_legacy_stream_waits_for_nothing(self):
        result = cuda_pool.run("cuda_pool_never_early", [100, SEED, "apart"], cuda_pool.ON, SIMCUDA_DEVICES=2)
        said = cuda_pool.said_of(result)
        self.assertEqual(([said[name] for name in WRONG], said["allocations"]), ([0] * len(WRONG), 100))

    def test_modes_that_change_meanwhile(self):
        said = self.said(cuda_pool.ON, "switches")
        self.assertEqual({name: said[name] for name in WRONG}, dict.fromkeys(WRONG, 0))
        self.assertGreater(said["switched"], 20)

    def test_vmm_where_little_may_be_idle(self):
        self.assert_never_early(cuda_pool.VMM, options={"CUDA_POOL_CACHE": "64KiB"})

    def test_sees_memory_that_is_given_out_early(self):
        said = self.said(None, "early", status=1, operations=20_000)
        self.assertGreater(said["early"], 0)


if __name__ == "__main__":
    unittest.main()
