"""What the command says: one line for a wrong number that tells what is taken, and no name of a file brings a terminal's codes or another line."""

import os
import pathlib
import pty
import shutil
import subprocess
import tempfile
import unittest

from snapshots import Session
from weir_test import REPOSITORY, clean_environment, command, program, run_weir

GOLDEN = REPOSITORY / "tests" / "golden"
HOSTILE = "ev\x1b[31mil\nx\x7f\u009b2J"


def controls(text):
    """The control characters of what was said, but for the ends of its lines."""
    return [character for character in text.decode() if ord(character) < 32 and character != "\n" or 127 <= ord(character) < 160]


class Numbers(unittest.TestCase):
    def assert_refused(self, arguments, line):
        result = run_weir(arguments)
        self.assertEqual((result.returncode, result.stdout, result.stderr.decode()), (2, b"", f"weir: {line}\n"), arguments)

    def test_a_process(self):
        for value in ("abc", "-1", "0", "1e3", "99999999999", "0x10", "7 "):
            for arguments in (["top", value], ["snapshot", value], ["ctl", value, "stats"]):
                self.assert_refused(arguments, f"pid: expected a process id, found '{value}'")
            self.assert_refused(["export", "--watch", value], f"--watch: expected a process id, found '{value}'")

    def test_how_many(self):
        report = str(GOLDEN / "report_finished.json")
        for arguments, expected in ((["show", report, "--top"], "a whole number, at least 1"), (["run", "--top"], "a whole number, at least 1"),
                                    (["diff", report, report, "--limit"], "a whole number, at least 1"), (["top", "1", "--top"], "a whole number, 1 to 1000"),
                                    (["top", "1", "--count"], "a whole number"), (["export", "--watch", "1", "--count"], "a whole number"),
                                    (["check", report, "--expect"], "a whole number"), (["check", report, "--top"], "a whole number"),
                                    (["show", report, "--exit-code"], "a whole number, 1 to 255"), (["diff", report, report, "--exit-code"], "a whole number, 1 to 255")):
            name = "--limit" if "--limit" in arguments else arguments[-1]
            for value in ("abc", "-1", "1.5", "9" * 30, "nan"):
                result = run_weir([*arguments, value])
                self.assertEqual((result.returncode, result.stdout), (2, b""), arguments)
                self.assertRegex(result.stderr.decode(), rf"^weir: {name}(,--top)?: expected {expected}, found '{value}'\n$")

    def test_seconds(self):
        for arguments, least in ((["top", "1", "--interval"], "0.1"), (["export", "--watch", "1", "--interval"], "0.1"), (["top", "1", "--stacks"], "0"),
                                 (["snapshot", "1", "--wait"], "0"), (["ctl", "1", "stats", "--wait"], "0")):
            for value in ("nan", "inf", "-1", "86401", "abc", "1s"):
                self.assert_refused([*arguments, value], f"{arguments[-1]}: expected seconds, {least} to 86400, found '{value}'")


class Names(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-messages-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.report, self.bad = self.folder / f"{HOSTILE}.json", self.folder / f"bad{HOSTILE}.json"
        shutil.copy(GOLDEN / "report_finished.json", self.report)
        self.bad.write_text("{")

    def said(self, *arguments):
        result = run_weir([*map(str, arguments)], cwd=self.folder)
        for text in (result.stdout, result.stderr):
            self.assertEqual(controls(text), [], (arguments, text))
        return result

    def test_what_is_wrong_with_a_file_is_one_line(self):
        for name in (self.bad, self.folder / f"absent{HOSTILE}"):
            for arguments in (["show"], ["show", "--json"], ["html"], ["suppress"], ["symbolize"], ["export", "--format", "massif"], ["diff", self.report],
                              ["merge", "-o", "out"], ["check", "--suppressions"]):
                result = self.said(*arguments, name, *([self.report] if arguments[0] == "check" else []))
                self.assertNotEqual(result.returncode, 0)
                self.assertEqual(result.stderr.count(b"\n"), 1, result.stderr)
                self.assertIn(b"ev?[31mil?x??2J", result.stderr)

    def test_what_was_made_is_one_line(self):
        for arguments in (["show", self.report], ["check", self.report], ["html", self.report], ["export", "--format", "massif", self.report],
                          ["suppress", self.report, "-o", f"s{HOSTILE}"], ["symbolize", self.report], ["show", ".", "--top", HOSTILE], ["check", ".", f"--{HOSTILE}"],
                          ["merge", self.report, "-o", self.report], [HOSTILE], ["doctor", HOSTILE], ["check", self.report, "--junit", self.report]):
            result = self.said(*arguments)
            self.assertLessEqual(result.stderr.count(b"\n"), 1, result.stderr)

    def test_a_program_leaves_a_report_with_a_plain_name(self):
        target = self.folder / f"my{HOSTILE}"
        shutil.copy(program("example_leak"), target)
        self.report.unlink()
        self.bad.unlink()
        result = self.said("run", "--no-summary", "--", target)
        (report,) = self.folder.glob("*.json")
        self.assertRegex(report.name, r"^weir\.myev_\[31mil_x_.+\.\d+\.json$")
        self.assertEqual(result.stderr.decode(), f"weir: report: {report.name}\n".replace("\u009b", "?"))
        self.said("run", "--no-summary", "--report", f"in{HOSTILE}/%e.json", "--", target)
        self.said("run", "--", target)

    def test_a_snapshots_path_is_plain_on_a_terminal_and_itself_in_a_script(self):
        session = Session(self)
        path = self.folder / f"out{HOSTILE}.json"
        result = session.ask("-o", str(path))
        self.assertEqual((result.returncode, result.stdout), (0, f"{path}\n".encode()), result.stderr)
        leader, follower = pty.openpty()
        self.addCleanup(os.close, leader)
        subprocess.run([command(), "snapshot", str(session.pid), "--wait", "20", "-o", self.folder / f"b{HOSTILE}.json"], stdout=follower,
                       env=clean_environment(session.env), check=True, timeout=120)
        os.close(follower)
        self.assertEqual(os.read(leader, 65536).decode(), f"{self.folder}/bev?[31mil?x??2J.json\r\n")


class StandardOutput(unittest.TestCase):
    def on_a_full_disk(self, *arguments):
        with open("/dev/full", "wb") as full:
            return subprocess.run([command(), *arguments], stdout=full, stderr=subprocess.PIPE, env=clean_environment({}), timeout=120)

    def test_what_could_not_be_printed_is_no_success(self):
        report = GOLDEN / "report_finished.json"
        for arguments in (["show", report], ["show", "--json", report], ["diff", report, report], ["check", "--max-peak", "1TB", report], ["suppress", report],
                          ["html", report, "-o", "-"], ["merge", report, "-o", "-"], ["export", report, "--format", "collapsed", "-o", "-"],
                          ["options"], ["env"], ["completion", "bash"], ["--help"], ["--version"]):
            with self.subTest(arguments=arguments):
                result = self.on_a_full_disk(*arguments)
                self.assertEqual(result.returncode, 125)
                self.assertRegex(result.stderr.decode(), r"^weir: the standard output( could not be written)?(: No space left on device)?\n$")

    def test_a_verdict_of_red_stays_red(self):
        self.assertEqual(self.on_a_full_disk("check", "--max-bytes", "1B", GOLDEN / "report_finished.json").returncode, 1)

    def test_an_answer_for_another_program_has_no_verdict_in_it(self):
        for option in ("--junit", "--sarif"):
            result = run_weir(["check", option, "-", GOLDEN / "report_finished.json"])
            self.assertEqual((result.returncode, result.stdout), (2, b""))
            self.assertEqual(result.stderr.decode(), f"weir: {option} -: expected a file; the verdict is on the standard output\n")


if __name__ == "__main__":
    unittest.main()
