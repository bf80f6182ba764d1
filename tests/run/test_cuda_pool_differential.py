"""A program cannot tell the pools from the driver: random calls, made with Weir and without, give the same results, the same answers to
every question about a pointer, and run out of memory at the same call.

POOL_SEEDS=N tries so many seeds in each mode; POOL_SEED=N that one."""

import itertools
import unittest

import cuda_pool

SEEDS = cuda_pool.number_from_environment("POOL_SEEDS", 25)
SEED = cuda_pool.number_from_environment("POOL_SEED", 0)
CALLS = 3000


def run(seed, mode, *arguments, **how):
    # Little memory, so that it often runs out, or more, so that what is idle stays. Segments are of whole chunks, of which small blocks
    # take a part: they have enough.
    memory = 8 << 30 if arguments else 64 << 20 if seed % 2 else 512 << 20
    return cuda_pool.run("cuda_pool_differential", [seed, CALLS, *arguments], mode, SIMCUDA_DEVICES=2, SIMCUDA_MEMORY=memory, **how)


def output_of(seed, mode, *arguments):
    result = run(seed, mode, *arguments)
    return result.stdout.decode().splitlines() + [f"exit status {result.returncode}"]


def first_difference(expected, found):
    for number, (one, other) in enumerate(itertools.zip_longest(expected, found)):
        if one != other:
            before = "\n  ".join(expected[max(0, number - 5):number])
            return f"after\n  {before}\nexpected\n  {one}\nfound\n  {other}"
    return None


@unittest.skipUnless(cuda_pool.SIMCUDA.exists(), "no CUDA toolkit: there is no simulated driver")
class Differential(unittest.TestCase):
    def assert_same(self, mode, *arguments):
        for seed in [SEED] if SEED else range(1, SEEDS + 1):
            with self.subTest(seed=seed):
                expected = output_of(seed, None, *arguments)
                self.assertEqual((len(expected), expected[-1]), (CALLS + 1, "exit status 0"))
                difference = first_difference(expected, output_of(seed, mode, *arguments))
                if difference is not None:
                    self.fail(f"seed {seed}, {mode}: {difference}")

    def test_program_is_the_same_each_time(self):
        self.assert_same(None)

    def test_off(self):
        self.assert_same(cuda_pool.OFF)

    def test_strict(self):
        self.assert_same(cuda_pool.STRICT)

    def test_on(self):
        self.assert_same(cuda_pool.ON)

    def test_vmm(self):
        self.assert_same(cuda_pool.VMM, "segments")

    def test_memory_runs_out_and_contexts_end_and_break(self):
        said = [line for seed in range(1, 6) for line in output_of(seed, None)]
        for result, least in (("result=2", 50), ("=700", 20), ("result=201", 50), ("end context", 20)):
            self.assertGreater(sum(result in line for line in said), least, result)

    def test_blocks_are_handed_out_again(self):
        for mode in (cuda_pool.STRICT, cuda_pool.ON):
            reports = [run(seed, mode, report=True).report for seed in range(1, 6)]
            pools = [device["pools"]["device"] for report in reports for device in report["devices"] if "pools" in device]
            self.assertGreater(sum(pool["hit_count"] for pool in pools), 200)


if __name__ == "__main__":
    unittest.main()
