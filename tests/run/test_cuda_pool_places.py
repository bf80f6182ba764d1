"""Programs in places where a pool is easily wrong: fork, the process's end, contexts that end, green contexts, a driver that is unloaded, an
old one, another library before it. Each says the same in every mode of the pools as without Weir."""

import json
import pathlib
import subprocess
import tempfile
import unittest

import cuda_pool
import weir_test as wt

OLD = cuda_pool.SIMCUDA / "old"
# One that sees each of the program's calls, behind Weir.
INTERPOSER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
static int allocated, freed;
int cuMemAlloc_v2(unsigned long long* address, size_t bytes) {
  ++allocated;
  return ((int (*)(unsigned long long*, size_t))dlsym(RTLD_NEXT, "cuMemAlloc_v2"))(address, bytes);
}
int cuMemFree_v2(unsigned long long address) {
  ++freed;
  return ((int (*)(unsigned long long))dlsym(RTLD_NEXT, "cuMemFree_v2"))(address);
}
__attribute__((destructor)) static void say(void) { fprintf(stderr, "allocated %d, freed %d\n", allocated, freed); }
"""


@unittest.skipUnless(cuda_pool.SIMCUDA.exists(), "no CUDA toolkit: there is no simulated driver")
class Places(unittest.TestCase):
    def run_case(self, case, mode, **more):
        return cuda_pool.run("cuda_pool_places", [case], mode, SIMCUDA_DEVICES=2, **more)

    def assert_same(self, case, status=0, contains="", modes=cuda_pool.MODES, **more):
        alone = self.run_case(case, None)
        self.assertEqual((alone.returncode, alone.stderr), (status, b""))
        self.assertIn(contains, alone.stdout.decode())
        for mode in modes:
            with self.subTest(mode=mode):
                result = self.run_case(case, mode, **more)
                self.assertEqual(result.stdout.decode(), alone.stdout.decode(), result.stderr.decode())
                self.assertEqual((result.returncode, result.stderr), (status, b""))

    def test_fork(self):
        self.assert_same("fork", contains="child: 0\nparent: child ended with 3, live holds 1")

    def test_a_child_is_given_nothing_of_its_parents(self):
        with tempfile.TemporaryDirectory() as folder:
            counts = pathlib.Path(folder, "counts")
            self.run_case("fork", cuda_pool.STRICT, SIMCUDA_COUNTS=counts)
            child, parent = (json.loads(line)["calls"] for line in counts.read_text().splitlines())
        # What the parent asks for after the fork its pool has; the child's one request is the driver's.
        self.assertEqual(child["cuMemAlloc_v2"], parent["cuMemAlloc_v2"] + 1)
        self.assertNotIn("cuMemFree_v2", child)
        self.assertNotIn("cuMemFreeHost", child)

    def test_frees_after_main(self):
        self.assert_same("at_exit", status=5, contains="handler: 0 0\ndestructor, again, allocates: 0 1 0\n")

    def test_the_process_ends_with_idle_memory_without_a_call(self):
        for mode in (cuda_pool.STRICT, cuda_pool.ON):
            with self.subTest(mode=mode):
                calls = self.run_case("idle_exit", mode, counts=True).counts["calls"]
                self.assertLessEqual(calls["cuMemAlloc_v2"], 10 + (90 if mode == cuda_pool.ON else 0))
                self.assertNotIn("cuMemFree_v2", calls)
                self.assertNotIn("cuMemFreeHost", calls)
                self.assertEqual(calls.get("cuCtxSynchronize", 0), 200 if mode == cuda_pool.STRICT else 0)

    def test_contexts_end(self):
        self.assert_same("ends", contains="created anew: set 0, holds 1")

    def test_green_contexts(self):
        self.assert_same("green", contains="holds, free, again: 1 0 1")

    def test_a_primary_context_ends_with_the_green_one_that_holds_it(self):
        self.assert_same("last", contains="anew: set 0, holds 1")

    def test_freed_in_a_stream(self):
        self.assert_same("async", contains="async, again, then: 0 1 1")

    def test_another_context_or_device_or_none(self):
        self.assert_same("elsewhere", contains="no context: allocate, allocate pinned, free: 201 201 ")

    def test_of_two_frees_at_once_one_succeeds(self):
        self.assert_same("twice", contains="freed, refused: 500 500")

    def test_ten_thousand_sizes(self):
        self.assert_same("sizes", contains="wrong: 0")

    def test_a_thread_a_context(self):
        self.assert_same("contexts", contains="wrong: 0")

    def test_the_mode_changes_while_threads_allocate(self):
        self.assert_same("switching", contains="wrong: 0")

    def test_without_tracking_of_devices(self):
        for case in ("ends", "elsewhere"):
            self.assert_same(case, modes=(cuda_pool.STRICT, cuda_pool.ON), options={"TRACK": "host"})

    def test_programs_of_the_runtime(self):
        environment = {"SIMCUDA_KERNELS": cuda_pool.SIMCUDA / "libsimcuda_kernels.so"}
        for program in ("cuda_runtime_calls_shared", "cuda_runtime_calls_static"):
            if not wt.program(program).exists():
                self.skipTest("no nvcc")
            # Not in segments, where small blocks share what cudaMemGetInfo() calls used.
            for mode in (cuda_pool.OFF, cuda_pool.STRICT, cuda_pool.ON):
                with self.subTest(program=program, mode=mode):
                    result = cuda_pool.run(program, (), mode, **environment)  # checks each answer itself
                    self.assertEqual((result.returncode, result.stderr), (0, b""))

    # ---- The driver itself ----

    def test_a_driver_that_is_unloaded_takes_its_memory_along(self):
        rounds = 5
        alone = cuda_pool.run("cuda_pool_reload", [rounds])
        self.assertEqual(alone.stdout.decode(), "refused 0, unloaded 1\n" * rounds)
        for mode in cuda_pool.MODES:
            with self.subTest(mode=mode):
                result = cuda_pool.run("cuda_pool_reload", [rounds], mode, report=True)
                self.assertEqual((result.stdout, result.stderr), (alone.stdout, b""))
                if mode not in (cuda_pool.STRICT, cuda_pool.ON):
                    continue
                pool = result.report["devices"][0]["pools"]["device"]
                self.assertEqual(pool["live_count"], 1, "the last driver's own")
                self.assertLessEqual(pool["cached_count"] + pool["quarantined_count"], 11)
                self.assertGreaterEqual(pool["miss_count"], 4 * rounds)
                if mode == cuda_pool.STRICT:
                    self.assertEqual(pool["hit_count"], 8 * rounds)

    def test_an_old_driver_waits_at_each_free_and_the_report_says_so(self):
        alone = cuda_pool.run("cuda_pool_output", ["waits"], LD_LIBRARY_PATH=OLD)
        self.assertEqual(alone.returncode, 0, alone.stderr)
        result = cuda_pool.run("cuda_pool_output", ["waits"], cuda_pool.ON, LD_LIBRARY_PATH=OLD, report=True)
        self.assertEqual((result.stdout, result.returncode), (alone.stdout, 0))
        pool = result.report["devices"][0]["pools"]["device"]
        self.assertEqual(pool["synchronise_count"], pool["kept_count"])
        self.assertGreater(pool["hit_count"], 0)
        self.assertIn("cuCtxRecordEvent", result.report["cuda"]["pool"]["limitation"])
        strict = cuda_pool.run("cuda_pool_output", ["waits"], cuda_pool.STRICT, LD_LIBRARY_PATH=OLD, report=True)
        self.assertIsNone(strict.report["cuda"]["pool"]["limitation"])

    def test_behind_another_library_the_pool_is_off(self):
        with tempfile.TemporaryDirectory() as folder:
            library = pathlib.Path(folder, "between.so")
            subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=INTERPOSER.encode(), check=True)
            alone = self.run_case("ends", None, LD_PRELOAD=library)
            result = self.run_case("ends", cuda_pool.ON, LD_PRELOAD=library, report=True)
        self.assertRegex(alone.stderr.decode(), r"allocated [1-9]\d+, freed [1-9]\d+\n")
        self.assertEqual((result.stdout, result.stderr), (alone.stdout, alone.stderr))
        self.assertIn("another library", result.report["cuda"]["pool"]["limitation"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
