"""Suppressions as the command applies them: to raw reports by what they name, to finished ones by what is asked for; and --exit-code."""

import collections
import json
import pathlib
import shutil
import tempfile
import unittest

from weir_test import REPOSITORY, compile_c, program, run_under_weir, run_weir

GOLDEN = REPOSITORY / "tests" / "golden" / "report_suppressed.json"


class WithFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-supp-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, name, text):
        (self.folder / name).write_text(text)
        return self.folder / name

    def weir(self, *arguments, env=None):
        return run_weir(arguments, cwd=self.folder, env=env)

    def shown(self, *arguments):
        result = self.weir("show", "--json", *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)


class Finished(WithFolder):
    """A written report that is finished: one of its two lost places is suppressed, and with it what hangs from it."""

    def marks(self, *arguments):
        return [leak.get("suppressed") for leak in self.shown(*arguments, GOLDEN)["leaks"]]

    def test_what_was_marked_stays_marked(self):
        self.assertEqual(self.marks(), ["leak:^load_plugins", None, None, None])

    def test_more_files_mark_more(self):
        first, second = self.file("first", "# none\nleak:main.cpp\n"), self.file("second", "leak:libodd\nleak:lose\n")
        self.assertEqual(self.marks("--suppressions", second), ["leak:^load_plugins", "leak:libodd", "leak:lose", None])
        self.assertEqual(self.marks("--suppressions", f"{second},{first}"), ["leak:^load_plugins", "leak:libodd", "leak:lose", None])
        self.assertEqual(self.marks("--suppressions", first), ["leak:^load_plugins", "leak:main.cpp", "leak:main.cpp", None])
        matched = self.shown("--suppressions", second, GOLDEN)["leak_check"]["suppressions"]
        self.assertEqual(matched[1:], [{"pattern": "leak:libodd", "source": str(second), "count": 4, "bytes": 2000},
                                       {"pattern": "leak:lose", "source": str(second), "count": 4, "bytes": 1500}])

    def test_exit_code(self):
        known = self.file("known", "leak:lose\n")
        self.assertEqual(self.weir("show", "--exit-code", "9", GOLDEN).returncode, 9)
        self.assertEqual(self.weir("show", "--json", "--exit-code", "9", GOLDEN).returncode, 9)
        self.assertEqual(self.weir("show", "--exit-code", "9", "--suppressions", known, GOLDEN).returncode, 0)
        self.assertEqual(self.weir("symbolize", "--exit-code", "9", GOLDEN).returncode, 9)
        self.assertEqual(self.weir("show", GOLDEN).returncode, 0)
        reports = GOLDEN.parent / "report_no_leaks.json", GOLDEN
        self.assertEqual(self.weir("show", "--exit-code", "9", *reports).returncode, 9)
        self.assertEqual(self.weir("show", "--exit-code", "9", reports[0]).returncode, 0)
        for wrong in ("0", "256", "many"):
            self.assertEqual(self.weir("show", "--exit-code", wrong, GOLDEN).returncode, 2)
            self.assertEqual(self.weir("run", "--exit-code", wrong, "--", "/bin/true").returncode, 2)

    def test_a_file_that_cannot_be_used_is_said_so(self):
        result = self.weir("show", "--suppressions", "absent", GOLDEN)
        self.assertEqual((result.returncode, result.stderr), (2, b"weir: absent: No such file or directory\n"))
        self.file("wrong", "leak:fine\nrace:fine\n")
        result = self.weir("show", "--suppressions", "wrong", GOLDEN)
        self.assertEqual((result.returncode, result.stderr), (2, b"weir: wrong:2: expected leak:PATTERN\n"))

    def test_the_summary_sums_up_what_is_suppressed(self):
        text = self.weir("show", GOLDEN).stdout.decode()
        self.assertIn("  Suppressed: 2.9 KiB in 3 blocks (leak:^load_plugins 2.9 KiB)\n", text)
        self.assertNotIn("2.9 KiB in 3 blocks\n", text)


class Reports(WithFolder):
    """Raw reports of a program's own."""

    def report_of(self, *arguments, name="report.json", **options):
        given = {"REPORT": self.folder / name, **options}
        result = run_under_weir([program("command_leaky"), *arguments], cwd=self.folder, weir_options=given)
        self.assertEqual(result.stderr, b"")
        return self.folder / name

    def suppressed(self, report):
        sums = collections.Counter()
        for leak in report["leaks"]:
            if "suppressed" in leak:
                sums[leak["suppressed"]] += leak["count"]
        return sums

    def test_what_the_report_names_is_applied_once(self):
        self.file("known.supp", "leak:command_leaky.cpp\n")
        raw = self.report_of(SUPPRESSIONS="known.supp")
        self.assertEqual(json.loads(raw.read_text())["leak_check"]["suppression_files"], [str(self.folder / "known.supp")])
        self.assertEqual(self.suppressed(self.shown(raw)), {"leak:command_leaky.cpp": 3})
        self.assertEqual(self.weir("symbolize", raw).returncode, 0)
        self.file("known.supp", "")
        self.assertEqual(self.suppressed(self.shown(raw)), {"leak:command_leaky.cpp": 3})

    def test_a_module_matches_without_symbols(self):
        stripped = self.folder / "stripped"
        shutil.copy(program("command_leaky"), stripped)
        self.file("known.supp", "leak:/stripped$\n")
        result = run_under_weir([stripped], weir_options={"REPORT": self.folder / "r.json", "SUPPRESSIONS": self.folder / "known.supp"})
        self.assertEqual(result.stderr, b"")
        stripped.unlink()  # and with it its symbols
        self.assertEqual(self.suppressed(self.shown("r.json")), {"leak:/stripped$": 3})

    def test_what_is_wrong_with_a_file_is_a_warning(self):
        self.file("odd.supp", "leak:\nleak:nothing\n")
        raw = self.report_of(SUPPRESSIONS="odd.supp,absent.supp")
        texts = [warning["text"] for warning in self.shown(raw)["warnings"]]
        self.assertIn(f"suppressions: {self.folder}/odd.supp:1: expected leak:PATTERN", texts)
        self.assertIn(f"suppressions: {self.folder}/absent.supp: No such file or directory", texts)

    def test_options_of_leak_sanitizer_name_files(self):
        self.file("known.supp", "leak:^main$\n")
        result = run_under_weir([program("command_leaky")], cwd=self.folder, env={"LSAN_OPTIONS": "exitcode=3:suppressions='known.supp'"},
                                weir_options={"REPORT": "r.json"})
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertEqual(self.suppressed(self.shown("r.json")), {"leak:^main$": 3})

    def test_what_the_program_brings_is_applied(self):
        self.file("more.supp", "leak:no such thing\nleak:lose_unknown\n")
        result = run_under_weir([program("lsan_defaults"), "known,strange"], cwd=self.folder, weir_options={"REPORT": "r.json"})
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        report = self.shown("r.json")
        self.assertEqual(report["leak_check"]["program_suppressions"], "# of the program itself\nleak:lose_known\n")
        self.assertEqual(self.suppressed(report), {"leak:lose_known": 3, "leak:lose_unknown": 3})
        self.assertEqual({entry["pattern"]: entry["source"] for entry in report["leak_check"]["suppressions"]},
                         {"leak:lose_known": "program", "leak:lose_unknown": str(self.folder / "more.supp")})

    def test_weir_run_applies_them(self):
        known = self.file("known.supp", "leak:leak_block\n")
        result = self.weir("run", "--suppressions", known, "--", program("command_leaky"))
        self.assertIn(b"  Suppressed: 2.9 KiB in 3 blocks (leak:leak_block 2.9 KiB)\n", result.stderr)

    def test_built_in_ones_name_what_interpreters_keep_and_not_what_they_run(self):
        module = compile_c("modules/leaky_extension.c", self.folder / "leaky.so", "-shared", "-fPIC")
        script = f"import json, ctypes; ctypes.CDLL('{module}').lose(7)"
        result = run_under_weir(["/usr/bin/python3", "-c", script], weir_options={"REPORT": self.folder / "r.json"})
        self.assertEqual(result.returncode, 0, result.stderr)
        report = self.shown("r.json")
        sources = {entry["source"] for entry in report["leak_check"]["suppressions"]}
        self.assertEqual(sources, {"built-in"})
        lost = [leak for leak in report["leaks"] if leak["count"] == 7 and leak["bytes"] == 7 * 4321]
        self.assertEqual([leak.get("suppressed") for leak in lost], [None])


if __name__ == "__main__":
    unittest.main()
