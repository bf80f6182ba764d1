"""How often the driver is asked when a program allocates, uses and frees over and over.

POOL_ROUNDS=1000000 makes it the long run."""

import unittest

import cuda_pool

ROUNDS = cuda_pool.number_from_environment("POOL_ROUNDS", 20_000)
FIRST_CALLS = 10  # at most so many in all: the first block, and what the device and the context are
# What tells the pitch: an allocation that is freed again, where it was made, and the size of its range; and how much memory is left, asked
# at each allocation by the driver where the last time is long ago for what it took.
PITCH_CALLS = 5 + 3


@unittest.skipUnless(cuda_pool.SIMCUDA.exists(), "no CUDA toolkit: there is no simulated driver")
class Calls(unittest.TestCase):
    def counts(self, mode, *arguments, **environment):
        result = cuda_pool.run("cuda_pool_loop", [ROUNDS, *arguments], mode, counts=True, timeout=120 + ROUNDS // 5000, **environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.counts["calls"]

    def added(self, mode, *arguments):
        """How often each function was called by Weir, where the program calls all but cuMemAlloc() and the like itself."""
        alone = self.counts(None, *arguments)
        taken_over = ("cuMemAlloc_v2", "cuMemAllocPitch_v2", "cuMemFree_v2", "cuMemHostAlloc", "cuMemFreeHost")
        own = {name: count for name, count in alone.items() if name not in taken_over}
        self.assertGreaterEqual(sum(alone.values()) - sum(own.values()), 2 * ROUNDS)
        under_weir = self.counts(mode, *arguments)
        for name, count in own.items():
            self.assertGreaterEqual(under_weir[name], count, name)
        return {name: count - own.get(name, 0) for name, count in under_weir.items() if count != own.get(name, 0)}

    def assert_few(self, mode, *arguments):
        added = self.added(mode, *arguments)
        self.assertLessEqual(sum(added.values()), FIRST_CALLS, added)

    def assert_one_wait_a_free(self, mode, *arguments):
        added = self.added(mode, *arguments)
        self.assertEqual(added.pop("cuCtxSynchronize"), ROUNDS)
        self.assertLessEqual(sum(added.values()), FIRST_CALLS, added)

    def test_on_where_the_program_waits(self):
        self.assert_few(cuda_pool.ON, "waits")

    def test_on_where_the_program_waits_pinned(self):
        self.assert_few(cuda_pool.ON, "waits", "pinned")

    def test_on_where_the_program_reads_its_results(self):
        self.assert_few(cuda_pool.ON, "reads")

    def test_on_pitched(self):
        added = self.added(cuda_pool.ON, "waits", "pitched")
        self.assertLessEqual(sum(added.values()), FIRST_CALLS + PITCH_CALLS, added)

    def test_strict_pitched(self):
        added = self.added(cuda_pool.STRICT, "waits", "pitched")
        self.assertEqual(added.pop("cuCtxSynchronize"), ROUNDS - 1)  # the first is the driver's
        self.assertLessEqual(sum(added.values()), FIRST_CALLS + PITCH_CALLS, added)

    def test_strict_where_the_program_waits(self):
        self.assert_one_wait_a_free(cuda_pool.STRICT, "waits")

    def test_strict_where_the_program_queues(self):
        self.assert_one_wait_a_free(cuda_pool.STRICT, "queues")

    def test_strict_pinned(self):
        self.assert_one_wait_a_free(cuda_pool.STRICT, "waits", "pinned")

    def test_on_where_the_program_only_queues(self):
        # One event serves many blocks: far fewer calls than the driver's own two a round, and never the program's memory.
        added = self.added(cuda_pool.ON, "queues")
        self.assertLess(sum(added.values()), ROUNDS // 4, added)

    def test_off_every_call_is_the_drivers(self):
        added = self.added(cuda_pool.OFF, "waits")
        self.assertEqual((added["cuMemAlloc_v2"], added["cuMemFree_v2"]), (ROUNDS, ROUNDS))


if __name__ == "__main__":
    unittest.main()
