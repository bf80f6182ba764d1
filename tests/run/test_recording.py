"""Regions of recording: what was allocated while it was off is no leak; weir_record_start and stop, WEIR_START, weir ctl PID record."""

import os
import pathlib
import subprocess
import tempfile
import time
import unittest

from weir_test import clean_environment, leaks_by_function, library, program, run_alone, run_under_weir, run_weir, symbolise

FUNCTIONS = ["before_start", "recorded_first", "while_off", "recorded_last", "other_thread_off", "other_thread_on",
             "map_while_off", "toggle"]


def counts(result):
    """{function: blocks} of the one report's leaks."""
    found = leaks_by_function(symbolise(result.report_texts[0]))
    return {name: found[name][1] for name in FUNCTIONS if name in found}


class Regions(unittest.TestCase):
    def run_program(self, *arguments, **options):
        result = run_under_weir([program("interface_recording"), *arguments], weir_options=options)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        return result

    def test_without_weir_nothing_happens(self):
        result = run_alone([program("interface_recording")])
        self.assertEqual((result.returncode, result.stdout), (0, b"start -1\nstop -1 again -1\nstart -1\n"))

    def test_only_what_was_allocated_while_on_is_listed(self):
        for options in ({}, {"HOST_POOL": "off"}, {"DEBUG": "on"}):
            with self.subTest(**options):
                result = self.run_program(START="off", **options)
                self.assertEqual(result.stdout, b"start 0\nstop 0 again 0\nstart 0\n")
                self.assertEqual(counts(result), {"recorded_first": 1000, "recorded_last": 1000, "other_thread_on": 20})
                check = result.report["leak_check"]
                self.assertTrue(check["recording"])
                # 990 before, 1,000 while off, 10 and 20 of the other thread, the mapping; what libraries allocate at their start.
                self.assertGreaterEqual(check["unrecorded_count"], 990 + 1000 + 30 + 1)
                self.assertGreaterEqual(check["unrecorded_bytes"], 2020 * 24 + (1 << 16))

    def test_recording_is_on_at_the_start_by_default(self):
        found = counts(self.run_program())
        self.assertEqual(found["before_start"], 990)
        self.assertNotIn("while_off", found)
        self.assertNotIn("map_while_off", found)

    def test_what_was_not_recorded_is_tracked(self):
        on, off = self.run_program().report["host"]["totals"], self.run_program(START="off").report["host"]["totals"]
        for key in ("alloc_count", "free_count", "live_count", "peak_bytes", "double_free_count", "foreign_free_count"):
            self.assertEqual(on[key], off[key], key)

    def test_the_order_of_a_threads_own_events_is_exact(self):
        found = counts(self.run_program("toggles"))
        # Of 1,000 regions the latest 512 are told apart; of older ones nothing is listed that should not be.
        self.assertEqual(found.get("while_off"), None)
        self.assertEqual(found["recorded_first"], 512)

    def test_a_switch_is_one_for_all_threads(self):
        for options in ({}, {"HOST_POOL": "off"}):
            with self.subTest(**options):
                result = run_under_weir([program("interface_recording_threads")], weir_options=options)
                self.assertEqual((result.returncode, result.stderr), (0, b""))
                on = int(result.stdout.split()[1])
                self.assertEqual(result.stdout, b"on %d off 1\n" % on)
                found = leaks_by_function(symbolise(result.report_texts[0]))
                self.assertNotIn("allocated_while_off", found)
                self.assertEqual(found["allocated_while_on"][1], on)

    def test_no_report_for_what_was_not_recorded(self):
        result = run_under_weir(["/bin/true"], weir_options={"START": "off", "REPORT_IF": "leaks"})
        self.assertEqual(result.reports, [])


class Asked(unittest.TestCase):
    """By weir ctl, of a program without CUDA that was started with WEIR_START=off."""

    def start(self, **options):
        folder = tempfile.TemporaryDirectory(prefix="weir-record-")
        self.addCleanup(folder.cleanup)
        self.runtime = pathlib.Path(folder.name)
        self.env = {"XDG_RUNTIME_DIR": folder.name, "TMPDIR": None}
        given = {**self.env, "LD_PRELOAD": library(), "WEIR_REPORT": self.runtime / "report.json"}
        given.update({f"WEIR_{name}": value for name, value in options.items()})
        self.process = subprocess.Popen([program("command_record")], env=clean_environment(given), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.close)
        self.assertEqual(self.process.stdout.readline(), "ready\n")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        self.process.wait()

    def end(self):
        self.process.stdin.close()
        self.assertEqual(self.process.wait(timeout=60), 0)
        self.assertEqual(self.process.stderr.read(), "")

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        self.assertEqual(self.process.stdout.readline(), f"done {line}\n")

    def ctl(self, *arguments, wait="0"):
        return run_weir(["ctl", str(self.process.pid), *arguments, "--wait", wait], env=self.env)

    def asked(self, *arguments):
        """Asks while the program allocates all the time."""
        self.process.stdin.write("busy\n")
        self.process.stdin.flush()
        result = self.ctl(*arguments, wait="20")
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.assertEqual(self.process.stdout.readline(), "done busy\n")
        return result

    def test_on_and_off(self):
        self.start(START="off")
        self.tell("first")
        result = self.asked("record", "on")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertIn(b"recording is on from now on", result.stdout)
        self.tell("second")
        self.assertEqual(self.asked("record", "off").returncode, 0)
        self.tell("third")
        self.end()
        found = leaks_by_function(symbolise(self.runtime / "report.json"))
        self.assertEqual({name: found[name][1] for name in ("first", "second", "third") if name in found}, {"second": 1000})
        self.assertEqual(sorted(path.name for path in self.runtime.iterdir()), ["report.json"])

    def test_an_idle_program_does_it_at_its_next_allocations(self):
        self.start(START="off")
        result = self.ctl("record", "on", wait="0.1")
        self.assertEqual((result.returncode, result.stdout), (1, b""))
        self.assertIn(b"nor some dozens of allocations", result.stderr)
        self.tell("warm")
        self.tell("second")
        self.assertEqual(self.ctl("record", "maybe").returncode, 2)
        self.end()
        found = leaks_by_function(symbolise(self.runtime / "report.json"))
        self.assertEqual(found["second"][1], 1000)

    def test_others_cannot_be_asked(self):
        self.start()
        result = self.ctl("record", "off")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(b"it cannot be asked", result.stderr)
        self.assertEqual(os.listdir(self.runtime), [])

    def test_a_forked_child_has_a_file_of_its_own(self):
        self.start(START="off", FOLLOW="on")
        self.tell("fork")
        for _ in range(1000):  # the child makes its own in its own time
            if len(list(self.runtime.glob("weir-*/*.ctl"))) == 2:
                break
            time.sleep(0.01)
        self.assertEqual(len(list(self.runtime.glob("weir-*/*.ctl"))), 2)
        self.end()
        self.assertEqual(list(self.runtime.glob("weir-*")), [])


if __name__ == "__main__":
    unittest.main()
