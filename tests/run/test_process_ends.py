"""Every way in which a process can end leaves one whole report that names it, and changes neither status nor output."""

import json
import os
import re
import signal
import stat
import tempfile
import time
import unittest

from weir_test import program, run_alone, run_under_weir


def leaked(report, nbytes):
    """How many blocks of exactly nbytes the report lists, by its leaks of one size."""
    return sum(leak["count"] for leak in report["leaks"]
               if leak["memory"] == "host" and leak["bytes"] == nbytes * leak["count"])


class EndTest(unittest.TestCase):
    def run_both(self, name, *arguments, weir_options=None, env=None):
        """Runs a program alone and under Weir, compares what can be seen from outside, returns Weir's run."""
        argv = [program("process_" + name), *arguments]
        alone = run_alone(argv, env=env)
        weir = run_under_weir(argv, env=env, weir_options=weir_options)
        self.assertEqual(weir.returncode, alone.returncode)
        self.assertEqual(weir.stdout, alone.stdout)
        self.assertEqual(weir.stderr, alone.stderr)
        self.assertEqual(weir.other_files, [])
        return weir

    def check_end(self, name, *arguments, end, status, weir_options=None):
        weir = self.run_both(name, *arguments, weir_options=weir_options)
        self.assertEqual(len(weir.reports), 1)
        process = weir.report["process"]
        self.assertEqual(process["end"], end)
        self.assertEqual(process.get("exit_status"), status)
        self.assertEqual(os.path.basename(process["exe"]), "process_" + name)
        return weir


class Exits(EndTest):
    def test_return_from_main(self):
        weir = self.check_end("return", end="exit", status=3)
        self.assertEqual(weir.returncode, 3)
        self.assertEqual(leaked(weir.report, 1000), 1)

    def test_exit_reports_after_exit_functions(self):
        weir = self.check_end("exit", end="exit", status=4)
        self.assertEqual(leaked(weir.report, 333), 1)

    def test_every_kind_of_exit_function_runs_before_the_report(self):
        weir = self.check_end("library_destructor", end="exit", status=22)
        self.assertEqual([leaked(weir.report, n) for n in (1001, 1002, 1003)], [0, 0, 0])

    def test_underscore_exit(self):
        weir = self.check_end("underscore_exit", end="_exit", status=5)
        self.assertEqual(leaked(weir.report, 1000), 1)

    def test_capital_exit(self):
        weir = self.check_end("capital_exit", end="_exit", status=6)
        self.assertEqual(leaked(weir.report, 1000), 1)

    def test_quick_exit_reports_after_its_functions(self):
        weir = self.check_end("quick_exit", end="quick_exit", status=7)
        self.assertEqual(leaked(weir.report, 444), 1)

    def test_threads_that_still_run(self):
        self.check_end("threads", end="exit", status=12)

    def test_exit_by_a_thread(self):
        weir = self.check_end("thread_exits", end="exit", status=13)
        self.assertEqual(leaked(weir.report, 500), 1)

    def test_pthread_exit_of_main(self):
        weir = self.check_end("main_pthread_exit", end="exit", status=0)
        self.assertEqual(leaked(weir.report, 700), 1)

    def test_two_threads_that_end_the_process_at_once_write_one_whole_report(self):
        for _ in range(20):
            weir = self.run_both("race_of_exits")
            self.assertEqual(len(weir.reports), 1)
            self.assertIn(weir.report["process"]["end"], ("exit", "_exit"))
            self.assertEqual(weir.report["process"]["exit_status"], 14)
            self.assertEqual(leaked(weir.report, 50), 20000)


class Aborts(EndTest):
    def test_abort(self):
        weir = self.check_end("abort", end="abort", status=None)
        self.assertEqual(weir.returncode, -signal.SIGABRT)
        self.assertEqual(leaked(weir.report, 1000), 1)

    def test_handler_that_returns_runs_once(self):
        weir = self.check_end("abort_handler", end="abort", status=None)
        self.assertEqual(weir.returncode, -signal.SIGABRT)
        self.assertEqual(weir.stdout, b"handler\n")

    def test_handler_that_jumps_away_is_no_end(self):
        self.check_end("abort_survived", end="exit", status=8)

    def test_handler_that_exits(self):
        self.check_end("abort_exits", end="_exit", status=9)

    def test_failed_assertion(self):
        weir = self.check_end("assert", end="assert", status=None)
        self.assertEqual(weir.returncode, -signal.SIGABRT)
        self.assertIn(b"Assertion `kept == NULL' failed", weir.stderr)

    def test_failed_assertion_that_is_survived(self):
        self.check_end("assert_survived", end="exit", status=10)

    def test_uncaught_exception(self):
        weir = self.check_end("exception", end="abort", status=None)
        self.assertIn(b"nobody catches this", weir.stderr)


class Daemons(EndTest):
    def test_parent_and_daemon_report_themselves(self):
        weir = self.run_both("daemon")
        ends = sorted((r["process"]["end"], r["process"]["exit_status"]) for r in weir.reports)
        self.assertEqual(ends, [("daemon", 0), ("exit", 0), ("exit", 0)])
        parent = next(r for r in weir.reports if r["process"]["end"] == "daemon")
        child = next(r for r in weir.reports if r["process"]["ppid"] == parent["process"]["pid"])
        self.assertEqual(leaked(child, 2000), 1)
        self.assertEqual(leaked(child, 1000), 0)

    def test_daemon_that_fails_is_no_end(self):
        folder = tempfile.mkdtemp(prefix="weir-test-")
        try:
            os.chmod(folder, 0o777)
            argv = [program("process_daemon_fails")]
            alone = run_alone(argv)
            if alone.returncode != 11:
                self.skipTest("processes cannot be forbidden here: " + str(alone.returncode))
            weir = run_under_weir(argv, env={"WEIR_REPORT": os.path.join(folder, "r.%p.json")})
            self.assertEqual((weir.returncode, weir.stdout), (11, alone.stdout))
            names = os.listdir(folder)
            self.assertEqual(len(names), 1)
            with open(os.path.join(folder, names[0]), encoding="utf-8") as file:
                self.assertEqual(json.load(file)["process"]["end"], "exit")
        finally:
            for name in os.listdir(folder):
                os.unlink(os.path.join(folder, name))
            os.rmdir(folder)


class Signals(EndTest):
    def test_without_the_option_nothing_is_written(self):
        weir = self.run_both("signal", str(int(signal.SIGTERM)))
        self.assertEqual(weir.returncode, -signal.SIGTERM)
        self.assertEqual(weir.reports, [])

    def test_listed_signals_report_and_kill(self):
        for name in ("TERM", "INT", "HUP", "USR1", "USR2", "QUIT"):
            with self.subTest(name):
                number = int(getattr(signal, "SIG" + name))
                weir = self.check_end("signal", str(number), end="signal " + name, status=None,
                                      weir_options={"ON_SIGNAL": "TERM,INT,HUP,USR1,USR2,QUIT"})
                self.assertEqual(weir.returncode, -number)
                self.assertEqual(leaked(weir.report, 1000), 1)

    def test_a_signal_that_is_not_listed_is_left_alone(self):
        weir = self.run_both("signal", str(int(signal.SIGINT)), weir_options={"ON_SIGNAL": "TERM"})
        self.assertEqual(weir.reports, [])

    def test_the_programs_own_handler_wins(self):
        self.check_end("signal_own_handler", end="exit", status=15, weir_options={"ON_SIGNAL": "TERM"})

    def test_a_signal_in_the_middle_of_an_allocation(self):
        for moment in range(25):
            weir = self.run_both("signal_while_allocating", str(moment * 37), weir_options={"ON_SIGNAL": "TERM"})
            self.assertEqual(weir.returncode, signal.SIGTERM)
            ends = sorted(r["process"]["end"] for r in weir.reports)
            self.assertEqual(ends, ["exit", "signal TERM"])

    def test_an_unknown_name_costs_one_line(self):
        weir = run_under_weir([program("process_return")], weir_options={"ON_SIGNAL": "TERM,BOGUS"})
        self.assertEqual(weir.returncode, 3)
        self.assertEqual(weir.stderr.count(b"\n"), 1)
        self.assertRegex(weir.stderr, rb"^weir: .*WEIR_ON_SIGNAL.*BOGUS")


class Confinement(EndTest):
    def test_report_is_written_before_a_filter_that_kills(self):
        for how in ("prctl", "syscall", "thread"):
            with self.subTest(how):
                weir = self.check_end("seccomp", how, end="seccomp", status=None)
                self.assertEqual(weir.returncode, 16)
                self.assertEqual(leaked(weir.report, 1000), 1)
                self.assertTrue(any("seccomp" in warning["text"] for warning in weir.report["warnings"]))

    def test_a_filter_that_cannot_kill_is_no_end(self):
        weir = self.check_end("seccomp", "mild", end="_exit", status=16)
        self.assertEqual(weir.report["warnings"], [])

    def test_signal_handlers_are_withdrawn_before_a_filter(self):
        self.check_end("seccomp", "prctl", end="seccomp", status=None, weir_options={"ON_SIGNAL": "TERM"})

    def test_a_filter_that_the_kernel_refuses_is_no_end(self):
        self.check_end("seccomp_probe", end="exit", status=17)


class StandardError(unittest.TestCase):
    def test_a_file_that_the_program_has_as_descriptor_2_gets_no_line(self):
        with tempfile.TemporaryDirectory(prefix="weir-test-") as folder:
            data = os.path.join(folder, "data")
            argv = [program("process_descriptor_2"), data]
            weir = run_under_weir(argv, env={"WEIR_REPORT": "/proc/no-folder/report.json"})
            self.assertEqual((weir.returncode, weir.stderr), (23, b""))
            with open(data, "rb") as file:
                self.assertEqual(file.read(), b"data")

    def test_otherwise_a_report_that_cannot_be_written_costs_one_line(self):
        weir = run_under_weir([program("process_return")], env={"WEIR_REPORT": "/proc/no-folder/report.json"})
        self.assertEqual((weir.returncode, weir.stdout), (3, b"returning\n"))
        self.assertRegex(weir.stderr, rb"^weir: [^\n]*/proc/no-folder[^\n]*\n$")


class Symbolizer(unittest.TestCase):
    def run_with_helper(self, folder, name, weir_options=None):
        """Runs a program under WEIR_SYMBOLIZE=exit; its result and the report once the helper has finished it."""
        path = os.path.join(folder, "report.json")
        options = {"SYMBOLIZE": "exit", **(weir_options or {})}
        result = run_under_weir([program("process_" + name)], env={"WEIR_REPORT": path}, weir_options=options)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with open(path, encoding="utf-8") as file:
                report = json.load(file)
            if any(frame.get("function") for frame in report["frames"]):
                return result, report
            time.sleep(0.05)
        self.fail("the helper added no function within a minute")

    def test_a_helper_finishes_the_report_after_the_process(self):
        with tempfile.TemporaryDirectory(prefix="weir-test-") as folder:
            result, report = self.run_with_helper(folder, "return")
            self.assertEqual((result.returncode, result.stdout, result.stderr), (3, b"returning\n", b""))
            self.assertIn("main", [frame.get("function") for frame in report["frames"]])
            self.assertEqual(os.listdir(folder), ["report.json"])
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(folder, "report.json")).st_mode), 0o600)

    def test_a_death_by_signal_has_its_helper_too(self):
        with tempfile.TemporaryDirectory(prefix="weir-test-") as folder:
            result, report = self.run_with_helper(folder, "abort")
            self.assertEqual(result.returncode, -signal.SIGABRT)
            self.assertEqual(report["process"]["end"], "abort")


class WhichProcessesWrite(EndTest):
    def test_off_switch(self):
        self.assertEqual(self.run_both("return", weir_options={"WEIR": "off"}).reports, [])

    def test_report_off(self):
        weir = run_under_weir([program("process_return")], report=False)
        self.assertEqual((weir.returncode, weir.stdout, weir.stderr, weir.reports), (3, b"returning\n", b"", []))

    def test_only_and_exclude_match_the_executables_name(self):
        for option, value, wanted in (("ONLY", "process_re*", 1), ("ONLY", "re*", 0), ("EXCLUDE", "*return", 0),
                                      ("EXCLUDE", "process_[a-q]*", 1)):
            with self.subTest(f"{option}={value}"):
                weir = self.run_both("return", weir_options={option: value})
                self.assertEqual(len(weir.reports), wanted)

    def test_report_if_leaks(self):
        self.assertEqual(len(self.run_both("return", weir_options={"REPORT_IF": "leaks"}).reports), 1)

    def test_environment_and_arguments_are_as_alone(self):
        argv = [program("process_environment")]
        alone = run_alone(argv, env={"SOME_VARIABLE": "x y"})
        weir = run_under_weir(argv, env={"SOME_VARIABLE": "x y"})
        ours = re.compile(rb"^(LD_PRELOAD|WEIR\w*)=")
        self.assertEqual([line for line in weir.stdout.splitlines() if not ours.match(line)],
                         [line for line in alone.stdout.splitlines() if not ours.match(line)])
        self.assertEqual(sum(line.startswith(b"WEIR") for line in weir.stdout.splitlines()),
                         1 + sum(line.startswith(b"WEIR") for line in alone.stdout.splitlines()))

    def test_secure_execution_is_left_alone(self):
        if os.getuid() != 0:
            self.skipTest("only root can make a program that changes user")
        with tempfile.TemporaryDirectory(prefix="weir-test-") as folder:
            os.chmod(folder, 0o755)
            setuid = os.path.join(folder, "process_return")
            with open(program("process_return"), "rb") as source, open(setuid, "wb") as target:
                target.write(source.read())
            os.chown(setuid, 65534, 65534)
            os.chmod(setuid, 0o755 | stat.S_ISUID)
            weir = run_under_weir([setuid])
            self.assertEqual((weir.returncode, weir.stdout), (3, b"returning\n"))
            self.assertEqual(weir.reports, [])


if __name__ == "__main__":
    unittest.main()
