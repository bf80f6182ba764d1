"""The programs tests/programs/leak_* have the same leaks where tracing is denied by seccomp, in a user namespace, and as PID 1."""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import leak_programs
from weir_test import REPOSITORY, simulated_driver

LEVEL = "-O2"
WORKERS = min(8, os.cpu_count() or 1)
# The kernel spares the first process of a namespace the signals by which these end.
NOT_AS_PID_1 = ("signal",)


class Surroundings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-surroundings-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        devices = simulated_driver() is not None
        cls.programs = [program for program in leak_programs.all_programs() if devices or not program.needs_device]
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            cls.words = list(pool.map(cls.build, cls.programs))

    @classmethod
    def build(cls, program):
        return leak_programs.build(program, program.compilers[0], LEVEL, cls.folder)

    def check(self, *before, leaves_out=lambda program: False):
        """Runs all with the words `before` them; the classes are to be those of the first lines."""
        compared = 0
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            def run_one(program, words):
                if leaves_out(program):
                    return None
                try:
                    return leak_programs.under_weir(program, [*before, *words])[0]
                except (leak_programs.Failed, AssertionError) as error:
                    return error

            for program, found in zip(self.programs, pool.map(run_one, self.programs, self.words)):
                if found is None:
                    continue
                compared += 1
                with self.subTest(program.name):
                    self.assertNotIsInstance(found, Exception, str(found))
                    self.assertEqual(leak_programs.show(found.classes), leak_programs.show(program.of_weir))
        self.assertGreater(compared, 80)

    def need(self, *words):
        tried = subprocess.run([*words, "true"], capture_output=True, text=True)
        if tried.returncode != 0:
            self.skipTest(f"{' '.join(words)}: {tried.stderr.strip()}")

    def test_where_tracing_is_denied(self):
        filter_ = self.folder / "without_tracing"
        source = REPOSITORY / "tests" / "programs" / "modules" / "without_tracing.c"
        leak_programs.compile_one(["gcc", "-O1", "-static", source, "-o", filter_])
        refused = subprocess.run([filter_, shutil.which("strace"), "-o", "/dev/null", "true"], capture_output=True, text=True)
        self.assertIn("Operation not permitted", refused.stderr)
        self.check(filter_)

    def test_in_a_user_namespace(self):
        self.need("unshare", "--user")
        self.check("unshare", "--user")

    def test_as_pid_1(self):
        words = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc")
        self.need(*words)
        self.check(*words, leaves_out=lambda program: program.keys.get("Ends", "").startswith(NOT_AS_PID_1))


if __name__ == "__main__":
    unittest.main(verbosity=2)
