"""The report's timeline: programs whose course is known, their moments told by themselves."""

import json
import re
import unittest

import jsonschema

import cuda_pool
from weir_test import REPOSITORY, program, run_under_weir

KIB, MIB, MS = 1 << 10, 1 << 20, 1_000_000
COURSE, THREADS = program("timeline_course"), program("timeline_threads")
BLOCKS_BYTES = 50 * 655 * 1024
SCHEMA = jsonschema.Draft202012Validator(json.loads((REPOSITORY / "docs" / "report.schema.json").read_text()))
MOST_POINTS = 514


def report_of(test, argv, options=None, status=0):
    result = run_under_weir(argv, weir_options=options)
    if status is not None:
        test.assertEqual(result.returncode, status)
    test.assertEqual(result.stderr, b"")
    test.assertEqual([error.message[:300] for error in SCHEMA.iter_errors(result.report)], [])
    return result.report, result.stdout.decode()


class TimelineCase(unittest.TestCase):
    def assert_whole(self, course, duration_ns):
        lengths = {len(values) for values in course.values() if isinstance(values, list)}
        self.assertEqual(len(lengths), 1)
        self.assertLessEqual(lengths.pop(), MOST_POINTS)
        self.assertEqual(course["ns"], sorted(course["ns"]))
        self.assertAlmostEqual(course["ns"][-1], duration_ns, delta=MS)

    def assert_has_peak(self, report, error=0):
        course, peak = report["timeline"]["host"], report["timeline"]["peak"]
        self.assertIn((peak["ns"], peak["bytes"]), list(zip(course["ns"], course["live_bytes"])))
        self.assertLessEqual(max(course["live_bytes"]) - peak["bytes"], error)


def course_of(test, *arguments, **options):
    """Its report, and the moments that it printed as ns since the process's start. Where the machine held the program up it runs again."""
    for _ in range(10):
        report, text = report_of(test, [COURSE, *arguments], options)
        said = {name: int(ns) for name, ns in re.findall(r"(\w+) (\d+)", text)}
        if said["late"] < 15 * MS:
            shift = said["began"] - report["process"]["start_ns"] - said["start"]
            return report, {name: ns + shift for name, ns in said.items()}
    raise unittest.SkipTest("the machine holds programs up")


def at(course, ns, figure="live_bytes"):
    """The figure of the last point up to that moment."""
    return [value for moment, value in zip(course["ns"], course[figure]) if moment <= ns][-1]


class Course(TimelineCase):
    def test_what_its_parent_had_in_memory_is_not_its_own_peak(self):
        large = bytearray(b"x") * (200 * MIB)
        course = report_of(self, [COURSE])[0]["timeline"]["host"]
        known = [value for value in course["peak_rss_bytes"] if value is not None]
        self.assertLess(max(known), len(large) / 2)
        self.assertEqual(known[-1], course["peak_rss_bytes"][-1])

    def test_it_grows_and_is_held_and_shrinks(self):
        self.assert_grows_and_shrinks(*course_of(self))

    def test_it_shrinks_where_frees_are_guarded(self):
        self.assert_grows_and_shrinks(*course_of(self, GUARD="on"))

    def assert_grows_and_shrinks(self, report, moments):
        course = report["timeline"]["host"]
        self.assertEqual(report["timeline"]["interval_ns"], 10 * MS)
        self.assertFalse(report["timeline"]["estimated"])
        self.assert_whole(course, report["process"]["duration_ns"])
        self.assert_has_peak(report)
        self.assertGreater(len(course["ns"]), 40)
        points = list(zip(course["ns"], course["live_bytes"]))
        growing = [value for ns, value in points if ns < moments["grown"] - 20 * MS]
        shrinking = [value for ns, value in points if ns > moments["shrinking"] + 20 * MS]
        self.assertEqual(growing, sorted(growing))
        self.assertEqual(shrinking[:-1], sorted(shrinking[:-1], reverse=True))
        self.assertLess(growing[0], 0.2 * BLOCKS_BYTES)
        self.assertLess(shrinking[-2], 0.2 * BLOCKS_BYTES)
        # Between: a step of ten milliseconds is 2 % of all, and half the steps are to be done half-way, where the machine let it.
        half = at(course, (moments["start"] + moments["grown"]) / 2)
        self.assertAlmostEqual(half, BLOCKS_BYTES / 2, delta=0.25 * BLOCKS_BYTES)
        half = at(course, (moments["shrinking"] + moments["end"]) / 2)
        self.assertAlmostEqual(half, BLOCKS_BYTES / 2, delta=0.25 * BLOCKS_BYTES)
        self.assertAlmostEqual(max(course["live_bytes"]), BLOCKS_BYTES, delta=64 * KIB)
        self.assertEqual(course["live_bytes"][-1], report["host"]["totals"]["live_bytes"])
        self.assertEqual(course["live_count"][-1], report["host"]["totals"]["live_count"])
        self.assertEqual(course["reserved_bytes"][-1], report["host"]["pool"]["reserved_bytes"])
        self.assertEqual(course["rss_bytes"][-1], report["host"]["process_memory"]["rss_bytes"])

    def test_the_counts_and_the_resident_bytes_go_with_it(self):
        report, moments = course_of(self)
        course = report["timeline"]["host"]
        early, held = moments["start"] + 100 * MS, moments["shrinking"] + 5 * MS
        self.assertAlmostEqual(at(course, held, "live_count"), BLOCKS_BYTES / 1024, delta=700)
        self.assertGreater(at(course, held, "rss_bytes"), BLOCKS_BYTES)
        self.assertGreater(at(course, held, "rss_bytes"), at(course, early, "rss_bytes") + BLOCKS_BYTES / 3)
        highest = [value for value in course["peak_rss_bytes"] if value is not None]
        self.assertEqual(highest, sorted(highest))
        # The kernel counts pages in batches per processor: its two figures may differ by some.
        self.assertTrue(all(b is None or a <= b + MIB for a, b in zip(course["rss_bytes"], course["peak_rss_bytes"])))

    def test_the_peak_of_a_moment_is_a_point(self):
        report, moments = course_of(self, "spike")
        self.assert_has_peak(report)
        peak = report["timeline"]["peak"]
        self.assertGreaterEqual(peak["bytes"], BLOCKS_BYTES + 64 * MIB)
        self.assertTrue(moments["spike"] - 20 * MS < peak["ns"] < moments["spiked"] + 20 * MS, (moments, peak))
        self.assertLess(at(report["timeline"]["host"], moments["shrinking"] - 10 * MS), BLOCKS_BYTES + MIB)

    def test_points_are_not_put_off_by_a_wait_within_one(self):
        # Each call that a point makes waits 3 ms, as where its thread loses the processor: of 10 ms no hundredth, and yet none of its work.
        waits = ["strace", "-o", "/dev/null", "-e", "trace=getrusage", "-e", "inject=getrusage:delay_exit=3000"]
        [report] = [report for report in run_under_weir([*waits, COURSE]).reports if report["process"]["exe"] == str(COURSE)]
        self.assertGreater(len(report["timeline"]["host"]["ns"]), 40)

    def test_a_longer_interval_has_fewer_points(self):
        report, _ = report_of(self, [COURSE, "spike"], {"TIMELINE": "200ms"})
        course = report["timeline"]["host"]
        self.assertEqual(report["timeline"]["interval_ns"], 200 * MS)
        self.assertLessEqual(len(course["ns"]), 12)
        self.assert_has_peak(report)

    def test_the_points_are_bounded(self):
        report, _ = report_of(self, [COURSE], {"TIMELINE": "1ms"})
        self.assert_whole(report["timeline"]["host"], report["process"]["duration_ns"])

    def test_off_has_the_peak_alone(self):
        report, _ = report_of(self, [COURSE], {"TIMELINE": "off"})
        self.assertEqual(list(report["timeline"]), ["peak"])

    def test_a_short_program_has_its_peak_and_its_end(self):
        report, _ = report_of(self, [program("process_return")], {"TIMELINE": "1h"}, status=None)
        self.assertLessEqual(len(report["timeline"]["host"]["ns"]), 2)
        self.assert_has_peak(report)

    def test_wrong_values_are_named_in_one_line(self):
        for value in ("10", "0ms", "-1s", "often", "1us"):
            result = run_under_weir([program("process_return")], weir_options={"TIMELINE": value})
            self.assertIn(f"WEIR_TIMELINE={value} is not understood: expected off, or a duration such as".encode(), result.stderr)
            self.assertEqual(result.stderr.count(b"\n"), 1)
            self.assertEqual(result.report["timeline"]["interval_ns"], 10 * MS)

    def test_a_sampling_process_says_that_it_estimates(self):
        report, _ = report_of(self, [COURSE], {"SAMPLE": "16KiB"})
        course = report["timeline"]["host"]
        self.assertTrue(report["timeline"]["estimated"])
        self.assertGreater(len(course["ns"]), 20)
        self.assertAlmostEqual(max(course["live_bytes"]), BLOCKS_BYTES, delta=0.2 * BLOCKS_BYTES)


class Threads(TimelineCase):
    LIVE = 8 * MIB

    def test_eight_threads_that_free_each_others_blocks(self):
        report, _ = report_of(self, [THREADS])
        course = report["timeline"]["host"]
        self.assert_whole(course, report["process"]["duration_ns"])
        self.assert_has_peak(report, MIB)
        self.assertGreater(len(course["ns"]), 5)
        begin = next(ns for ns, value in zip(course["ns"], course["live_bytes"]) if value > self.LIVE - MIB)
        at_work = [value for ns, value in zip(course["ns"], course["live_bytes"]) if begin + 50 * MS < ns < begin + 400 * MS]
        self.assertGreater(len(at_work), 1)
        for value in at_work:
            self.assertAlmostEqual(value, self.LIVE, delta=MIB)
        self.assertLess(course["live_bytes"][-1], MIB)
        # Several threads: no descriptor is taken, so what is resident is not known, but for the end's.
        many = [rss for ns, rss in zip(course["ns"], course["rss_bytes"]) if begin + 50 * MS < ns < begin + 400 * MS]
        self.assertEqual(set(many), {None})

    def test_a_forked_child_begins_its_own(self):
        result = run_under_weir([THREADS, "fork"])
        self.assertEqual((result.returncode, result.stderr, len(result.reports)), (0, b"", 3))
        parent, short, child = result.reports
        self.assertEqual(child["process"]["ppid"], parent["process"]["pid"])
        for report, live in ((parent, self.LIVE), (child, self.LIVE / 4)):
            course = report["timeline"]["host"]
            self.assert_whole(course, report["process"]["duration_ns"])
            self.assert_has_peak(report, MIB)
            self.assertGreater(len(course["ns"]), 15)
            self.assertAlmostEqual(max(course["live_bytes"]), live, delta=1.5 * MIB)
        self.assertLessEqual(len(short["timeline"]["host"]["ns"]), 2)
        self.assertLess(max(short["timeline"]["host"]["live_bytes"]), MIB)
        self.assertLess(child["process"]["duration_ns"], 0.8 * parent["process"]["duration_ns"])


@unittest.skipUnless(cuda_pool.SIMCUDA.exists(), "no CUDA toolkit: there is no simulated driver")
class Devices(TimelineCase):
    def test_device_memory_grows_and_shrinks_and_the_pool_keeps_it(self):
        result = cuda_pool.run("cuda_pool_figures", ["grow_and_shrink"], cuda_pool.STRICT, report=True, SIMCUDA_MEMORY=256 * MIB)
        report = result.report
        self.assertEqual([error.message[:300] for error in SCHEMA.iter_errors(report)], [])
        course = report["timeline"]["devices"][0]
        self.assertEqual((course["index"], len(report["timeline"]["devices"])), (0, 1))
        self.assert_whole(course, report["process"]["duration_ns"])
        peak = report["devices"][0]
        self.assertEqual((peak["peak_bytes"], max(course["live_bytes"])), (20 * MIB, 20 * MIB))
        self.assertIn((peak["peak_ns"], 20 * MIB), list(zip(course["ns"], course["live_bytes"])))
        top = course["live_bytes"].index(20 * MIB)
        self.assertEqual(course["live_bytes"][:top], sorted(course["live_bytes"][:top]))
        self.assertGreater(len(set(course["live_bytes"][:top])), 10)
        self.assertGreater(len(set(course["live_bytes"][top:])), 10)
        for live, reserved, idle in zip(course["live_bytes"], course["reserved_bytes"], course["idle_bytes"]):
            self.assertGreaterEqual(reserved, live)
            self.assertLessEqual(idle, reserved)
        self.assertEqual(max(course["pinned_bytes"]), 5 * MIB)
        self.assertEqual((course["live_bytes"][-1], course["pinned_bytes"][-1]), (0, 0))
        self.assertEqual(course["idle_bytes"][-1], 20 * MIB)  # what the pool keeps
        self.assertEqual(course["reserved_bytes"][-1], report["devices"][0]["pools"]["device"]["reserved_bytes"])

    def test_off_has_no_devices(self):
        result = cuda_pool.run("cuda_pool_figures", ["reuse"], cuda_pool.STRICT, {"TIMELINE": "off"}, report=True)
        self.assertEqual(list(result.report["timeline"]), ["peak"])


if __name__ == "__main__":
    unittest.main()
