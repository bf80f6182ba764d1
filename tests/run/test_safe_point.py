"""The safe point where the process lives in a namespace: its unit tests are run there."""

import subprocess
import unittest

import weir_test

STOPS = "ThreadStop.*:TaskStatus.FindsTheControlBlockOfAnotherThread"
# Where /proc counts threads as an outer namespace does, what reads it by the process's own numbers is not asked.
STOPS_BY_OWN_NUMBERS = ("ThreadStop.TellsTheRegistersOfAThreadThatRuns:ThreadStop.TracesAllWhereThereIsNoSignalLeft:"
                        "ThreadStop.AForkedChildStopsItsOwnThreads:ThreadStorm.TwoStoppers:ThreadStorm.ThreadsThatBeginAndEnd:"
                        "ThreadStorm.ThreadsThatBlockEverything")


class Namespaces(unittest.TestCase):
    def run_in(self, *unshare, tests=STOPS):
        tries = subprocess.run(["unshare", *unshare, "true"], capture_output=True, text=True)
        if tries.returncode != 0:
            self.skipTest(f"unshare {' '.join(unshare)}: {tries.stderr.strip()}")
        run = weir_test.run_alone(["unshare", *unshare, weir_test.build_dir() / "bin" / "unit_tests", f"--gtest_filter={tests}"])
        self.assertEqual(run.returncode, 0, run.stdout.decode()[-3000:])
        self.assertNotIn(b"Running 0 tests", run.stdout)

    def test_user_namespace(self):
        self.run_in("--user")
        self.run_in("--user", "--map-root-user")

    def test_as_pid_1(self):
        self.run_in("--user", "--map-root-user", "--pid", "--fork", "--mount-proc")

    def test_with_a_proc_of_another_namespace(self):
        self.run_in("--user", "--map-root-user", "--pid", "--fork", tests=STOPS_BY_OWN_NUMBERS)


if __name__ == "__main__":
    unittest.main()
