"""weir snapshot, weir_snapshot() and WEIR_SNAPSHOT_SIGNAL: reports of a process that lives on, which notices nothing of it."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

from snapshots import LOST, Session, classes, said
from weir_test import clean_environment, command, program, run_alone, run_under_weir, run_weir, symbolise

NOBODY = 65534
LONGEST_STOP_NS = 5_000_000  # of a small process, where it gets a processor


class Classes(unittest.TestCase):
    def check(self, report, **wanted):
        self.assertEqual(report["process"]["end"], "snapshot")
        self.assertNotIn("exit_status", report["process"])
        check = report["leak_check"]
        self.assertTrue(check["done"], check["why_not"])
        self.assertEqual((check["in_doubt"], check["unknown_thread_count"]), (None, 0))
        self.assertEqual(classes(report, *wanted), wanted)

    def test_show_does_not_call_it_the_end(self):
        session = Session(self)
        session.tell("old", "first", "keep")
        session.snapshot()
        text = run_weir(["show", str(session.folder / "out.snapshot-1.json")]).stdout.decode()
        self.assertIn("still running", text)
        self.assertIn("\n  at snapshot ", text)
        self.assertNotIn("at exit", text)

    def test_each_snapshot_tells_what_is_lost_by_then(self):
        for options in ({}, {"GUARD": "on"}, {"DEBUG": "on"}):
            with self.subTest(**options):
                session = Session(self, **options)
                session.tell("old", "first", "keep")
                self.check(session.snapshot(), lose_first=LOST, lose_second={}, keep_some={"reachable": 5})
                session.tell("second", "drop")
                self.check(session.snapshot(), lose_first=LOST, lose_second=LOST, keep_some={"definite": 5})
                self.assertEqual(session.files(), ["out.snapshot-1.json", "out.snapshot-2.json"])
                status, stderr, report = session.end()
                self.assertEqual((status, stderr, report["process"]["end"]), (0, "", "exit"))
                self.assertEqual(session.files(), ["out.json", "out.snapshot-1.json", "out.snapshot-2.json"])
                self.assertEqual(list(session.runtime.iterdir()), [])

    def test_a_program_that_allocates_all_the_time(self):
        session = Session(self)
        session.tell("old", "first")
        session.send("busy")
        stops = []
        for _ in range(5):
            report = session.snapshot()
            self.check(report, lose_first=LOST)
            stops.append(report["leak_check"]["stopped_ns"])
        self.assertLess(min(stops), LONGEST_STOP_NS)
        session.send("")
        session.expect("done busy")

    def test_the_report_at_the_end_is_what_it_is_without_snapshots(self):
        def run(snapshots):
            session = Session(self)
            session.tell("old", "first", "keep")
            for _ in range(snapshots):
                session.snapshot()
            session.tell("second", "drop")
            report = session.end()[2]
            path = session.folder / "out.json"
            run_weir(["symbolize", path])
            return report, classes(json.loads(path.read_text()), "lose_first", "lose_second", "keep_some")
        (plain, of_plain), (after, of_after) = run(0), run(3)
        self.assertEqual(of_plain, {"lose_first": LOST, "lose_second": LOST, "keep_some": {"definite": 5}})
        self.assertEqual(of_after, of_plain)
        for key in ("alloc_count", "free_count", "live_count", "live_bytes", "peak_bytes"):
            self.assertEqual(after["host"]["totals"][key], plain["host"]["totals"][key], key)
        self.assertEqual(after["host"]["totals"]["nested_count"], plain["host"]["totals"]["nested_count"])

    def test_a_place_of_the_askers(self):
        session = Session(self)
        session.tell("old", "first")
        place = session.folder / "mine.json"
        result = session.ask("-o", str(place))
        self.assertEqual((result.returncode, result.stdout.decode()), (0, f"{place}\n"), said(result))
        self.assertEqual(session.ask("-o", str(place)).stdout.decode(), f"{session.folder}/mine.1.json\n")
        self.assertEqual(os.stat(place).st_mode & 0o777, 0o600)
        relative = subprocess.run([command(), "snapshot", str(session.pid), "-o", "here.json"], cwd=session.folder, capture_output=True,
                                  env=clean_environment(session.env), timeout=60)
        self.assertEqual(relative.stdout.decode(), f"{session.folder}/here.json\n")
        refused = session.ask("-o", "/proc/no/such/place.json")
        self.assertEqual((refused.returncode, refused.stdout), (1, b""))
        self.assertIn("cannot write /proc/no/such/place.json: No such file", said(refused))
        self.assertEqual(session.end()[:2], (0, ""))

    def test_where_no_report_is_wanted(self):
        session = Session(self, REPORT="off")
        session.tell("old", "first")
        path = session.folder / "only.json"
        self.check(session.snapshot("-o", str(path)), lose_first=LOST)
        session.process.stdin.close()
        self.assertEqual(session.process.wait(timeout=60), 0)
        self.assertEqual(session.files(), ["only.json"])

    def test_the_threads_of_a_program_that_never_rests(self):
        """Twenty snapshots while eight threads allocate, move and free blocks that only other blocks hold."""
        session = Session(self, argv=[program("snapshot_threads")])
        session.expect("running")
        for _ in range(20):
            report = session.snapshot()
            self.assertEqual((report["leak_check"]["done"], report["leak_check"]["in_doubt"]), (True, None))
            self.assertEqual(report["leak_check"]["thread_count"], 9)
            kinds = report["leak_check"]["kinds"]
            self.assertEqual((kinds["definite"]["count"], kinds["indirect"]["count"]), (7, 0), classes(report, "build", "lose"))
        session.process.stdin.close()
        self.assertEqual(session.process.wait(timeout=60), 0)
        self.assertEqual(session.process.stdout.read(), "all blocks were right\n")

    def test_what_the_stack_of_a_small_thread_has_room_for(self):
        session = Session(self, argv=[program("snapshot_threads"), "small"])
        session.expect("running")
        for _ in range(3):
            self.assertEqual(session.snapshot()["leak_check"]["in_doubt"], None)
        session.process.stdin.close()
        self.assertEqual((session.process.wait(timeout=60), session.process.stdout.read()), (0, "all blocks were right\n"))


class Family(unittest.TestCase):
    def test_a_forked_child_has_snapshots_of_its_own(self):
        session = Session(self)
        session.tell("old", "first")
        session.send("fork")
        child = int(session.process.stdout.readline().split()[1])
        session.expect("child ready")
        of_child = session.snapshot(pid=child)
        self.assertEqual(of_child["process"]["pid"], child)
        self.assertEqual(classes(of_child, "lose_first", "lose_second"), {"lose_first": {}, "lose_second": LOST})
        self.assertEqual(classes(session.snapshot(), "lose_first", "lose_second"), {"lose_first": LOST, "lose_second": {}})
        self.assertEqual(session.files(), [f"out.{child}.snapshot-1.json", "out.snapshot-1.json"])
        session.send("")
        session.expect("status 0")
        session.expect("done fork")

    def test_a_process_that_ends_meanwhile_leaves_whole_reports(self):
        for _ in range(5):
            session = Session(self, argv=[program("snapshot_ends")])
            session.expect("running")
            asker = subprocess.Popen([command(), "snapshot", str(session.pid)], env=clean_environment(session.env), stderr=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)
            while asker.poll() is None and not any(name.startswith(".weir") for name in session.files()):
                pass
            session.process.stdin.close()
            self.assertEqual(session.process.wait(timeout=60), 0)
            out, err = asker.communicate(timeout=60)
            self.assertEqual([name for name in session.files() if name.endswith(".tmp")], [])
            self.assertIn("out.json", session.files())
            if asker.returncode == 0:
                self.assertIn(pathlib.Path(out.strip()).name, session.files())
            else:
                self.assertRegex(err, r"^weir: process \d+.* (has ended|is ending|can no longer be asked)|^weir: there is no process")

    def test_two_askers(self):
        session = Session(self)
        session.tell("old", "first")
        askers = [subprocess.Popen([command(), "snapshot", str(session.pid), "--wait", "20"], env=clean_environment(session.env),
                                   stdout=subprocess.PIPE, text=True) for _ in range(2)]
        paths = {asker.communicate(timeout=60)[0].strip() for asker in askers}
        self.assertEqual([asker.returncode for asker in askers], [0, 0])
        self.assertEqual(len(paths), 2)
        self.assertEqual(sorted(pathlib.Path(path).name for path in paths), ["out.snapshot-1.json", "out.snapshot-2.json"])

    def test_a_run_of_weir_run(self):
        session = Session(self)
        session.close()
        folder = session.folder
        process = subprocess.Popen([command(), "run", "--", program("command_snapshot")], cwd=folder, stdin=subprocess.PIPE, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(session.env))
        self.addCleanup(lambda: [stream.close() for stream in (process.stdin, process.stdout, process.stderr)])
        process.stdout.readline()
        process.stdin.write("old\nfirst\n")
        process.stdin.flush()
        process.stdout.readline(), process.stdout.readline()
        child = int(pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
        result = session.ask(pid=child)
        self.assertEqual(result.returncode, 0, said(result))
        process.stdin.close()
        self.assertEqual(process.wait(timeout=60), 0)
        self.assertIn("Lost: 400 B in 10 blocks from 1 place", process.stderr.read())
        reports = [path.name for path in folder.glob("weir.command_snapshot*/*.json")]
        self.assertEqual(sorted(reports), [f"command_snapshot.{child}.json", f"command_snapshot.{child}.snapshot-1.json"])


class Refused(unittest.TestCase):
    """One clear line for each process that cannot be asked."""

    def refused(self, pid, pattern, **others):
        result = run_weir(["snapshot", str(pid), "--wait", "0.2"], **others)
        self.assertEqual((result.returncode, result.stdout), (1, b""), result)
        self.assertEqual(len(said(result).splitlines()), 1)
        self.assertRegex(said(result), pattern)

    def test_others(self):
        self.refused(os.getpid(), rf"^weir: process {os.getpid()} does not run under Weir$")
        ended = subprocess.Popen(["true"])
        ended.wait()
        self.refused(ended.pid, rf"^weir: there is no process {ended.pid}$")
        for words, said_of in ((["snapshot"], "pid is required"), (["snapshot", "x"], "pid"), (["snapshot", "-3"], "-3"), (["snapshot", "0"], "pid")):
            result = run_weir(words)
            self.assertEqual((result.returncode, len(said(result).splitlines())), (2, 1), words)
            self.assertIn(said_of, said(result))

    def test_under_weir_without_a_page(self):
        session = Session(self, CTL="off")
        session.tell("old")
        self.refused(session.pid, r"cannot be asked: .* it runs under WEIR_CTL=off, or the program uses them all$", env=session.env)
        self.assertEqual(list(session.runtime.iterdir()), [])

    @unittest.skipUnless(os.geteuid() == 0, "only the superuser can be another user")
    def test_another_users(self):
        session = Session(self)
        session.tell("old")
        result = subprocess.run([command(), "snapshot", str(session.pid)], capture_output=True, text=True, user=NOBODY, group=NOBODY,
                                env=clean_environment(session.env), cwd="/")
        self.assertEqual((result.returncode, result.stderr), (1, f"weir: process {session.pid} belongs to another user\n"))


class ByCall(unittest.TestCase):
    def test_weir_snapshot(self):
        alone = run_alone([program("interface_snapshot")])
        self.assertEqual((alone.returncode, alone.stdout), (0, b"-1 -1 -1 -1 errno 42\n"))
        with tempfile.TemporaryDirectory(prefix="weir-snapshot-") as folder:
            result = run_under_weir([program("interface_snapshot")], cwd=folder)
            self.assertEqual((result.returncode, result.stdout), (0, b"0 0 0 -1 errno 42\n"))
            self.assertEqual(result.stderr, b"weir: no snapshot: cannot write /proc/no/such/place.json: no such file or folder (errno 2)\n")
            pid = result.reports[0]["process"]["pid"]
            name = f"interface_snapshot.{pid}"
            self.assertEqual(sorted(result.report_names), [f"{name}.json", f"{name}.snapshot-1.json", f"{name}.snapshot-2.json"])
            self.assertEqual(os.listdir(folder), ["named.json"])
            reports = {name: symbolise(text) for name, text in zip(result.report_names, result.report_texts)}
        lost = {name: classes(report, "lose_some")["lose_some"] for name, report in reports.items()}
        self.assertEqual(lost, {f"{name}.snapshot-1.json": {"definite": 3}, f"{name}.snapshot-2.json": {"definite": 6},
                                f"{name}.json": {"definite": 6}})
        self.assertEqual({report["process"]["end"] for report in reports.values()}, {"snapshot", "exit"})


class BySignal(unittest.TestCase):
    def wait_for(self, session, name):
        for _ in range(500):
            if name in session.files():
                return
            time.sleep(0.02)
        self.fail(f"no {name}: {session.files()}")

    def test_a_snapshot_for_each_signal(self):
        session = Session(self, SNAPSHOT_SIGNAL="USR2")
        session.tell("first")
        for number in (1, 2):
            session.process.send_signal(signal.SIGUSR2)
            self.wait_for(session, f"out.snapshot-{number}.json")
        session.send("wait poll")
        time.sleep(0.05)
        session.process.send_signal(signal.SIGUSR2)
        self.wait_for(session, "out.snapshot-3.json")
        session.send("")
        session.expect("poll 1 ok")
        session.expect("done wait poll")
        result = run_weir(["show", "--json", session.folder / "out.snapshot-2.json"])
        self.assertEqual(classes(json.loads(result.stdout), "lose_first"), {"lose_first": LOST})
        self.assertEqual(session.end()[:2], (0, ""))

    def check_while_it_is(self, busy, **options):
        session = Session(self, SNAPSHOT_SIGNAL="SIGUSR1", **options)
        session.send(busy)
        for number in range(1, 21):
            session.process.send_signal(signal.SIGUSR1)
            self.wait_for(session, f"out.snapshot-{number}.json")
        session.send("")
        session.expect(f"done {busy}")
        self.assertEqual(session.end()[:2], (0, ""))
        self.assertEqual(len(session.files()), 21)

    def test_while_it_allocates(self):
        self.check_while_it_is("busy")

    def test_while_it_is_inside_nearly_always(self):
        self.check_while_it_is("deeply busy", DEBUG="1")  # each stack is walked a second time

    def test_the_programs_own_action_wins(self):
        session = Session(self, SNAPSHOT_SIGNAL="USR2")
        session.tell("own USR2")
        session.process.send_signal(signal.SIGUSR2)
        session.tell("first")
        self.assertEqual(session.end()[:2], (0, ""))
        self.assertEqual(session.files(), ["out.json"])

    def test_without_it_the_signal_does_what_it_does(self):
        session = Session(self)
        session.process.send_signal(signal.SIGUSR2)
        self.assertEqual(session.process.wait(timeout=60), -signal.SIGUSR2)

    def test_a_wrong_name(self):
        session = Session(self, SNAPSHOT_SIGNAL="USR1,USR2")
        self.assertRegex(session.end()[1], r"^weir: .*WEIR_SNAPSHOT_SIGNAL.*USR1,USR2.*one of TERM")


if __name__ == "__main__":
    unittest.main()
