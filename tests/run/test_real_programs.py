"""Real programs behave the same under Weir: exit code, stdout and stderr byte for byte, and leave whole, plausible reports."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import real_inputs
from weir_test import REPOSITORY, clean_environment, library, program, run_alone, run_under_weir, system_python

import jsonschema

# The same in every run; what differs between two runs without Weir is no evidence.
STEADY = {"PYTHONHASHSEED": "0", "PERL_HASH_SEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC", "GIT_CONFIG_GLOBAL": "/dev/null",
          "GIT_PAGER": "cat", "COLUMNS": "100"}


class Plausible:
    """What must hold of any report, whatever the program."""

    def __init__(self):
        schema = json.loads((REPOSITORY / "docs" / "report.schema.json").read_text())
        self.validator = jsonschema.validators.validator_for(schema)(schema)

    def check(self, test, report):
        where = os.path.basename(report["process"]["exe"]) + " " + " ".join(report["process"]["argv"][1:4])
        problems = [error.message[:200] for error in self.validator.iter_errors(report)][:3]
        test.assertEqual(problems, [], where)
        totals = report["host"]["totals"]
        test.assertEqual(totals["live_count"], totals["alloc_count"] - totals["free_count"], where)
        test.assertEqual(totals["live_bytes"], totals["alloc_bytes"] - totals["free_bytes"], where)
        test.assertGreaterEqual(totals["peak_bytes"], totals["live_bytes"], where)
        for zero in ("untracked_count", "double_free_count", "interior_free_count", "foreign_free_count"):
            test.assertEqual(totals[zero], 0, f"{where}: {zero}")
        test.assertEqual(report["errors"], [], where)
        test.assertEqual(report["host"]["capture"]["mismatches"], 0, where)
        host = [leak for leak in report["leaks"] if leak["memory"] == "host"]
        if totals["thread_count"] == 1:
            test.assertEqual(sum(leak["count"] for leak in host), totals["live_count"], where)
            test.assertEqual(sum(leak["bytes"] for leak in host), totals["live_bytes"], where)
            listed = sum(peak["bytes"] for peak in report["peak"] if peak["memory"] == "host")
            test.assertEqual(listed + report["host"]["peak_left_out"]["bytes"], totals["peak_bytes"], where)


class RealPrograms(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.plausible = Plausible()
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-real-"))
        cls.tree = cls.folder / "tree"
        real_inputs.write_tree(cls.tree)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def same(self, argv, env=None, exit_code=0, normalise=lambda text: text, least_allocations=20, expected=None, **kw):
        """Runs argv alone and under Weir and compares; returns the result under Weir.

        expected: the executables of which each must have left a report; by default that of argv[0].
        """
        env = STEADY | (env or {})
        alone = run_alone(argv, env=env, **kw)
        under = run_under_weir(argv, env=env, **kw)
        self.assertEqual(alone.returncode, exit_code, alone.stderr[-2000:])
        self.assertEqual(under.returncode, alone.returncode, under.stderr[-2000:])
        self.assertEqual(normalise(under.stdout), normalise(alone.stdout))
        self.assertEqual(normalise(under.stderr), normalise(alone.stderr))
        self.check_reports(under, least_allocations, expected or [os.path.basename(os.path.realpath(argv[0]))])
        return under

    def check_reports(self, result, least_allocations, expected):
        self.assertEqual(result.other_files, [])
        executables = {os.path.basename(report["process"]["exe"]) for report in result.reports}
        self.assertLessEqual(set(expected), executables)
        for report in result.reports:
            self.plausible.check(self, report)
        self.assertGreaterEqual(max(report["host"]["totals"]["alloc_count"] for report in result.reports), least_allocations)

    def test_bash(self):
        result = self.same(["/bin/bash", "-c", real_inputs.BASH_SCRIPT], exit_code=3, least_allocations=1000)
        self.assertGreater(len(result.reports), 5)  # the subshells report themselves

    def test_python(self):
        self.same([system_python(), "-c", real_inputs.PYTHON_SCRIPT], exit_code=7, least_allocations=2000)

    def test_python_with_malloc(self):
        result = self.same([system_python(), "-c", real_inputs.PYTHON_SCRIPT], env={"PYTHONMALLOC": "malloc"}, exit_code=7,
                           least_allocations=100_000)
        self.assertGreater(result.report["host"]["totals"]["peak_bytes"], 1_000_000)

    def test_git_log(self):
        repository = self.folder / "git-log"
        real_inputs.write_repository(repository)
        self.same(["/usr/bin/git", "log", "-p", "--stat"], cwd=repository, least_allocations=5000)
        self.same(["/usr/bin/git", "blame", "file3.txt"], cwd=repository, least_allocations=500)

    def test_git_gc(self):
        # One path for both runs: the repository is made anew in between.
        repository = self.folder / "git-gc"
        outcomes = []
        for run in (run_alone, run_under_weir):
            shutil.rmtree(repository, ignore_errors=True)
            real_inputs.write_repository(repository)
            gc = run(["/usr/bin/git", "gc", "--aggressive", "--prune=now"], env=STEADY, cwd=repository)
            state = [run_alone(["/usr/bin/git", *arguments], env=STEADY, cwd=repository).stdout
                     for arguments in (("fsck", "--full"), ("rev-list", "--all", "--objects"), ("count-objects", "-v"))]
            outcomes.append((gc.returncode, gc.stdout, gc.stderr, state[:2], re.sub(rb"size.*\n", b"", state[2])))
        self.assertEqual(outcomes[1], outcomes[0])
        self.assertEqual(outcomes[0][0], 0)
        self.check_reports(gc, 500, ["git"])
        self.assertGreater(len(gc.reports), 3)  # git gc is many processes

    def test_sqlite(self):
        self.same(["/usr/bin/sqlite3", ":memory:"], input=real_inputs.SQLITE_SCRIPT.encode(), exit_code=1,
                  least_allocations=5000)

    def test_perl(self):
        self.same(["/usr/bin/perl", "-e", real_inputs.PERL_SCRIPT], exit_code=4, least_allocations=50_000)

    def test_cc1plus(self):
        result = self.same(["/usr/bin/g++", "-std=c++17", "-O1", "-S", "-o", "-", str(self.tree / "big.cpp")],
                           expected=["cc1plus"], least_allocations=200_000, timeout=300)
        self.assertGreater(result.report_of("cc1plus")["host"]["totals"]["peak_bytes"], 10_000_000)

    def test_openssl(self):
        key = self.folder / "key.pem"
        run_alone(["/usr/bin/openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-out", key])
        self.same(["/usr/bin/openssl", "dgst", "-sha256", "-sign", key, self.tree / "numbers.txt"], least_allocations=1000)
        self.same(["/usr/bin/openssl", "pkey", "-in", key, "-text"], least_allocations=1000)
        self.same(["/usr/bin/openssl", "enc", "-aes-256-cbc", "-pbkdf2", "-S", "0011223344556677", "-k", "secret", "-in",
                   self.tree / "numbers.txt"], least_allocations=1000)

    def test_jq(self):
        self.same(["/usr/bin/jq", "-c", "[.rows[] | select(.on)] | group_by(.name) | map({n: .[0].name, c: length})",
                   self.tree / "data.json"], least_allocations=50_000)
        self.same(["/usr/bin/jq", ".rows["], exit_code=3)

    def test_xmllint(self):
        self.same(["/usr/bin/xmllint", "--format", self.tree / "data.xml"], least_allocations=20_000)
        self.same(["/usr/bin/xmllint", "--xpath", "count(//row[name='n7'])", self.tree / "data.xml"], least_allocations=20_000)

    def test_tar(self):
        pack = ["/bin/tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "-C", self.folder, "-c"]
        self.same([*pack, "-f", "-", "tree"], least_allocations=200)
        self.same([*pack, "-z", "-f", "-", "tree"], least_allocations=200)
        self.same(["/bin/tar", "-C", self.folder, "-c", "-f", "-", "absent"], exit_code=2)

    def test_find(self):
        self.same(["/usr/bin/find", self.tree, "-name", "leaf1*", "-size", "+1k", "-printf", "%p %s\n"], least_allocations=50)
        self.same(["/usr/bin/find", self.tree, "-name", "*.xml", "-exec", "/bin/echo", "{}", ";"], least_allocations=50)

    def test_node(self):
        self.same([shutil.which("node"), "-e", real_inputs.NODE_SCRIPT], exit_code=6, least_allocations=5000,
                  timeout=300)

    def test_gdb(self):
        self.same(["/usr/bin/gdb", "--batch", "-nx", "-ex", "info line main", "-ex", "ptype struct Mill", "-ex", "list main",
                   str(program("example_leak"))], least_allocations=5000)

    def test_gdb_runs_a_program(self):
        # The debugged program gets the preload, too: its own report is there beside gdb's.
        self.same(["/usr/bin/gdb", "--batch", "-nx", "-ex", "set startup-with-shell off", "-ex", "break open_ledger", "-ex",
                   "run", "-ex", "backtrace", "-ex", "delete", "-ex", "continue", str(program("example_leak"))],
                  normalise=lambda text: re.sub(rb"process \d+|0x[0-9a-f]+", b"N", text), least_allocations=5000,
                  expected=["gdb", "example_leak"], timeout=300)

    def test_sort_with_threads(self):
        self.same(["/usr/bin/sort", "--parallel=4", "-S", "8M", "-n", self.tree / "numbers.txt"], least_allocations=30)

    def test_make(self):
        outcomes = []
        project = self.folder / "project"
        for run in (run_alone, run_under_weir):
            shutil.rmtree(project, ignore_errors=True)
            real_inputs.write_project(project)
            make = run(["/usr/bin/make", "-j2"], env=STEADY, cwd=project, timeout=300)
            outcomes.append((make.returncode, make.stdout, make.stderr, (project / "product").read_bytes()))
        self.assertEqual(outcomes[1], outcomes[0])
        self.assertEqual(outcomes[0][0], 0)
        self.check_reports(make, 1000, ["make", "cc1plus", "x86_64-linux-gnu-as", "x86_64-linux-gnu-ld.bfd"])
        compilers = [r for r in make.reports if os.path.basename(r["process"]["exe"]) == "cc1plus"]
        self.assertEqual(len(compilers), 5)


class Redis(unittest.TestCase):
    """redis-server, which brings jemalloc, under redis-benchmark on the loopback device."""

    COMMANDS = (b"RPUSH list a b c d\r\nLRANGE list 0 -1\r\nSET text " + b"x" * 5000 + b"\r\nSTRLEN text\r\n"
                b"EVAL \"local t = {} for i = 1, 500 do t[i] = i * i end return #t\" 0\r\nHSET h f 1 g 2\r\nHGETALL h\r\n")

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-redis-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        # Debian's redis-tools has the server under another name: which of its faces the binary shows is in its own name.
        (self.folder / "redis-server").symlink_to("/usr/bin/redis-check-rdb")

    def serve(self, env):
        """Runs a server through the benchmark and some commands: (exit code, benchmark's exit code, replies)."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        log = self.folder / "log"
        with log.open("wb") as output:
            server = subprocess.Popen([self.folder / "redis-server", "--port", str(port), "--save", "", "--bind", "127.0.0.1",
                                       "--dir", str(self.folder)], env=env, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    self.assertIsNone(server.poll(), log.read_text())
                    time.sleep(0.02)
            benchmark = run_alone(["/usr/bin/redis-benchmark", "-h", "127.0.0.1", "-p", str(port), "-n", "20000", "-q", "-r",
                                   "5000", "-d", "100", "-t", "set,get,incr,lpush,hset,zadd,lrange_100,mset"], timeout=300)
            with socket.create_connection(("127.0.0.1", port), 30) as client:
                client.sendall(b"FLUSHALL\r\n" + self.COMMANDS + b"QUIT\r\n")
                replies = b"".join(iter(lambda: client.recv(65536), b""))
            with socket.create_connection(("127.0.0.1", port), 30) as client:
                client.sendall(b"SHUTDOWN NOSAVE\r\n")
                client.recv(100)
            return server.wait(60), benchmark.returncode, replies
        finally:
            if server.poll() is None:
                server.send_signal(signal.SIGKILL)
                server.wait()

    def test_redis(self):
        alone = self.serve(clean_environment(STEADY))
        self.assertEqual(alone[:2], (0, 0))
        self.assertIn(b":500\r\n", alone[2])
        reports = self.folder / "reports"
        under = self.serve(clean_environment(STEADY) | {"LD_PRELOAD": str(library()),
                                                        "WEIR_REPORT": str(reports / "%p.json")})
        self.assertEqual(under, alone)
        names = list(reports.iterdir())
        self.assertEqual(len(names), 1)
        report = json.loads(names[0].read_text())
        totals = report["host"]["totals"]
        self.assertEqual([e.message for e in Plausible().validator.iter_errors(report)], [])
        self.assertEqual(totals["live_count"], totals["alloc_count"] - totals["free_count"])
        self.assertEqual(report["process"]["exit_status"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
