"""One real-time signal stays open for Weir, and no program can tell: what it sets it reads back, and what it executes inherits it."""

import os
import unittest

import weir_test

EXIT_ROUNDS = int(os.environ.get("EXIT_ROUNDS", "100"))

# Executes the rest of the arguments with a mask: all signals but those named first ("" none, "63" or "40,41").
WITH_MASK = """
import os, signal, sys
masked = set(range(1, 65)) - {32, 33} - {int(number) for number in sys.argv[1].split(",") if number}
signal.pthread_sigmask(signal.SIG_SETMASK, masked)
os.execv(sys.argv[2], sys.argv[2:])
"""


def with_mask(open_signals, *argv):
    return [weir_test.system_python(), "-c", WITH_MASK, open_signals, *argv]


class SignalMasks(unittest.TestCase):
    maxDiff = 4000

    def compare(self, argv, timeout=120):
        alone = weir_test.run_alone(argv, timeout=timeout)
        tracked = weir_test.run_under_weir(argv, timeout=timeout)
        self.assertEqual(tracked.returncode, alone.returncode, tracked.stdout[-500:])
        self.assertEqual(tracked.stderr, alone.stderr)
        self.assertEqual(tracked.stdout.decode().splitlines(), alone.stdout.decode().splitlines())
        return tracked

    def test_the_program_reads_back_what_it_set(self):
        self.compare([weir_test.program("signal_views")])

    def test_the_same_with_masks_that_it_inherited(self):
        for open_signals in ("", "63", "62,63", "40", "15"):
            with self.subTest(open=open_signals):
                self.compare(with_mask(open_signals, weir_test.program("signal_views")))

    def test_what_is_executed_inherits_the_mask_that_was_asked_for(self):
        shows = weir_test.program("signal_shows_mask")
        run = self.compare([weir_test.program("signal_executes"), shows])
        self.assertIn("SigBlk:\tfffffffe7ffbfeff", run.stdout.decode())
        self.assertEqual(run.stdout.count(b"SigBlk"), 4 * 2 * 8)

    def test_every_real_time_signal_is_the_programs(self):
        # w waits for it, q queues first, f reads it from a descriptor, h handles it.
        for order in ("w", "q", "f", "h", "whfq", "hw", "fwh", "qhqh"):
            with self.subTest(order=order):
                run = self.compare([weir_test.program("signal_every_real_time"), order])
                self.assertEqual((run.returncode, run.stdout), (0, b"all 31\n"))

    def test_the_signal_is_open_in_threads_that_block_all(self):
        code = ("import signal, threading\n"
                "def show():\n"
                "  status = open('/proc/thread-self/status').read()\n"
                "  print([line.split()[1] for line in status.splitlines() if line.startswith('SigBlk')][0])\n"
                "signal.pthread_sigmask(signal.SIG_SETMASK, range(1, 65))\n"
                "show()\n"
                "thread = threading.Thread(target=show); thread.start(); thread.join()")
        run = weir_test.run_under_weir([weir_test.system_python(), "-c", code])
        self.assertEqual(run.stdout.split(), [b"bffffffe7ffbfeff"] * 2)

    def test_a_signal_from_outside_ends_the_process_or_stays_pending(self):
        for number in (40, 61, 62, 63, 64):
            for masked, expected in ((False, -number), (True, 0)):
                with self.subTest(number=number, masked=masked):
                    code = ("import os, signal, time\n"
                            f"if {masked}: signal.pthread_sigmask(signal.SIG_SETMASK, range(1, 65))\n"
                            f"os.kill(os.getpid(), {number}); time.sleep(0.01)\n"
                            f"assert {number} in signal.sigpending()")
                    run = self.compare([weir_test.system_python(), "-c", code])
                    self.assertEqual(run.returncode, expected)


class StoppedAtTheEnd(unittest.TestCase):
    def assert_nothing_came(self, *arguments):
        with self.subTest(way=arguments):
            run = weir_test.run_under_weir([weir_test.program("signal_waits_at_end"), *arguments])
            self.assertEqual((run.returncode, run.stdout, run.stderr), (0, b"", b""))
            self.assertIsNotNone(run.report)

    def test_who_waits_for_signals_gets_none_of_weirs(self):
        for way in ("sigwait", "sigwaitinfo", "sigtimedwait", "signalfd"):
            self.assert_nothing_came(way, "blocked")

    def test_who_sleeps_sleeps_on_when_the_process_ends(self):
        for way in ("poll", "ppoll", "select", "epoll", "nanosleep", "pause", "sigsuspend", "semaphore"):
            for _ in range(5):
                self.assert_nothing_came(way)
                self.assert_nothing_came(way, "blocked")

    def test_threads_that_allocate_while_the_process_ends(self):
        undoubted = 0
        for round_number in range(EXIT_ROUNDS):
            run = weir_test.run_under_weir([weir_test.program("stress_exit_threads")], timeout=60)
            self.assertEqual(run.returncode, 7, (round_number, run.stderr))
            self.assertIsNotNone(run.report, round_number)
            self.assertEqual(run.stderr, b"")
            # Every block is held by a stack or a container of a thread that was stopped: none half made is taken for lost.
            check = run.report["leak_check"]
            kinds = ["definite", "indirect"]
            if check["in_doubt"] is None:
                undoubted += 1
                kinds.append("possible")
            self.assertEqual([kind for kind in kinds if check["kinds"][kind]["count"] != 0], [], round_number)
        self.assertGreater(undoubted, EXIT_ROUNDS / 2)  # in time, all threads stopped

    def test_the_whole_process_is_stopped_meanwhile(self):
        script = ('"$0" & pid=$!\n'
                  'for i in $(seq 60); do kill -STOP $pid && kill -CONT $pid || break; done 2> /dev/null\n'
                  'wait $pid')
        for round_number in range(10):
            run = weir_test.run_under_weir(["sh", "-c", script, weir_test.program("stress_exit_threads")], timeout=60)
            self.assertEqual(run.returncode, 7, round_number)
            self.assertIsNotNone(run.report_of("stress_exit_threads"), round_number)

    def test_threads_that_execute_and_allocate(self):
        for options in ({}, {"REPORT": "off"}):
            with self.subTest(options=options):
                run = weir_test.run_under_weir([weir_test.program("stress_exec_threads"), "50"], weir_options=options, timeout=120)
                self.assertEqual(run.returncode, 7)


if __name__ == "__main__":
    unittest.main()
