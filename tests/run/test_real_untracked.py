"""Real programs behave the same where Weir samples, and where it only pools; and what is estimated of them is what they did."""

import math
import pathlib
import shutil
import tempfile
import unittest

import real_inputs
from weir_test import run_alone, run_under_weir, system_python

STEADY = {"PYTHONHASHSEED": "0", "PERL_HASH_SEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC", "GIT_CONFIG_GLOBAL": "/dev/null",
          "GIT_PAGER": "cat", "COLUMNS": "100", "PYTHONMALLOC": "malloc"}
MEAN = 64 << 10
SIGMAS = 5


class RealPrograms(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-untracked-"))
        cls.tree = cls.folder / "tree"
        real_inputs.write_tree(cls.tree)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def same(self, argv, one_process=True, **kw):
        kw["env"] = STEADY
        alone = run_alone(argv, **kw)
        exact, *others = (run_under_weir(argv, weir_options=options, **kw)
                          for options in ({}, {"SAMPLE": "512KiB"}, {"SAMPLE": "64KiB"}, {"TRACK": "mmap"}))
        for result in others:
            self.assertEqual((result.returncode, result.stdout, result.stderr),
                             (alone.returncode, alone.stdout, alone.stderr))
            # bash's coprocess is at times killed before it can report.
            self.assertGreaterEqual(len(result.reports), len(exact.reports) - (0 if one_process else 1))
            for report in result.reports:
                for key in ("double_free_count", "interior_free_count", "foreign_free_count", "untracked_count"):
                    self.assertEqual(report["host"]["totals"][key], 0, key)
        if one_process:
            self.check_estimates(exact.report["host"]["totals"], others[1].report["host"]["totals"])

    def check_estimates(self, exact, estimated):
        """Of bytes only: blocks of a few bytes leave a count too open."""
        for key in ("alloc_bytes", "free_bytes"):
            # Small blocks vary most; large ones are exact.
            sigma = math.sqrt(exact[key] * MEAN)
            self.assertAlmostEqual(estimated[key], exact[key], delta=SIGMAS * sigma, msg=key)
        self.assertEqual(estimated["realloc_count"], exact["realloc_count"])

    def test_python(self):
        self.same([system_python(), "-c", real_inputs.PYTHON_SCRIPT])

    def test_perl(self):
        self.same(["/usr/bin/perl", "-e", real_inputs.PERL_SCRIPT])

    def test_bash(self):
        self.same(["/bin/bash", "-c", real_inputs.BASH_SCRIPT], one_process=False)

    def test_sqlite(self):
        self.same(["/usr/bin/sqlite3", ":memory:"], input=real_inputs.SQLITE_SCRIPT.encode())

    def test_git(self):
        repository = self.folder / "git"
        real_inputs.write_repository(repository)
        self.same(["/usr/bin/git", "log", "-p", "--stat"], cwd=repository)

    def test_jq(self):
        self.same(["/usr/bin/jq", "-c", "[.rows[] | select(.on)] | group_by(.name) | map({n: .[0].name, c: length})",
                   self.tree / "data.json"])

    def test_xmllint(self):
        self.same(["/usr/bin/xmllint", "--format", self.tree / "data.xml"])

    def test_compiler(self):
        self.same(["/usr/bin/g++", "-std=c++17", "-O1", "-S", "-o", "-", str(self.tree / "big.cpp")], one_process=False,
                  timeout=300)

    def test_tar(self):
        self.same(["/bin/tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "-C", self.folder, "-z", "-c", "-f",
                   "-", "tree"], one_process=False)

    def test_threads(self):
        self.same(["/usr/bin/sort", "--parallel=4", "-S", "8M", "-n", self.tree / "numbers.txt"], one_process=False)


if __name__ == "__main__":
    unittest.main(verbosity=2)
