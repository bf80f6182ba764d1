"""WEIR_EXITCODE, and suppressions that reach the process's end: the exit status where blocks are lost, and everything else as it was."""

import os
import pathlib
import tempfile
import unittest

from weir_test import program, run_alone, run_under_weir, run_weir

PROGRAM = program("lsan_defaults")
PLAIN = b"on stdout, at exit, "


class ExitCode(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        probe = run_under_weir([PROGRAM, "strange"])
        if not probe.report["leak_check"].get("done"):
            raise unittest.SkipTest("blocks are not classified")

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-exit-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_program(self, *arguments, env=None, report=True, **options):
        result = run_under_weir([PROGRAM, *arguments], env=env, cwd=self.folder, report=report,
                                weir_options={"EXITCODE": 23, **options})
        self.assertEqual(result.other_files, [])
        return result

    def check(self, result, status, stdout=PLAIN):
        self.assertEqual((result.returncode, result.stdout), (status, stdout), result.stderr)
        if status == 23:
            self.assertRegex(result.stderr, rb"^(\d )?weir: blocks were lost: exit status 23(; see .*)?\n$")
        else:
            self.assertRegex(result.stderr, rb"^(\d )?$")

    def test_without_leaks_the_status_is_the_programs(self):
        self.check(self.run_program(), 0)
        self.check(self.run_program("fail"), 4)

    def test_leaks_change_the_status_and_nothing_else(self):
        result = self.run_program("strange")
        self.check(result, 23)
        self.assertEqual(result.report["process"]["exit_status"], 0)
        self.assertEqual(result.report["process"]["end"], "exit")
        self.check(self.run_program("strange,fail"), 23)

    def test_every_end_with_a_status(self):
        # What _exit and quick_exit do not flush is lost with Weir and without.
        for how in ("_exit", "quick"):
            alone = run_alone([PROGRAM, how])
            self.check(self.run_program(how), alone.returncode, alone.stdout)
            self.check(self.run_program("strange," + how), 23, alone.stdout)

    def test_suppressed_leaks_do_not_count(self):
        result = self.run_program("known")
        self.check(result, 0)
        self.assertEqual(result.report["leak_check"]["suppressions"][0]["pattern"], "leak:lose_known")
        self.assertEqual(result.report["leak_check"]["suppressions"][0]["source"], "program")
        self.check(self.run_program("known,strange"), 23)

    def test_files_of_suppressions_are_found_from_where_the_program_began(self):
        (self.folder / "my.supp").write_text("leak:lose_unknown\n")
        self.check(self.run_program("strange", SUPPRESSIONS="my.supp"), 0)
        self.check(self.run_program("strange", SUPPRESSIONS="absent.supp"), 23)
        self.check(self.run_program("strange", env={"LSAN_OPTIONS": "exitcode=9:suppressions=my.supp"}), 0)
        (self.folder / "more.supp").write_text("leak:lsan_defaults.cpp\n")  # __lsan_default_options names it
        self.check(self.run_program("strange"), 0)

    def test_without_a_report_the_status_is_the_same(self):
        before = set(os.listdir("/tmp"))
        self.check(self.run_program("strange", report=False), 23)
        self.check(self.run_program("known", report=False), 0)
        self.assertEqual({name for name in set(os.listdir("/tmp")) - before if name.startswith("weir-check.")}, set())

    def test_a_program_that_turns_leak_checks_off_is_not_judged(self):
        self.check(self.run_program("strange", env={"TURNED_OFF": "1"}), 0)
        self.check(self.run_program("strange", env={"LSAN_OPTIONS": "detect_leaks=0"}), 0)

    def test_off_by_default(self):
        result = run_under_weir([PROGRAM, "strange"])
        self.assertEqual((result.returncode, result.stderr), (0, b""))

    def test_input_is_left_where_an_exit_leaves_it(self):
        text = self.folder / "input"
        text.write_text("one\ntwo\n")
        script = f"({PROGRAM} strange; cat) < {text}"
        self.assertIn(b"one\ntwo\n", run_under_weir(["/bin/sh", "-c", script], cwd=self.folder,
                                                     weir_options={"EXITCODE": 23, "ONLY": "lsan_defaults"}).stdout)

    def test_a_forked_child_is_judged_by_its_own_blocks(self):
        for what, child, status in (("child", 0, 0), ("child,losing", 23, 0), ("strange,child", 0, 23)):
            with self.subTest(what):
                result = self.run_program(what)
                self.assertEqual((result.returncode, result.stdout), (status, PLAIN), result.stderr)
                self.assertIn(b"child %d\n" % child, result.stderr)
                self.assertEqual(result.stderr.count(b"exit status 23"), [child, status].count(23))
                self.assertEqual(len(result.reports), 2)

    def test_recoverable_check(self):
        for what, answer in (("known", b"0 "), ("strange", b"1 "), ("", b"0 ")):
            result = run_under_weir([PROGRAM, what + ",recoverable"], cwd=self.folder)
            self.assertEqual((result.returncode, result.stderr, result.stdout), (0, answer, PLAIN), what)
            self.assertEqual(len(result.reports), 1)

    def test_one_check_of_the_programs_own(self):
        result = self.run_program("strange,once")
        self.check(result, 23)
        self.assertEqual(result.report["process"]["end"], "leak check")
        self.check(self.run_program("once,late"), 0)  # what is lost later is not judged
        self.check(self.run_program("known,once"), 0)
        result = run_under_weir([PROGRAM, "strange,once"])
        self.assertEqual((result.returncode, result.stderr), (0, b""))

    def test_weir_run(self):
        result = run_weir(["run", "--exit-code", "7", "--no-summary", "--", PROGRAM, "strange"], cwd=self.folder)
        self.assertEqual((result.returncode, result.stdout), (7, PLAIN), result.stderr)
        result = run_weir(["run", "--exit-code", "7", "--no-summary", "--", PROGRAM, "known,fail"], cwd=self.folder)
        self.assertEqual(result.returncode, 4)
        result = run_weir(["run", "--no-summary", "--", PROGRAM, "strange"], cwd=self.folder, env={"WEIR_EXITCODE": "8"})
        self.assertEqual(result.returncode, 8)
        (self.folder / "my.supp").write_text("leak:lose_unknown\n")
        result = run_weir(["run", "--exit-code", "7", "--suppressions", "my.supp", "--no-summary", "--", PROGRAM, "strange"],
                          cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)


if __name__ == "__main__":
    unittest.main()
