"""The figures of a report agree with one another, whatever the program: each total is the sum of its parts."""

import json
import unittest

from weir_test import program, run_under_weir

ORDER = ["schema", "process", "options", "sampling", "host", "devices", "cuda", "leak_check", "leaks", "errors", "out_of_memory", "peak", "hot_sites",
         "large", "timeline", "stacks", "frames", "modules", "warnings"]
PROGRAMS = {
    "bash": ["/bin/bash", "-c", "for i in 1 2 3; do x+=$i; done; echo $x"],
    "perl": ["/usr/bin/perl", "-e", "my %h; $h{$_} = [1..$_] for 1..300; print scalar(keys %h)"],
    "find": ["/usr/bin/find", "/usr/share/doc", "-maxdepth", "1", "-name", "a*"],
    "leaky": [program("command_leaky"), "0"],
    "families": [program("heap_families")],
}


class Figures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.results = {name: run_under_weir(argv, weir_options={"LARGE": "4KiB"}) for name, argv in PROGRAMS.items()}

    def test_each_program_leaves_one_report(self):
        for name, result in self.results.items():
            with self.subTest(program=name):
                self.assertIsNotNone(result.report, result.stderr)

    def test_the_keys_stand_in_their_order(self):
        for name, result in self.results.items():
            with self.subTest(program=name):
                self.assertEqual(list(json.loads(result.report_texts[0])), ORDER)

    def test_leaks_make_up_what_is_live(self):
        for name, result in self.results.items():
            with self.subTest(program=name):
                report = result.report
                totals = report["host"]["totals"]
                host = [leak for leak in report["leaks"] if leak["memory"] == "host"]
                self.assertEqual(sum(leak["bytes"] for leak in host), totals["live_bytes"])
                self.assertEqual(sum(leak["count"] for leak in host), totals["live_count"])
                self.assertEqual(totals["alloc_bytes"] - totals["free_bytes"], totals["live_bytes"])
                self.assertEqual(totals["alloc_count"] - totals["free_count"], totals["live_count"])
                self.assertEqual(report["leaks"], sorted(report["leaks"], key=lambda leak: -leak["bytes"]))
                self.assertTrue(all(1 <= len(leak["samples"]) <= 3 for leak in report["leaks"]))

    def test_the_peak_is_the_sum_of_its_stacks(self):
        for name, result in self.results.items():
            with self.subTest(program=name):
                totals = result.report["host"]["totals"]
                listed = sum(part["bytes"] for part in result.report["peak"])
                self.assertEqual(listed + result.report["host"]["peak_left_out"]["bytes"], totals["peak_bytes"])
                self.assertGreaterEqual(totals["peak_bytes"], totals["live_bytes"])

    def test_powers_of_two_make_up_the_totals(self):
        for name, result in self.results.items():
            with self.subTest(program=name):
                totals = result.report["host"]["totals"]
                for figure in ("alloc_count", "alloc_bytes", "free_count", "free_bytes", "live_count", "live_bytes"):
                    parts = sum(row[figure] for row in result.report["host"]["powers_of_two"])
                    self.assertEqual(parts, totals[figure], figure)

    def test_the_pool_holds_together(self):
        for name, result in self.results.items():
            with self.subTest(program=name):
                pool = result.report["host"]["pool"]
                self.assertLessEqual(pool["allocated_bytes"], pool["active_bytes"])
                self.assertEqual(pool["active_bytes"] - pool["allocated_bytes"], pool["inactive_bytes"])
                self.assertEqual(pool["capacity_bytes"] - pool["active_bytes"], pool["cached_bytes"])
                self.assertLessEqual(pool["capacity_bytes"], pool["reserved_bytes"])
                for ratio in ("fragmentation_ratio", "utilization_ratio", "hit_rate_ratio"):
                    self.assertTrue(0 <= pool[ratio] <= 1, ratio)

    def test_times_lie_within_the_process(self):
        for name, result in self.results.items():
            with self.subTest(program=name):
                report = result.report
                duration = report["process"]["duration_ns"]
                for leak in report["leaks"]:
                    self.assertLessEqual(leak["first_ns"], leak["last_ns"])
                    self.assertLessEqual(leak["last_ns"], duration)
                self.assertLessEqual(report["timeline"]["peak"]["ns"], duration)

    def test_every_reference_leads_somewhere(self):
        for name, result in self.results.items():
            with self.subTest(program=name):
                report = result.report
                for key in ("leaks", "peak", "hot_sites", "large"):
                    self.assertTrue(all(entry["stack"] < len(report["stacks"]) for entry in report[key]), key)
                self.assertTrue(all(frame < len(report["frames"]) for stack in report["stacks"] for frame in stack))
                used = {frame["module"] for frame in report["frames"] if frame["module"] is not None}
                self.assertEqual(used, set(range(len(report["modules"]))))

    def test_large_blocks_are_the_large_ones(self):
        for name, result in self.results.items():
            with self.subTest(program=name):
                large = result.report["large"]
                self.assertTrue(all(block["bytes"] >= 4096 for block in large))
                self.assertEqual(large, sorted(large, key=lambda block: -block["bytes"]))


if __name__ == "__main__":
    unittest.main()
