"""A report that takes seconds: each command that looks at it reads it once, and says on a terminal how far it is, and there alone."""

import os
import pathlib
import pty
import re
import subprocess
import tempfile
import threading
import unittest

import large_reports
from weir_test import clean_environment, command

SHOWN_FROM = 64 << 20  # a file of so many bytes has a progress bar
PROGRESS = r"\rweir: reading a report of (\d+) MB: (\d+) %"


class LargeReads(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="weir-large-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.report, cls.small = cls.folder / "large.json", cls.folder / "small.json"
        large_reports.write_report(cls.report, 73)
        large_reports.write_report(cls.small, 1, pid=4712)
        cls.bytes = cls.report.stat().st_size
        assert SHOWN_FROM < cls.bytes < 1.3 * SHOWN_FROM, cls.bytes

    def commands(self):
        """What is done to reports of how many bytes."""
        small, output = self.small.stat().st_size, self.folder / "output"
        found = [(["show", self.report], self.bytes), (["diff", self.small, self.report], self.bytes + small), (["check", self.report], self.bytes),
                 (["suppress", self.report], self.bytes), (["merge", self.report, self.small, "-o", output], self.bytes + small)]
        found += [(["export", "--format", name, self.report, "-o", output], self.bytes) for name in ("pprof", "massif")]
        return found + [(["html", self.report, "-o", output], self.bytes)] * self.has_html()

    def has_html(self):
        """Without the page's bundle there is no weir html."""
        small = subprocess.run([command(), "html", self.small, "-o", "/dev/null"], env=clean_environment(), capture_output=True)
        return small.returncode == 0

    def read_bytes(self, arguments):
        """What the command asks the kernel for by read() and the like, until its end."""
        process = subprocess.Popen([command(), *arguments], env=clean_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        read = int(re.search(r"rchar: (\d+)", pathlib.Path(f"/proc/{process.pid}/io").read_text())[1])
        said = process.communicate()[1]
        self.assertIn(process.returncode, (0, 1), said)
        self.assertNotIn(b"%", said)  # no terminal
        return read

    def test_each_report_is_read_once(self):
        for arguments, length in self.commands():
            with self.subTest(command=" ".join(map(str, arguments[:3]))):
                self.assertLess(self.read_bytes(arguments), 1.1 * length)

    def on_terminal(self, arguments):
        """What the command says on stderr, which is a terminal."""
        leader, follower = pty.openpty()
        said = []

        def listen():
            try:
                while part := os.read(leader, 65536):
                    said.append(part)
            except OSError:
                pass  # nobody has the other end any more
        listener = threading.Thread(target=listen)
        process = subprocess.Popen([command(), *arguments], env=clean_environment(), stdout=subprocess.DEVNULL, stderr=follower)
        os.close(follower)
        listener.start()
        self.assertIn(process.wait(timeout=120), (0, 1))
        listener.join()
        os.close(leader)
        return b"".join(said).decode()

    def test_a_terminal_sees_how_far_it_is(self):
        for arguments in (["show", self.report], ["diff", self.small, self.report],
                          ["merge", self.report, self.small, "-o", self.folder / "output"],
                          ["export", "--format", "collapsed", self.report, "-o", self.folder / "output"]):
            with self.subTest(command=arguments[0]):
                said = self.on_terminal(arguments)
                shown = re.findall(PROGRESS, said)
                percents = [int(percent) for _, percent in shown]
                self.assertEqual({int(size) for size, _ in shown}, {self.bytes // 10**6})
                self.assertEqual(percents, sorted(percents))
                self.assertGreater(len(set(percents)), 50)
                self.assertEqual(percents[-1], 100)
                rest = re.sub(PROGRESS, "", said)
                self.assertTrue(rest.startswith("\r\x1b[K"), rest)  # the line is taken away
                self.assertNotIn("%", rest)

    def test_a_small_report_has_none(self):
        self.assertEqual(self.on_terminal(["show", self.small]), "")


if __name__ == "__main__":
    unittest.main()
