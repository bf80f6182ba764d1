"""WEIR_SAMPLE: leaks are found, estimates stay within their statistical bounds, and the program notices nothing."""

import math
import unittest

from weir_test import program, run_under_weir, symbolise

LEAKY = [program("command_leaky"), "0"]
MEAN = 512 << 10
SIGMAS = 4.5


def drawn_bytes(block):
    """What a block of `block` bytes counts for the draw: whole granules of 16."""
    return (block + 15) // 16 * 16


def bound(total, block):
    """SIGMAS standard deviations of the estimate of `total` bytes leaked in blocks of `block` bytes."""
    chance = 1 - math.exp(-drawn_bytes(block) / MEAN)
    return SIGMAS * math.sqrt(total / block * (1 - chance) / chance) * block


class Leaks(unittest.TestCase):
    def test_both_are_found_with_their_size(self):
        result = run_under_weir([program("sampling_leaks")], weir_options={"SAMPLE": "512KiB"})
        self.assertEqual((result.returncode, result.stdout, result.stderr), (7, b"done\n", b""))
        report = result.report
        self.assertEqual(report["sampling"]["mean_bytes"], MEAN)
        self.assertTrue(report["sampling"]["estimated"])
        expected = {"leak_small": (100_000_000, 100), "leak_large": (20_000_000, 1000)}
        leaks = sorted(report["leaks"], key=lambda leak: -leak["bytes"])[:2]
        for leak, (total, block) in zip(leaks, expected.values()):
            self.assertAlmostEqual(leak["bytes"], total, delta=bound(total, block))
            self.assertAlmostEqual(leak["count"], total / block, delta=bound(total, block) / block)
            samples = total / block * drawn_bytes(block) / MEAN
            self.assertAlmostEqual(leak["sample_count"], samples, delta=SIGMAS * math.sqrt(samples))
        text = str(symbolise(result.report_texts[0]))
        for function in expected:
            self.assertIn(function, text)
        totals = report["host"]["totals"]
        churn = 1_000_000 * 1000
        self.assertAlmostEqual(totals["alloc_bytes"], 120_000_000 + churn, delta=2 * bound(120_000_000 + churn, 1000))
        self.assertAlmostEqual(totals["live_bytes"], 120_000_000, delta=2 * bound(120_000_000, 100))
        self.assertEqual(sum(leak["bytes"] for leak in report["leaks"] if leak["memory"] == "host"),
                         totals["live_bytes"])
        self.assertGreaterEqual(report["host"]["pool"]["allocated_bytes"], 120_000_000)  # not an estimate
        self.assertLess(report["host"]["pool"]["allocated_bytes"], 150_000_000)

    def test_exact_is_the_default(self):
        for options in ({}, {"SAMPLE": "off"}):
            report = run_under_weir(LEAKY, weir_options=options).report
            self.assertIsNone(report["sampling"])

    def test_a_mean_of_one_byte_is_exact(self):
        sampled = run_under_weir(LEAKY, weir_options={"SAMPLE": "1B"}).report["host"]["totals"]
        exact = run_under_weir(LEAKY).report["host"]["totals"]
        for key in ("alloc_count", "alloc_bytes", "free_count", "free_bytes", "live_bytes"):
            self.assertEqual(sampled[key], exact[key], key)

    def test_wrong_values_are_named(self):
        for value in ("0", "lots", "-1", "2TiB"):
            result = run_under_weir(LEAKY, weir_options={"SAMPLE": value})
            self.assertIn(b"WEIR_SAMPLE=" + value.encode() + b" is not understood", result.stderr)
            self.assertIsNone(result.report["sampling"])

    def test_without_the_pool_it_is_exact_and_says_so(self):
        result = run_under_weir(LEAKY, weir_options={"SAMPLE": "64KiB", "HOST_POOL": "off"})
        self.assertIn(b"WEIR_SAMPLE needs the pool", result.stderr)
        self.assertIsNone(result.report["sampling"])


class Programs(unittest.TestCase):
    def test_all_calls_with_threads_and_fork(self):
        for options in ({"SAMPLE": "512KiB"}, {"SAMPLE": "4KiB"}, {"SAMPLE": "1B"}, {"SAMPLE": "4KiB", "DEBUG": "1"},
                        {"SAMPLE": "4KiB", "HOST_MIN_ALIGN": "64"}, {"SAMPLE": "4KiB", "HOST_POOL_PREWARM": "64B*1000"}):
            result = run_under_weir([program("sampling_mixed")], weir_options=options, timeout=300)
            self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"child 5\n", b""), options)
            self.assertEqual(len(result.reports), 2, options)
            for report in result.reports:
                self.assertGreater(report["sampling"]["sample_count"], 0, options)
                self.assertEqual(report["host"]["totals"]["double_free_count"], 0, options)
                self.assertEqual(report["host"]["totals"]["interior_free_count"], 0, options)
                self.assertEqual(report["host"]["totals"]["foreign_free_count"], 0, options)

    def test_blocks_of_all_kinds_under_other_tests_programs(self):
        for name in ("heap_usable_bytes", "heap_aligned", "heap_calloc_reused", "heap_reloaded_library",
                     "hostile_threads", "hostile_signal_malloc", "hostile_signal_steps", "hostile_thread_exit"):
            # Not alone: the libc's own malloc would hang in hostile_signal_malloc.
            exact = run_under_weir([program(name)])
            sampled = run_under_weir([program(name)], weir_options={"SAMPLE": "4KiB"})
            self.assertEqual((sampled.returncode, sampled.stdout, sampled.stderr),
                             (exact.returncode, exact.stdout, exact.stderr), name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
