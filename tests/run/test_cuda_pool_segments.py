"""Segments (WEIR_CUDA_POOL=vmm): a program sees no difference, and memory in pieces serves what is larger than any of them."""

import unittest

import cuda_pool

MEMORY = 256 << 20


@unittest.skipUnless(cuda_pool.SIMCUDA.exists(), "no CUDA toolkit: there is no simulated driver")
class Segments(unittest.TestCase):
    def run_program(self, mode, *arguments, **options):
        result = cuda_pool.run("cuda_pool_segments", arguments, mode, counts=True, SIMCUDA_MEMORY=MEMORY, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def calls(self, result, name):
        return (result.counts.get("calls") or result.counts).get(name, 0)

    def test_a_program_sees_the_same_in_every_mode(self):
        alone = self.run_program(None).stdout.decode()
        self.assertIn("kept their contents: 20, and the large one: 1", alone)
        for mode in cuda_pool.MODES:
            with self.subTest(mode=mode):
                self.assertEqual(self.run_program(mode).stdout.decode(), alone)

    def test_memory_is_mapped_and_moved_and_all_of_it_given_back(self):
        result = self.run_program(cuda_pool.VMM)
        self.assertLessEqual(self.calls(result, "cuMemCreate"), MEMORY // (2 << 20) + 16)  # no more than there is, but for what is refused
        self.assertGreater(self.calls(result, "cuMemMap"), self.calls(result, "cuMemCreate"))  # chunks have moved
        self.assertIn(b"after the context's end: 0 bytes less", result.stdout)
        self.assertEqual(self.calls(result, "cuMemAddressFree"), self.calls(result, "cuMemAddressReserve"))
        self.assertIsNone(self.run_program(cuda_pool.VMM, report=True).reports[0]["cuda"]["pool"]["limitation"])

    def test_without_virtual_memory_the_mode_is_strict(self):
        alone = self.run_program(None, SIMCUDA_FAIL="cuMemGetAllocationGranularity:0=801").stdout
        result = self.run_program(cuda_pool.VMM, report=True, SIMCUDA_FAIL="cuMemGetAllocationGranularity:0=801")
        self.assertEqual(result.stdout, alone)
        self.assertIn("no segments", result.reports[0]["cuda"]["pool"]["limitation"])
        self.assertEqual(self.calls(result, "cuMemCreate"), 0)

    def test_memory_that_is_to_be_shared_turns_segments_off(self):
        said = self.run_program(cuda_pool.VMM, "ipc").stdout.decode()
        self.assertRegex(said, r"before: [1-9]\d*, after: 0\n")
        self.assertIn("after the context's end: 0 bytes less", said)


if __name__ == "__main__":
    unittest.main()
