"""weir top and weir export --watch: a running program's figures, from outside."""

import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import tempfile
import time
import unittest

from snapshots import Session
from weir_test import REPOSITORY, clean_environment, command, program, run_weir

try:
    from prometheus_client.parser import text_string_to_metric_families as parse_prometheus
except ImportError:
    parse_prometheus = None

ROW = r"(?m)^  host +(\S+ \S+) +(\S+ \S+) +([\d,]+) +([\d,]+) +([\d,]+) "


def number(text):
    return int(text.replace(",", ""))


class Watched(unittest.TestCase):
    def begin(self, *lines, busy=False):
        session = Session(self)
        session.tell("old", "first", *lines)
        if busy:
            session.send("busy")
        temporary = tempfile.TemporaryDirectory(prefix="weir-top-test-")
        self.addCleanup(temporary.cleanup)
        self.temporary = pathlib.Path(temporary.name)
        return session

    def environment(self, session):
        return {**session.env, "TMPDIR": str(self.temporary)}

    def run_on(self, session, *arguments):
        result = run_weir([*arguments], env=self.environment(session))
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertEqual(list(self.temporary.iterdir()), [])
        self.assertEqual(session.files(), [])
        return result.stdout.decode()

    def until_it_ends(self, session, *arguments):
        watching = subprocess.Popen([command(), *arguments], env=clean_environment(self.environment(session)), stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
        watching.stdout.readline()
        session.process.stdin.close()
        session.process.wait()
        err = watching.communicate(timeout=30)[1]
        self.assertEqual((watching.returncode, err), (0, f"weir: process {session.pid} (command_snapsho) has ended\n"))
        self.assertEqual(list(self.temporary.iterdir()), [])


class Top(Watched):
    def top(self, session, *arguments):
        return self.run_on(session, "top", str(session.pid), "--color", "never", *arguments)

    def test_a_busy_program(self):
        session = self.begin(busy=True)
        frames = self.top(session, "--interval", "0.3", "--count", "4", "--stacks", "0.3").split(f"process {session.pid}")[1:]
        self.assertEqual(len(frames), 4)
        rates = [number(re.search(ROW, frame)[4]) for frame in frames]
        self.assertEqual(rates[0], 0)
        for rate in rates[1:]:
            self.assertGreater(rate, 100_000)
        for frame in frames:
            self.assertIn("640 B in 20 blocks", frame)
            self.assertRegex(frame, r"(?m)^    .*lose_first .*< main")
            self.assertRegex(frame, r"(?m)^  resident \S+ MiB")
            self.assertNotIn("asleep", frame)
        self.assertEqual([frame.count("\u2588") >= 1 for frame in frames], [True] * 4)
        session.send("")
        session.expect("done busy")
        self.assertEqual(session.end()[0], 0)

    def test_a_sleeping_program_is_woken(self):
        session = self.begin("keep")
        frame = self.top(session, "--count", "1")
        self.assertNotIn("asleep", frame)
        self.assertEqual(number(re.search(ROW, frame)[3]), 25)
        session.tell("second")
        session.process.stdin.close()
        self.assertEqual(session.process.wait(), 0)

    def test_what_grows_is_told(self):
        session = self.begin()
        watching = subprocess.Popen([command(), "top", str(session.pid), "--color", "never", "--interval", "0.2", "--stacks", "0.2"], text=True,
                                    env=clean_environment(self.environment(session)), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(lambda: [stream.close() for stream in (watching.stdout, watching.stderr)])
        for line in watching.stdout:
            if "lose" in line:
                break
        session.tell("first")
        deadline = time.monotonic() + 30
        for line in watching.stdout:
            if "in 40 blocks" in line:
                self.assertIn("+640 B", line)
                break
            self.assertLess(time.monotonic(), deadline)
        watching.send_signal(signal.SIGINT)
        self.assertEqual(watching.wait(timeout=30), 0)
        self.assertEqual(watching.stderr.read(), "")
        self.assertEqual(list(self.temporary.iterdir()), [])

    def test_it_ends_with_the_program(self):
        session = self.begin()
        self.until_it_ends(session, "top", str(session.pid), "--interval", "0.2")

    def test_what_reads_the_same_is_one_row(self):
        session = Session(self, [program("top_depths")])
        session.expect("ready")
        self.temporary = session.folder / "temporary"
        self.temporary.mkdir()
        result = run_weir(["top", str(session.pid), "--count", "1", "--color", "never", "--top", "3"], env=self.environment(session))
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        text = result.stdout.decode()
        self.assertEqual(text.count("keep_below ("), 1, text)
        self.assertRegex(text, r"(?m)^  8\.0 MiB in 8 blocks\n    keep_below \(.*top_depths\.c:14\) < keep_below < keep_below < keep_below$")

    def test_without_stacks_nothing_is_written(self):
        self.assertNotIn("What holds most", self.top(self.begin(), "--count", "1", "--stacks", "0"))

    def test_a_terminal_gets_its_screen_back(self):
        session = self.begin()
        leader, follower = pty.openpty()
        self.addCleanup(os.close, leader)
        watching = subprocess.Popen([command(), "top", str(session.pid), "--interval", "0.1"], stdout=follower, stderr=subprocess.PIPE,
                                    env=clean_environment({**self.environment(session), "TERM": "xterm"}))
        os.close(follower)
        self.addCleanup(watching.stderr.close)
        seen, asked = b"", False
        while True:
            if not select.select([leader], [], [], 30)[0]:
                self.fail(seen)
            try:
                seen += os.read(leader, 65536)
            except OSError:
                break
            if not asked and seen.count(b"\x1b[J") >= 3:
                watching.send_signal(signal.SIGINT)
                asked = True
        self.assertEqual((watching.wait(timeout=30), watching.stderr.read()), (0, b""))
        self.assertTrue(seen.startswith(b"\x1b[?1049h\x1b[?25l"))
        self.assertTrue(seen.endswith(b"\x1b[?25h\x1b[?1049l"))
        self.assertIn(b"What holds most", seen)

    def test_what_cannot_be_watched(self):
        result = run_weir(["top", "4194300"])
        self.assertEqual((result.returncode, result.stdout, result.stderr), (1, b"", b"weir: there is no process 4194300\n"))
        for arguments in (["0"], ["x"], [str(os.getpid()), "--interval", "0"], [str(os.getpid()), "--top", "0"]):
            result = run_weir(["top", *arguments])
            self.assertEqual((result.returncode, result.stdout, result.stderr.count(b"\n")), (2, b"", 1))
        result = run_weir(["top", str(os.getpid())])
        self.assertEqual((result.returncode, result.stdout), (1, b""))
        self.assertIn(b"does not run under Weir", result.stderr)


class Prometheus(Watched):
    def samples(self, text):
        if parse_prometheus is not None:
            return {(sample.name, sample.labels.get("pool")): sample.value
                    for family in parse_prometheus(text) for sample in family.samples}
        found = re.findall(r'(?m)^(weir_\w+)\{pid="\d+",program="\w+"(?:,pool="([^"]+)")?\} (\S+)$', text)
        return {(name, pool or None): float(value) for name, pool, value in found}

    def test_figures_and_their_form(self):
        session = self.begin("keep")
        text = self.run_on(session, "export", "--watch", str(session.pid), "--count", "1")
        samples = self.samples(text)
        self.assertEqual(samples["weir_live_blocks", "host"], 25)
        self.assertEqual(samples["weir_allocations_total", "host"] - samples["weir_frees_total", "host"], 25)
        self.assertGreater(samples["weir_resident_bytes", None], 1 << 20)
        self.assertEqual(len(samples), len([line for line in text.splitlines() if not line.startswith("#")]))
        for name in {name for name, pool in samples}:
            self.assertEqual(text.count(f"# TYPE {name} "), 1)

    def test_a_file_is_replaced_whole_and_is_the_users_own(self):
        session = self.begin(busy=True)
        target = pathlib.Path(session.runtime) / "weir.prom"
        watching = subprocess.Popen([command(), "export", "--format", "prometheus", "--watch", str(session.pid), "--interval", "0.1", "-o",
                                     target], env=clean_environment(self.environment(session)), stderr=subprocess.PIPE)
        self.addCleanup(watching.stderr.close)
        counts, deadline = [], time.monotonic() + 30
        while len(set(counts)) < 4 and time.monotonic() < deadline:
            if target.exists():
                counts.append(self.samples(target.read_text())["weir_allocations_total", "host"])
                self.assertEqual(target.stat().st_mode & 0o777, 0o600)
        self.assertEqual(len(set(counts)), 4)
        self.assertEqual(counts, sorted(counts))
        watching.send_signal(signal.SIGTERM)
        self.assertEqual((watching.wait(timeout=30), watching.stderr.read()), (0, b""))
        self.assertEqual([path.name for path in target.parent.iterdir() if "prom" in path.name], ["weir.prom"])

    def test_the_documented_way_to_a_collector_with_a_user_of_its_own(self):
        """The file may be read by everybody, and is gone with the program."""
        (script,) = re.findall(r"```sh\n(while weir export --watch.*?)```", (REPOSITORY / "docs" / "exports.md").read_text(), re.DOTALL)
        session = self.begin(busy=True)
        folder = pathlib.Path(session.runtime) / "collected"
        folder.mkdir()
        environment = clean_environment({**self.environment(session), "PID": session.pid, "PATH": f"{command().parent}:{os.environ['PATH']}"})
        collecting = subprocess.Popen(["sh", "-c", script.replace("sleep 15", "sleep 0.1")], cwd=folder, env=environment, stderr=subprocess.PIPE)
        self.addCleanup(collecting.stderr.close)
        target, deadline = folder / "weir.prom", time.monotonic() + 30
        while not target.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(target.stat().st_mode & 0o777, 0o644)
        self.assertIn(("weir_live_blocks", "host"), self.samples(target.read_text()))
        session.process.kill()
        session.process.wait()
        self.assertEqual(collecting.wait(timeout=30), 0)
        self.assertEqual(list(folder.iterdir()), [])

    def test_it_ends_with_the_program(self):
        session = self.begin()
        self.until_it_ends(session, "export", "--watch", str(session.pid), "--interval", "0.2")

    def test_what_does_not_go_together(self):
        for arguments, wanted in ((["--watch", "1", "r.json"], "--watch: expected no report beside it"),
                                  (["--watch", "1", "--format", "pprof"], "expected --format prometheus, found pprof"),
                                  (["--format", "prometheus", "r.json"], "expected --watch PID"),
                                  (["r.json"], "export: expected --format, or --watch PID"),
                                  ([], "export: expected a report, or --watch PID")):
            result = run_weir(["export", *arguments])
            self.assertEqual((result.returncode, result.stdout, result.stderr.count(b"\n")), (2, b"", 1), arguments)
            self.assertIn(wanted, result.stderr.decode())


if __name__ == "__main__":
    unittest.main()
