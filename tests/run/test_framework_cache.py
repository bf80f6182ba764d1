"""What a framework's own cache holds is told as that, and as no leak; what the same calls leave behind elsewhere is told as it is."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import cuda_pool
from weir_test import REPOSITORY, call_sites, program, run_under_weir, run_weir

MIB = 1 << 20
NAME = "framework_cache"
CUDA_NEEDED = "" if program(NAME).exists() and (cuda_pool.SIMCUDA / "libcuda.so.1").exists() else "no simulated CUDA device in this build"
GREEN, RED = 0, 1
LOST = ("definite", "indirect", "possible")

# By memory: bytes of the blocks that the program leaves, and what it has them from.
IN_CACHE = {("device", 2 * MIB), ("device", 3 * MIB), ("device", 8 * MIB), ("device", 12 * MIB)}
IN_PINNED_CACHE = {("pinned", 4 * MIB), ("pinned", 6 * MIB)}
OWN = {("device", 7 * MIB), ("device", 11 * MIB)}  # without the cache, and by a callback of it


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def weir(self, *arguments, expected=GREEN):
        result = run_weir([str(argument) for argument in arguments])
        self.assertEqual(result.returncode, expected, result.stdout.decode() + result.stderr.decode())
        return result.stdout.decode()

    def put(self, name, report):
        path = self.folder / name
        path.write_text(json.dumps(report))
        return path

    def finished(self, path):
        report = json.loads(self.weir("show", "--json", path))
        self.validate(report)
        return report

    def validate(self, report):
        import jsonschema
        schema = json.loads((REPOSITORY / "docs" / "report.schema.json").read_text())
        self.assertEqual([error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(report)], [])


@unittest.skipIf(CUDA_NEEDED, CUDA_NEEDED)
class Programs(Case):
    """tests/programs/framework_cache.cpp, raw reports."""

    def run_program(self, what, name="report.json", executable=None, **options):
        path = self.folder / name
        result = run_under_weir([executable or program(NAME), what], env={"LD_LIBRARY_PATH": cuda_pool.SIMCUDA},
                                weir_options={"REPORT": path, **options})
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"", b""))
        return path

    def named(self, report):
        """{cache: {(memory, bytes)}} of what the program left on the device and page-locked; bytes of its records on the host."""
        found, records = {}, 0
        for leak in report["leaks"]:
            cache = leak.get("framework_cache")
            if leak["memory"] in ("device", "pinned"):
                found.setdefault(cache, set()).add((leak["memory"], leak["bytes"]))
            elif cache:
                self.assertEqual(leak["memory"], "host")
                records += leak["bytes"]
        return found, records

    def test_what_the_cache_holds_has_its_name_lost_or_not(self):
        for number, options in enumerate(({}, {"CUDA_POOL": "off", "PINNED_POOL": "off"}, {"LEAKS": "off"})):
            with self.subTest(options):
                report = self.finished(self.run_program("cache", f"{number}.json", **options))
                self.assertEqual(self.named(report), ({"PyTorch": IN_CACHE, "PyTorch pinned": IN_PINNED_CACHE, None: OWN}, 16))
                kinds = {leak["kind"] for leak in report["leaks"] if "framework_cache" in leak}
                self.assertEqual(kinds, {"live"} if options.get("LEAKS") else {"definite", "indirect", "possible", "reachable"})

    def test_what_others_allocate_the_same_way_has_none(self):
        report = self.finished(self.run_program("twin"))
        self.assertEqual(self.named(report), ({None: IN_CACHE | IN_PINNED_CACHE | OWN}, 0))

    def test_without_names_nothing_is_taken_for_a_cache(self):
        stripped = self.folder / "framework_cache"
        subprocess.run(["strip", "-s", "-o", stripped, program(NAME)], check=True)
        report = self.finished(self.run_program("cache", executable=stripped))
        self.assertEqual(self.named(report), ({None: IN_CACHE | IN_PINNED_CACHE | OWN}, 0))

    def test_the_tables_tell_it_apart(self):
        text = self.weir("show", self.run_program("cache"))
        self.assertRegex(text, r"\n +in use +live +framework +cached ")
        self.assertRegex(text, r"\n  device 0 +\S+ MiB +18\.0 MiB +25\.0 MiB ")
        self.assertRegex(text, r"\n  pinned +\S+ MiB +- +10\.0 MiB ")
        self.assertRegex(text, r"\n  host .* 16 B ")
        self.assertIn("\n  Framework cache, in use or idle: 35.0 MiB in 8 blocks (PyTorch 25.0 MiB, PyTorch pinned 10.0 MiB)\n", text)
        self.assertNotRegex(text, r"\nLost: ")
        self.assertIn("\nPossibly lost: 18.0 MiB in 2 blocks ", text)
        twin = self.weir("show", self.run_program("twin", "twin.json"))
        self.assertNotIn("ramework", re.sub(r"framework_cache", "", twin))
        self.assertRegex(twin, r"\n  device 0 +\S+ MiB +43\.0 MiB ")
        self.assertIn("\nLost: 8 B in 1 block from 1 place, and 8.0 MiB in 1 block that only they lead to\n", twin)

    def test_check_passes_it_and_still_counts_it_as_allocated(self):
        cache, twin = self.run_program("cache"), self.run_program("twin", "twin.json")
        finished = self.put("finished.json", self.finished(cache))
        limits = ("--max-bytes", "0", "--max-definite", "0", "--max-indirect", "0")
        for path in (cache, finished):
            self.weir("check", *limits, path)
            self.assertIn("possibly lost (device): 18.0 MiB in 2 blocks,", self.weir("check", "--max-possible", "device=0", path, expected=RED))
            # Of the rows that the cache lost 22 MiB are on the device, 4 of 10 MiB page-locked: all count.
            self.weir("check", "--max-live", "device=43MiB", "--max-live", "pinned=10MiB", path)
            self.weir("check", "--max-live", "device=42MiB", path, expected=RED)
            self.weir("check", "--max-live", "pinned=9MiB", path, expected=RED)
        text = self.weir("check", *limits, twin, expected=RED)
        self.assertIn("definitely lost: 8 B in 1 block", text)
        self.assertIn("indirectly lost: 8.0 MiB in 1 block", text)

    def test_the_exit_code_does_not_mind_it(self):
        for what, expected in (("cache", 0), ("twin", 23)):
            result = run_weir(["run", "--exit-code", "23", "--no-summary", "--", str(program(NAME)), what], cwd=self.folder,
                              env={"LD_LIBRARY_PATH": cuda_pool.SIMCUDA})
            self.assertEqual(result.returncode, expected, result.stderr)

    def test_no_suppression_is_written_for_it(self):
        self.assertIn("# Nothing is lost that is not known already.\n", self.weir("suppress", self.run_program("cache")))
        self.assertIn("leak:", self.weir("suppress", self.run_program("twin", "twin.json")))

    def test_two_ranks_merged_tell_it_together(self):
        ranks = [self.run_program("cache", f"rank{rank}.json") for rank in range(2)]
        merged = self.folder / "merged.json"
        self.weir("merge", *ranks, "-o", merged)
        report = json.loads(merged.read_text())
        self.validate(report)
        named = {leak["framework_cache"]: 0 for leak in report["leaks"] if "framework_cache" in leak}
        for leak in report["leaks"]:
            if "framework_cache" in leak:
                named[leak["framework_cache"]] += leak["bytes"]
        self.assertEqual(named, {"PyTorch": 2 * (25 * MIB + 16), "PyTorch pinned": 2 * 10 * MIB})
        self.assertIn("(PyTorch 50.0 MiB, PyTorch pinned 20.0 MiB)", self.weir("show", merged))
        self.weir("check", "--max-bytes", "0", merged)

    def test_in_a_difference_it_is_live_and_not_lost(self):
        # The twin's blocks stand for a program that had no cache before.
        difference = json.loads(self.weir("diff", "--json", self.run_program("twin", "twin.json"), self.run_program("cache")))
        totals = {(row["memory"], row["figure"]): (row["before_bytes"], row["after_bytes"]) for row in difference["totals"]}
        self.assertEqual(totals["device", "live"], (43 * MIB, 43 * MIB))
        self.assertEqual(totals[None, "definite"], (8, 0))
        self.assertEqual(totals[None, "indirect"], (8 * MIB, 0))
        self.assertEqual(totals[None, "possible"], (36 * MIB, 18 * MIB))

    def test_the_page_tells_it_apart(self):
        target = self.folder / "page.html"
        report = self.run_program("cache")
        if b"has no page" in run_weir(["html", str(report), "-o", str(target)]).stderr:
            self.skipTest("this build has no weir html")
        page = target.read_text()
        self.assertIn('"framework":26214400', page)
        self.assertIn("PyTorch pinned", page)


class WhatHangsFromWhatIsExcused(Case):
    """Blocks that only excused ones lead to are excused with them, once: not again where a pattern names them, too."""

    def report(self):
        """A suppressed block leads to another of its own pattern; a block that nobody knows leads to one, too."""
        report = json.loads((REPOSITORY / "tests" / "golden" / "report_no_leaks.json").read_text())
        rows = (("definite", 100, "known::head", "leak:known", 3000), ("indirect", 3000, "known::tail", "leak:known", 0),
                ("definite", 200, "grow", None, 5000), ("indirect", 5000, "fill", None, 0))
        report["leak_check"] = {"done": True, "why_not": None}
        report.update(leaks=[], frames=[], stacks=[], peak=[], hot_sites=[], warnings=[], modules=[{"path": "/bin/lossy", "symbols": "debug_info"}])
        for kind, size, function, suppressed, hanging in rows:
            report["frames"].append({"module": 0, "offset": 16 * len(report["frames"]), "function": function, "file": "a.c", "line": 1})
            report["stacks"].append([len(report["frames"]) - 1])
            leak = {"memory": "host", "kind": kind, "bytes": size, "count": 1, "stack": len(report["stacks"]) - 1}
            if suppressed:
                leak["suppressed"] = suppressed
            if hanging:
                leak.update(indirect_bytes=hanging, indirect_count=1)
            report["leaks"].append(leak)
        return report

    def test_the_summary_has_what_is_left(self):
        text = self.weir("show", self.put("r.json", self.report()))
        self.assertIn("\nLost: 200 B in 1 block from 1 place, and 4.9 KiB in 1 block that only they lead to\n", text)

    def test_check_and_diff_count_what_is_left(self):
        path = self.put("r.json", self.report())
        self.assertIn("indirectly lost: 4.9 KiB in 1 block", self.weir("check", "--max-indirect", "0", path, expected=RED))
        self.weir("check", "--max-indirect", "4999", path, expected=RED)
        self.weir("check", "--max-indirect", "5000", path)
        totals = json.loads(self.weir("diff", "--json", path, path))["totals"]
        self.assertEqual([row["after_bytes"] for row in totals if row["figure"] == "indirect"], [5000])


if __name__ == "__main__":
    unittest.main()
