"""WEIR_TRACK=mmap: blocks come from the pool and are not looked at; the program notices nothing, and the report says so."""

import unittest

from weir_test import program, run_under_weir

POOL_ONLY = {"TRACK": "mmap"}


class PoolOnly(unittest.TestCase):
    def test_report_says_that_no_block_was_tracked(self):
        report = run_under_weir([program("command_leaky"), "0"], weir_options=POOL_ONLY).report
        self.assertFalse(report["host"]["tracked"])
        self.assertIsNone(report["sampling"])
        self.assertEqual([leak for leak in report["leaks"] if leak["memory"] == "host"], [])
        for key in ("alloc_count", "free_count", "live_bytes", "foreign_free_count"):
            self.assertEqual(report["host"]["totals"][key], 0, key)

    def test_the_pools_own_figures_hold(self):
        # 1,000,000 blocks of 100 bytes and 20,000 of 1,000 are never freed.
        result = run_under_weir([program("sampling_leaks")], weir_options=POOL_ONLY)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (7, b"done\n", b""))
        pool = result.report["host"]["pool"]
        self.assertGreaterEqual(pool["allocated_bytes"], 120_000_000)
        self.assertLess(pool["allocated_bytes"], 150_000_000)
        self.assertGreaterEqual(pool["active_bytes"], pool["allocated_bytes"])
        self.assertTrue(0 <= pool["fragmentation_ratio"] < 0.5, pool["fragmentation_ratio"])

    def test_tracking_is_the_default(self):
        self.assertTrue(run_under_weir([program("command_leaky"), "0"]).report["host"]["tracked"])

    def test_sampling_draws_nothing_where_the_heap_is_not_tracked(self):
        report = run_under_weir([program("command_leaky"), "0"], weir_options=POOL_ONLY | {"SAMPLE": "1B"}).report
        self.assertIsNone(report["sampling"])
        self.assertEqual(report["host"]["totals"]["alloc_count"], 0)

    def test_all_calls_with_threads_and_fork(self):
        for options in ({}, {"DEBUG": "1"}, {"HOST_MIN_ALIGN": "64"}, {"HOST_POOL_PREWARM": "64B*1000"},
                        {"HOST_POOL": "off"}):
            result = run_under_weir([program("sampling_mixed")], weir_options=POOL_ONLY | options, timeout=300)
            self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"child 5\n", b""), options)
            self.assertEqual(len(result.reports), 2, options)
            for report in result.reports:
                self.assertEqual(report["host"]["totals"]["alloc_count"], 0, options)
                self.assertEqual(report["host"]["totals"]["double_free_count"], 0, options)
                self.assertEqual(report["host"]["totals"]["interior_free_count"], 0, options)

    def test_other_tests_programs_behave_as_under_exact_tracking(self):
        for name in ("heap_usable_bytes", "heap_aligned", "heap_calloc_reused", "heap_reloaded_library",
                     "hostile_threads", "hostile_signal_malloc", "hostile_signal_steps", "hostile_thread_exit"):
            exact = run_under_weir([program(name)])
            pool_only = run_under_weir([program(name)], weir_options=POOL_ONLY)
            self.assertEqual((pool_only.returncode, pool_only.stdout, pool_only.stderr),
                             (exact.returncode, exact.stdout, exact.stderr), name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
