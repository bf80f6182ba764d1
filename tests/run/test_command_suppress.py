"""weir suppress: as few patterns as name what is lost, which still do in another build, and name nothing that is in use where that can be."""

import copy
import json
import pathlib
import shutil
import tempfile
import unittest

from weir_test import REPOSITORY, compile_c, run_under_weir, run_weir

GOLDEN = REPOSITORY / "tests" / "golden"


def report_of(lost, used=(), modules=("/usr/local/bin/lossy",)):
    """A finished report. Stacks are functions, innermost first; an integer stands for a frame without a name in that module."""
    report = json.loads((GOLDEN / "report_no_leaks.json").read_text())
    report.update(leaks=[], stacks=[], frames=[], peak=[], hot_sites=[], large=[], errors=[], warnings=[])
    report["modules"] = [{"path": path, "build_id": "ab"} for path in modules]
    report["leak_check"] = {"done": True, "why_not": None}

    def add(stack):
        report["stacks"].append([])
        for name in [*stack, "main"]:
            report["stacks"][-1].append(len(report["frames"]))
            frame = {"module": name if isinstance(name, int) else 0, "offset": len(report["frames"])}
            report["frames"].append(frame if isinstance(name, int) else {**frame, "function": name, "file": "/src/x.c", "line": 3})
        return len(report["stacks"]) - 1
    for kind, stacks in (("definite", lost), ("reachable", used)):
        for stack in stacks:
            report["leaks"].append({"memory": "host", "kind": kind, "bytes": 10, "count": 1, "stack": add(stack)})
    return report


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-suppress-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def put(self, name, content):
        (self.folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
        return self.folder / name

    def text_for(self, *arguments):
        result = run_weir(["suppress", *map(str, arguments)], cwd=self.folder)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        return result.stdout.decode()

    def patterns(self, *arguments):
        return [line for line in self.text_for(*arguments).splitlines() if line and not line.startswith("#")]

    def patterns_of(self, *arguments, **named):
        """Of that report; they must leave nothing lost."""
        report = self.put("r.json", report_of(*arguments, **named))
        patterns = self.patterns(report)
        self.assert_nothing_is_left(patterns, report)
        return patterns

    def assert_nothing_is_left(self, patterns, *reports):
        known = self.put("known.supp", "\n".join(patterns))
        result = run_weir(["check", "--suppressions", known, "--max-definite", "0", "--max-indirect", "0", *reports])
        self.assertEqual(result.returncode, 0, result.stdout.decode() + result.stderr.decode())


class Choice(Case):
    def test_one_function_stands_for_the_places_that_go_through_it(self):
        self.assertEqual(self.patterns_of([["malloc", "a", "cache"], ["strdup", "b", "cache"], ["c", "d", "cache"], ["other"]]),
                         ["leak:^cache$", "leak:^other$"])

    def test_nothing_that_is_in_use_is_named_where_that_can_be(self):
        self.assertEqual(self.patterns_of([["a", "cache"], ["b", "cache"]], [["c", "cache"]]), ["leak:^a$", "leak:^b$"])

    def test_what_cannot_be_told_apart_has_a_word_of_warning(self):
        self.put("r.json", report_of([["a"]], [["b", "a"]]))
        text = self.text_for("r.json")
        self.assertIn("# a (x.c): 10 B in 1 block from 1 place\n# What is not lost goes through it too: a later leak there would not be told.\nleak:^a$\n", text)

    def test_main_is_the_last_resort(self):
        self.assertEqual(self.patterns_of([["malloc"]]), ["leak:^main$"])
        self.assertEqual(self.patterns_of([["a"], ["b"]]), ["leak:^a$", "leak:^b$"])

    def test_functions_far_from_the_allocation_name_too_much(self):
        far = ["d", "e", "f", "g", "run"]
        self.assertNotIn("leak:^run$", self.patterns_of([["a", *far], ["b", *far], ["c", *far]]))

    def test_parameters_and_return_types_do_not_bind(self):
        self.assertEqual(self.patterns_of([["void ns::fill<int>(int*)"], ["ns::grow(unsigned long) [clone .part.0]"]]),
                         ["leak:ns::fill<int>(", "leak:^ns::grow("])

    def test_modules_stand_for_stacks_without_names(self):
        modules = "/usr/local/bin/lossy", "/usr/lib/libodd.so.1.2", "/lib/libc.so.6"
        stripped = [[2, 1, 1], [1]]
        report = report_of(stripped, modules=modules)
        for frame in report["frames"]:
            frame.pop("function", None)
        patterns = self.patterns(self.put("r.json", report))
        self.assertEqual(patterns, ["leak:/libodd.so"])
        self.assert_nothing_is_left(patterns, self.folder / "r.json")

    def test_what_hangs_from_a_lost_block_needs_no_pattern_but_what_does_not_does(self):
        report = report_of([["a"], ["b"]])
        report["leaks"][1]["kind"] = "indirect"
        self.assertEqual(self.patterns(self.put("r.json", report)), ["leak:^a$", "leak:^b$"])
        report["leaks"][0].update(indirect_bytes=10, indirect_count=1)
        self.assertEqual(self.patterns(self.put("r.json", report)), ["leak:^a$"])
        self.assert_nothing_is_left(["leak:^a$"], self.folder / "r.json")

    def test_possibly_lost_on_demand(self):
        report = report_of([["a"]])
        report["leaks"][0]["kind"] = "possible"
        self.assertEqual((self.patterns(self.put("r.json", report)), self.patterns("--possible", "r.json")), ([], ["leak:^a$"]))

    def test_what_is_known_is_not_written_again(self):
        self.put("r.json", report_of([["a"], ["b"]]))
        self.assertEqual(self.patterns("--suppressions", self.put("known", "leak:^a$\n"), "r.json"), ["leak:^b$"])
        self.assertIn("# Nothing is lost that is not known already.\n", self.text_for(GOLDEN / "report_no_leaks.json"))

    def test_several_reports(self):
        self.put("a.json", report_of([["a", "both"]]))
        self.put("b.json", report_of([["b", "both"], ["a", "both"]]))
        self.assertEqual(self.patterns("a.json", "b.json"), ["leak:^both$"])
        self.assertIn("30 B in 3 blocks from 2 places", self.text_for("a.json", "b.json"))

    def test_hostile_names_stay_in_their_lines(self):
        patterns = self.patterns_of([["evil\nleak:*\x1b[2J", "x"], ["$^*", "y"], [" ", "z"]])
        self.assertEqual(len(patterns), 3)
        self.assertNotIn("leak:*", patterns)
        self.assertNotIn("\x1b", "".join(patterns))


class Output(Case):
    def test_a_file_is_replaced(self):
        self.put("r.json", report_of([["a"]]))
        self.put("known.supp", "old")
        result = run_weir(["suppress", "r.json", "-o", "known.supp"], cwd=self.folder)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"", b"weir: 1 pattern for 1 place in known.supp\n"))
        self.assertEqual(self.text_for("r.json"), (self.folder / "known.supp").read_text())

    def test_nothing_that_is_read_is_replaced(self):
        report, known = self.put("r.json", report_of([["a"]])), self.put("known.supp", "leak:^b$\n")
        before = [report.read_bytes(), known.read_bytes()]
        (self.folder / "link").symlink_to("r.json")
        for inputs in (["r.json", "--suppressions", "known.supp"], [".", "--suppressions", "known.supp"]):
            for output in ("r.json", str(report), "link", "known.supp"):
                result = run_weir(["suppress", *inputs, "-o", output], cwd=self.folder)
                self.assertEqual((result.returncode, result.stdout, result.stderr.decode()),
                                 (2, b"", f"weir: {output}: writing there would replace a file that is read; -o names another one\n"))
        self.assertEqual([report.read_bytes(), known.read_bytes()], before)

    def test_bad_reports(self):
        for text in ("", "{", "[]", '{"schema": "weir-report/9"}'):
            result = run_weir(["suppress", self.put("bad.json", text)])
            self.assertEqual((result.returncode, result.stdout, result.stderr.count(b"\n")), (2, b"", 1))


class Real(Case):
    def test_patterns_of_one_build_serve_another(self):
        reports = []
        for number, flags in enumerate((["-O0"], ["-O2", "-DMOVED"])):
            target = compile_c("suppress_places.c", self.folder / f"build{number}" / "program", *flags)
            result = run_under_weir([target])
            self.assertEqual(result.returncode, 0)
            reports.append(self.folder / f"{number}.json")
            reports[-1].write_bytes(result.report_texts[0])
        patterns = self.patterns(reports[0])
        self.assertEqual(patterns, ["leak:^fill_cache$", "leak:^lose_alone$"])
        self.assert_nothing_is_left(patterns, *reports)


if __name__ == "__main__":
    unittest.main()
