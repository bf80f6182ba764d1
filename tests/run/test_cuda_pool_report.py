"""What the report and weir show say of the pools of CUDA's memory, for programs of which it is known beforehand."""

import json
import pathlib
import tempfile
import unittest

import jsonschema

import cuda_pool
from weir_test import REPOSITORY, run_weir

KIB, MIB = 1 << 10, 1 << 20
MEMORY = 256 * MIB
SCHEMA = jsonschema.Draft202012Validator(json.loads((REPOSITORY / "docs" / "report.schema.json").read_text()))


@unittest.skipUnless(cuda_pool.SIMCUDA.exists(), "no CUDA toolkit: there is no simulated driver")
class Figures(unittest.TestCase):
    def report_of(self, case, mode, **options):
        result = cuda_pool.run("cuda_pool_figures", [case], mode, options, report=True, SIMCUDA_MEMORY=MEMORY)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertEqual([error.message[:300] for error in SCHEMA.iter_errors(result.report)], [])
        return result.report

    def pools_of(self, *arguments, **options):
        return self.report_of(*arguments, **options)["devices"][0]["pools"]

    def assert_figures(self, pool, **expected):
        self.assertEqual({key: pool[key] for key in expected}, expected)

    def shown(self, report):
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            pathlib.Path(file.name).write_text(json.dumps(report))
            return run_weir(["show", file.name]).stdout.decode()

    def test_what_is_live_and_what_is_kept(self):
        for mode in (cuda_pool.STRICT, cuda_pool.ON):
            with self.subTest(mode):
                pools = self.pools_of("reuse", mode)
                device, pinned = pools["device"], pools["pinned"]
                self.assert_figures(device, live_count=2, live_bytes=5000 + 3 * MIB, allocated_bytes=5120 + 4 * MIB, passed_count=0,
                                    returned_count=0, kept_count=98, flush_count=0, trim_count=0, retry_count=0)
                self.assertEqual(device["hit_count"] + device["miss_count"], 100)
                self.assertEqual(device["cached_bytes"] + device["quarantined_bytes"], 1024 * (device["miss_count"] - 2))
                self.assertEqual(device["reserved_bytes"], device["reserved_peak_bytes"])
                self.assert_figures(pinned, live_count=1, live_bytes=70_000, allocated_bytes=72 * KIB, kept_count=10)
                self.assertEqual(pinned["hit_count"] + pinned["miss_count"], 11)

    def test_strict_waits_once_for_a_free_and_asks_nothing_else(self):
        device = self.pools_of("reuse", cuda_pool.STRICT)["device"]
        self.assert_figures(device, hit_count=97, miss_count=3, synchronise_count=98, record_count=0, query_count=0, quarantined_count=0,
                            cached_count=1, saved_call_count=97 + 98 - 98, hit_rate_ratio=0.97)
        self.assertGreater(device["driver_ns"], 0)

    def test_sizes_are_told_with_the_most_frequent_first(self):
        sizes = self.pools_of("reuse", cuda_pool.STRICT)["device"]["sizes"]
        self.assertEqual(sizes[0], {"block_bytes": 1024, "hit_count": 97, "miss_count": 1, "cached_count": 1})
        self.assertEqual(sorted(size["block_bytes"] for size in sizes), [1024, 5120, 4 * MIB])

    def test_what_was_flushed_and_tried_again(self):
        device = self.pools_of("flush", cuda_pool.STRICT, CUDA_POOL_CACHE="off")["device"]
        self.assert_figures(device, flush_count=2, retry_count=2, retry_saved_count=1, cached_count=0)
        self.assertGreaterEqual(device["flushed_bytes"], 40 * MIB)

    def test_what_a_limit_gives_back_is_a_trim(self):
        device = self.pools_of("scatter", cuda_pool.STRICT, CUDA_POOL_CACHE="64MiB")["device"]
        self.assert_figures(device, cached_bytes=(16 + 18 + 20) * MIB, cached_count=3, largest_cached_bytes=20 * MIB, flush_count=0,
                            trimmed_bytes=(2 + 4 + 6 + 8 + 10 + 12 + 14) * MIB)
        self.assertGreater(device["trim_count"], 0)

    def test_off_has_no_figures_and_nothing_is_shown(self):
        report = self.report_of("reuse", cuda_pool.OFF)
        self.assertEqual((report["devices"][0]["pools"], report["cuda"]["pool"]["mode"]), ({}, "off"))
        self.assertNotIn("CUDA pools", self.shown(report))

    def test_a_program_that_allocates_nothing_has_none(self):
        report = self.report_of("nothing", cuda_pool.STRICT)
        self.assertEqual((report["devices"], report["cuda"]["pool"]["mode"]), ([], "strict"))

    def test_what_the_pool_keeps_is_not_the_contexts(self):
        driver = self.report_of("flush", cuda_pool.STRICT)["devices"][0]["driver"]
        self.assertEqual(driver["used_bytes"] - driver["known_bytes"] - driver["pool_idle_bytes"], driver["driver_and_context_bytes"])

    def test_figures_do_without_tracking(self):
        report = self.report_of("reuse", cuda_pool.STRICT, TRACK="host")
        device = report["devices"][0]
        self.assertEqual((device["kinds"], device["pools"]["device"]["live_count"]), ({}, 2))

    def test_shown_are_mode_and_hit_rate(self):
        text = self.shown(self.report_of("reuse", cuda_pool.STRICT))
        self.assertIn("\nCUDA pools: strict\n  device 0    100 allocations, hit rate 97 %; driver: 97 calls saved, ", text)
        self.assertIn("\nWhere the memory was at exit\n", text)

    def warnings_of(self, case, **options):
        return [w for w in self.report_of(case, cuda_pool.STRICT, **options)["warnings"] if "kind" in w]

    def test_utilization_above_its_threshold_is_warned_of_once_with_its_time(self):
        self.assertEqual(self.warnings_of("fill_slowly"), [])
        warning, = self.warnings_of("fill_slowly", WARN_UTILIZATION="0.5")
        self.assertEqual((warning["kind"], warning["device"]), ("utilization", 0))
        self.assertTrue(0.5 < warning["ratio"] < 0.7 and warning["highest_ratio"] > 0.85 and warning["count"] >= 3, warning)
        self.assertGreater(warning["ns"], 5 * 20_000_000)
        self.assertEqual(self.warnings_of("fill_slowly", WARN_UTILIZATION="0.99"), [])

    def test_fragmentation_above_its_threshold_is_warned_of(self):
        warning, = self.warnings_of("scatter", CUDA_POOL_CACHE="off", WARN_FRAGMENTATION="0.3")
        self.assertEqual((warning["kind"], warning["device"]), ("fragmentation", 0))
        self.assertAlmostEqual(warning["ratio"], 1 - 20 / 110, places=2)
        self.assertEqual(self.warnings_of("scatter", CUDA_POOL_CACHE="off", WARN_FRAGMENTATION="0.9"), [])


if __name__ == "__main__":
    unittest.main()
