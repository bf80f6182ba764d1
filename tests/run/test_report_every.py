"""WEIR_REPORT_EVERY: a process that goes on leaves a report, each in the place of the one before, so that SIGKILL loses the latest time only."""

import json
import os
import signal
import time
import unittest

from snapshots import Session, classes
from weir_test import run_under_weir, run_weir, symbolise

LOST = {"definite": 10, "indirect": 10}
PATIENCE_S = 60


def report_in(session, name="out.json"):
    return symbolise(session.folder / name)


class Every(unittest.TestCase):
    def wait_for(self, session, what, name="out.json"):
        """Until a report of this name says so: it is another one each time."""
        path, deadline = session.folder / name, time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if path.exists() and what(json.loads(path.read_text())):
                return report_in(session, name)
            time.sleep(0.02)
        raise AssertionError(f"not within {PATIENCE_S} s: {session.files()}")

    def begin_busy(self, **options):
        session = Session(self, REPORT_EVERY="100ms", **options)
        session.tell("old", "first")
        session.send("busy")
        return session

    def test_what_is_killed_leaves_its_last_report(self):
        session = self.begin_busy()
        first = self.wait_for(session, lambda report: True)
        self.assertGreaterEqual(first["process"]["duration_ns"], 100_000_000)
        later = first["process"]["duration_ns"] + 100_000_000
        self.wait_for(session, lambda report: report["process"]["duration_ns"] >= later)
        os.kill(session.pid, signal.SIGKILL)
        session.process.wait()
        self.assertEqual([name for name in session.files() if not name.startswith(".weir.")], ["out.json"])
        report = report_in(session)
        self.assertEqual(report["process"]["end"], "snapshot")
        self.assertTrue(report["leak_check"]["done"])
        self.assertEqual(classes(report, "lose_first", "lose_second"), {"lose_first": LOST, "lose_second": {}})
        shown = run_weir(["show", session.folder / "out.json"])
        self.assertEqual(shown.returncode, 0)
        self.assertIn(b"still running", shown.stdout)

    def test_the_end_takes_the_place_of_the_last_one(self):
        for options in ({}, {"VERBOSE": "on"}):
            with self.subTest(**options):
                session = self.begin_busy(**options)
                self.wait_for(session, lambda report: True)
                session.send("")
                session.expect("done busy")
                status, stderr, report = session.end()
                self.assertEqual((status, report["process"]["end"]), (0, "exit"))
                self.assertEqual(stderr.count("\n"), len(options), stderr)
                self.assertEqual(session.files(), ["out.json"])

    def test_what_is_there_already_is_not_replaced(self):
        session = Session(self, REPORT_EVERY="100ms")
        (session.folder / "out.json").write_text("mine")
        session.tell("old", "first")
        session.send("busy")
        self.wait_for(session, lambda report: report["process"]["duration_ns"] > 400_000_000, "out.1.json")
        session.send("")
        session.expect("done busy")
        session.process.stdin.close()
        self.assertEqual(session.process.wait(), 0)
        self.assertEqual(session.files(), ["out.1.json", "out.json"])
        self.assertEqual((session.folder / "out.json").read_text(), "mine")
        self.assertEqual(report_in(session, "out.1.json")["process"]["end"], "exit")

    def test_where_none_is_wanted_in_the_end_none_is_left(self):
        work = "import time\nend = time.monotonic() + 1\nwhile time.monotonic() < end: kept = [bytes(600) for i in range(1000)]\n"
        for options, count in (({"REPORT_IF": "always"}, 1), ({"EXCLUDE": "python3*"}, 0)):
            result = run_under_weir(["/usr/bin/python3", "-I", "-S", "-c", work], weir_options={"REPORT_EVERY": "100ms", **options})
            self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"", b""))
            self.assertEqual(len(result.reports), count)

    def test_a_forked_child_has_its_own(self):
        work = ("import os, time\npid = os.fork()\nkept = []\nend = time.monotonic() + 1.5\n"
                "while time.monotonic() < end: kept = [bytes(600) for i in range(1000)]\n"
                "os.kill(os.getpid(), 9) if pid == 0 else os.waitpid(pid, 0)\n")
        result = run_under_weir(["/usr/bin/python3", "-I", "-S", "-c", work], weir_options={"REPORT_EVERY": "100ms"})
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"", b""))
        self.assertEqual(sorted(report["process"]["end"] for report in result.reports), ["exit", "snapshot"])

    def test_off_there_is_one_at_the_end_alone(self):
        session = Session(self)
        session.tell("old", "first")
        session.send("busy")
        time.sleep(0.5)
        self.assertEqual(session.files(), [])


if __name__ == "__main__":
    unittest.main()
