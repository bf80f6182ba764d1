"""The program's own mappings under Weir: what stays mapped, by kind, stack and file, and that the calls answer as without."""

import pathlib
import tempfile
import unittest

import weir_test

PAGE = 4096


def mmap_of(report):
    return report["host"]["mmap"]


def kinds_of(report):
    return {row["kind"]: row for row in mmap_of(report)["kinds"]}


def leaks_of(report):
    return [leak for leak in report["leaks"] if leak["memory"] == "mmap"]


def live_pages(report):
    return mmap_of(report)["totals"]["live_bytes"] // PAGE


class Mappings(unittest.TestCase):
    def run_program(self, name, *arguments, options=None):
        """Runs a program alone and under Weir, checks that they agree, and returns the run under Weir."""
        argv = [weir_test.program(name), *map(str, arguments)]
        alone = weir_test.run_alone(argv)
        tracked = weir_test.run_under_weir(argv, weir_options=options)
        self.assertEqual((tracked.returncode, tracked.stdout, tracked.stderr),
                         (alone.returncode, alone.stdout, alone.stderr))
        return tracked

    def run_tracked(self, name, *arguments):
        tracked = self.run_program(name, *arguments)
        self.assertIsNotNone(tracked.report)
        self.assertEqual(mmap_of(tracked.report)["totals"]["untracked_count"], 0)
        return tracked


class Kinds(Mappings):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.file = pathlib.Path(cls.folder.name, "mapped")
        cls.file.write_bytes(bytes(20 * PAGE))
        argv = [weir_test.program("mapping_kinds"), str(cls.file)]
        cls.result = weir_test.run_under_weir(argv)
        cls.report = cls.result.report

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_live_bytes_by_kind(self):
        live = {kind: row["live_bytes"] // PAGE for kind, row in kinds_of(self.report).items()}
        self.assertEqual(live, {"anonymous": 30 + 1000, "shared_anonymous": 50, "sysv": 90, "brk": 60, "file": 11})

    def test_calls_and_what_was_unmapped(self):
        anonymous = kinds_of(self.report)["anonymous"]
        self.assertEqual(anonymous["map_count"], 102)
        self.assertEqual(anonymous["unmapped_bytes"], 500 * PAGE)
        self.assertEqual(kinds_of(self.report)["sysv"]["map_count"], 2)
        self.assertEqual(kinds_of(self.report)["brk"]["unmapped_bytes"], 20 * PAGE)

    def test_reserved_and_committed_apart(self):
        anonymous = kinds_of(self.report)["anonymous"]
        self.assertEqual(anonymous["reserved_bytes"], (1000 - 70) * PAGE)
        self.assertEqual(anonymous["committed_bytes"], (30 + 70) * PAGE)

    def test_resident(self):
        self.assertEqual(kinds_of(self.report)["anonymous"]["resident_bytes"], 2 * PAGE)

    def test_file_by_path(self):
        (file,) = mmap_of(self.report)["files"]
        self.assertEqual(file["path"], str(self.file))
        self.assertEqual((file["map_count"], file["mapped_bytes"]), (2, 11 * PAGE))
        self.assertEqual(file["mapped_peak_bytes"], 31 * PAGE)
        # Read faults bring pages in by clusters, never more than the file has from where the mapping begins.
        self.assertGreaterEqual(file["resident_bytes"], 3 * PAGE)
        self.assertLessEqual(file["resident_bytes"], 11 * PAGE)

    def test_leaks_by_stack(self):
        report = weir_test.symbolise(self.result.report_texts[0])
        report["leaks"] = leaks_of(report)
        found = weir_test.leaks_by_function(report)
        self.assertEqual(found["leak_anonymous"], (30 * PAGE, 1))
        self.assertEqual(found["leak_shared"], (50 * PAGE, 1))
        self.assertEqual(found["leak_reserved"], (1000 * PAGE, 1))  # one mapping, though mprotect cut it into three
        self.assertEqual(found["leak_segment"], (90 * PAGE, 1))
        self.assertNotIn("map_file", found)
        self.assertNotIn("grow_break", found)

    def test_family_names_the_function(self):
        families = {leak["bytes"] // PAGE: leak["samples"][0]["family"] for leak in leaks_of(self.report)}
        self.assertEqual((families[30], families[90]), ("mmap", "shmat"))


class Changes(Mappings):
    def test_pieces(self):
        report = self.run_tracked("mapping_pieces").report
        self.assertEqual(live_pages(report), 72)

    def test_refused_calls(self):
        report = self.run_tracked("mapping_failures").report
        self.assertEqual(live_pages(report), 6)
        self.assertEqual(sum(leak["bytes"] for leak in leaks_of(report)), 6 * PAGE)
        self.assertGreater(mmap_of(report)["totals"]["failed_count"], 0)

    def test_random_against_the_program_s_own_count(self):
        for seed in range(1, 9):
            with self.subTest(seed=seed):
                tracked = self.run_tracked("mapping_random", seed)
                reserved, committed = map(int, tracked.stdout.split())
                totals = mmap_of(tracked.report)["totals"]
                self.assertEqual((totals["reserved_bytes"] // PAGE, totals["committed_bytes"] // PAGE),
                                 (reserved, committed))

    def test_threads_that_reuse_each_other_s_addresses(self):
        report = self.run_tracked("mapping_threads").report
        totals = mmap_of(report)["totals"]
        self.assertEqual(totals["map_count"], 40000)
        self.assertEqual(totals["live_bytes"], 4 * 50 * 2 * PAGE)
        self.assertEqual(sum(leak["count"] for leak in leaks_of(report)), 4 * 50)

    def test_unmapped_unseen(self):
        report = self.run_tracked("mapping_unseen").report
        self.assertEqual(live_pages(report), 5)

    def test_fork(self):
        reports = self.run_program("mapping_fork").reports
        self.assertEqual(sorted(live_pages(report) for report in reports), [3, 5])
        self.assertEqual(sorted(sum(leak["bytes"] for leak in leaks_of(report)) // PAGE for report in reports), [3, 5])


class Options(Mappings):
    def test_not_tracked(self):
        report = self.run_program("mapping_pieces", options={"TRACK": "host"}).report
        self.assertNotIn("mmap", report["host"])
        self.assertEqual(leaks_of(report), [])


if __name__ == "__main__":
    unittest.main()
