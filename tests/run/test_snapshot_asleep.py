"""A process that is asked for a snapshot while it allocates nothing: it is woken, and its calls go on as if nothing had been."""

import contextlib
import fcntl
import pathlib
import signal
import threading
import time
import unittest

from snapshots import LOST, Session, classes, said
from weir_test import library

SYS_PAUSE = 34


@contextlib.contextmanager
def asked_all_the_time(session, **options):
    """One snapshot after the other until the end of the block."""
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            session.ask(**options)
    asker = threading.Thread(target=ask)
    asker.start()
    try:
        yield
    finally:
        stop.set()
        asker.join()


@contextlib.contextmanager
def paused(session):
    """In pause() until the end of the block, when a signal of the program's ends the call, once."""
    session.send("pause")
    session.expect("pausing")
    session.wait_for_call(SYS_PAUSE)
    yield
    session.process.send_signal(signal.SIGALRM)
    session.expect("paused -1 Interrupted system call alarms 1")
    session.expect("done pause")


class Asleep(unittest.TestCase):
    def check_wait(self, *lines, **options):
        for call in ("poll", "ppoll", "select", "epoll", "read"):
            with self.subTest(call=call):
                session = Session(self, **options)
                session.tell("old", "first", *lines)
                session.send(f"wait {call}")
                for _ in range(3):
                    time.sleep(0.05)
                    self.assertEqual(classes(session.snapshot(), "lose_first"), {"lose_first": LOST})
                session.send("")
                session.expect(f"{call} 1 ok")
                session.expect(f"done wait {call}")
                self.assertEqual(session.end()[:2], (0, ""))

    def test_who_waits_goes_on_waiting(self):
        self.check_wait()

    def test_a_program_that_blocks_all_signals(self):
        self.check_wait("block")

    def test_a_sleep_takes_its_time(self):
        session = Session(self)
        session.tell("old")
        session.send("nap")
        time.sleep(0.6)
        session.snapshot()
        result, ms = session.process.stdout.readline().split()[1:]
        self.assertEqual(result, "0")
        self.assertGreaterEqual(int(ms), 1000)
        self.assertLess(int(ms), 1500)  # not from its beginning
        session.expect("done nap")

    def test_a_pause_ends_by_a_signal_of_the_programs_alone(self):
        session = Session(self)
        session.tell("old")
        with paused(session):
            for _ in range(3):
                session.snapshot()

    def test_no_signal_of_the_programs_is_lost(self):
        """One that comes while the snapshot is written ends the call: it is not made again."""
        session = Session(self)
        session.tell("old")
        with asked_all_the_time(session):
            for round in range(40):
                with paused(session):
                    time.sleep(0.001 * (round % 30))

    def test_what_only_a_register_holds_is_found(self):
        session = Session(self)
        session.tell("old")
        session.send("spin")
        time.sleep(0.1)
        found = classes(session.snapshot(), "hidden_block")
        session.process.send_signal(signal.SIGALRM)
        session.expect("done spin")
        self.assertEqual(found, {"hidden_block": {"reachable": 1}})

    def test_an_execution_waits_for_who_wakes(self):
        """Who wakes a process without a page holds a lock on the library: the signal would kill the next program."""
        def fastest_execution():
            times = []
            for _ in range(5):
                start = time.monotonic()
                session.send("exec")
                session.expect("ready")
                times.append(time.monotonic() - start)
            return min(times)
        session = Session(self)
        free = fastest_execution()
        with library().open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            held = fastest_execution()
        self.assertGreater(held - free, 0.03)

    def test_nothing_is_left_behind(self):
        session = Session(self)
        session.tell("old")
        session.send("count")
        before = session.process.stdout.readline()
        session.expect("done count")
        self.assertEqual(before, "descriptors 3 children 0\n")
        for _ in range(3):
            session.snapshot()
        session.send("count")
        self.assertEqual(session.process.stdout.readline(), before)
        session.expect("done count")
        self.assertNotIn("zombie", pathlib.Path(f"/proc/{session.pid}/status").read_text())

    def test_a_program_that_takes_every_real_time_signal(self):
        session = Session(self)
        session.tell("old", "first", "take")
        result = session.ask(wait="0.5")
        self.assertEqual((result.returncode, result.stdout), (1, b""))
        self.assertEqual(len(said(result).splitlines()), 1)
        self.assertRegex(said(result), r"did not answer: it allocates nothing, and the program uses every signal")
        session.send("busy")
        self.assertEqual(classes(session.snapshot(), "lose_first"), {"lose_first": LOST})
        session.send("")
        session.expect("done busy")
        self.assertEqual(session.files(), ["out.snapshot-1.json"])  # what was given up is not done later

    def test_a_stopped_process(self):
        session = Session(self)
        session.tell("old")
        session.process.send_signal(signal.SIGSTOP)
        try:
            result = session.ask(wait="0.3")
        finally:
            session.process.send_signal(signal.SIGCONT)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(said(result), r"did not answer.* it is stopped")
        session.tell("keep")

    def test_who_has_hardly_run_and_allocates_nothing(self):
        """It has no page by which it could be asked: it is woken to make one."""
        session = Session(self)
        session.tell("first")
        self.assertEqual(list(session.runtime.iterdir()), [])
        session.send("wait poll")
        time.sleep(0.05)
        self.assertEqual(classes(session.snapshot(), "lose_first"), {"lose_first": LOST})
        session.send("")
        for line in ("poll 1 ok", "done wait poll", "done "):
            session.expect(line)
        session.send("count")
        session.expect("descriptors 3 children 0")
        session.expect("done count")
        self.assertEqual(session.end()[:2], (0, ""))
        self.assertEqual(list(session.runtime.iterdir()), [])

    def test_who_has_hardly_run_and_takes_every_signal(self):
        session = Session(self)
        session.tell("take")
        result = session.ask(wait="0.2")
        self.assertEqual((result.returncode, len(said(result).splitlines())), (1, 1))
        self.assertRegex(said(result), "or the program uses them all$")
        session.tell("keep")

    def check_executions(self, *lines, rounds):
        session = Session(self)
        session.tell(*lines)
        with asked_all_the_time(session, wait="0.2"):
            for _ in range(rounds):
                session.send("exec")
                session.expect("ready")
                session.tell(*lines)
        session.process.stdin.close()
        self.assertEqual(session.process.wait(timeout=60), 0)

    def test_a_killing_signal_is_never_sent_to_what_is_executed(self):
        self.check_executions("old", rounds=10)

    def test_nor_where_there_is_no_page_yet(self):
        self.check_executions("keep", rounds=300)


if __name__ == "__main__":
    unittest.main()
