"""Misuse of the heap is named: kind, stacks of the call, of the allocation and of the free; and no correct program is accused."""

import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import heap_error_generator
import real_inputs
from test_planted_leaks import plain_name
from test_real_programs import STEADY, Plausible
from weir_test import (call_sites, make_git_repository, program, run_alone, run_under_weir, run_weir, symbolise,
                       system_python)

SEED = int(os.environ.get("WEIR_SEED") or random.SystemRandom().randrange(10**9))
DAMAGE = ("overflow", "use_after_free")


def own_sites(report, stack, source):
    """(function, line) of each frame of the source's, innermost first."""
    return [(plain_name(function), line) for function, file, line in call_sites(report, stack)
            if file and os.path.basename(file) == source]


class Generated(unittest.TestCase):
    """Each kind, 20 variants each, by both compilers, and the correct twins."""

    @classmethod
    def setUpClass(cls):
        print(f"seed: WEIR_SEED={SEED}", file=sys.stderr, flush=True)
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-faults-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.generated = heap_error_generator.generate(SEED)
        cls.source = cls.folder / "faults.cpp"
        cls.source.write_text(cls.generated.source)

    def build(self, compiler, optimisation, *flags):
        binary = self.folder / f"faults-{compiler}{optimisation}{''.join(flags)}"
        subprocess.run([compiler, "-g", optimisation, "-std=c++17", "-fsized-deallocation", "-fomit-frame-pointer", "-w",
                        *flags, "-o", binary, self.source, "-pthread"], check=True)
        return binary

    def run_faults(self, binary, what, **options):
        result = run_under_weir([binary, what], weir_options=options)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"done\n", b""), options)
        return result

    def find_all(self, compiler, optimisation):
        binary = self.build(compiler, optimisation)
        calls = self.run_faults(binary, "calls")
        self.check(calls, [fault for fault in self.generated.faults if not fault.writes], guarded=False)
        for what in ("calls", "writes"):
            guarded = self.run_faults(binary, what, GUARD="256MiB")
            self.check(guarded, [fault for fault in self.generated.faults if fault.writes == (what == "writes")], guarded=True)
        self.accuse_nobody(self.build(compiler, optimisation, "-DTWIN"))

    def accuse_nobody(self, twin):
        for what, options in (("calls", {}), ("calls", {"GUARD": "256MiB"}), ("writes", {"GUARD": "256MiB"}),
                              ("calls", {"HOST_POOL": "off"}), ("calls", {"SAMPLE": "64KiB"}), ("calls", {"DEBUG": "on"})):
            self.assertEqual(self.run_faults(twin, what, **options).report["errors"], [], (what, options))

    def check(self, result, faults, guarded):
        report = symbolise(result.report_texts[0])
        self.assertEqual([error.message[:300] for error in Plausible().validator.iter_errors(report)], [])
        rows = {}
        for row in report["errors"]:
            rows.setdefault(self.key_of_row(report, row), []).append(row)
        for fault in faults:
            what = f"fault {fault.number}: {fault.kind} of {fault.form}, line {fault.line}, other thread: {fault.other_thread}"
            key = ("made at", fault.make_line) if fault.writes else ("called at", fault.line)
            found = rows.pop(key, [])
            self.assertEqual([row["kind"] for row in found], [fault.kind], what)
            with self.subTest(what):
                self.check_row(report, found[0], fault, guarded)
        self.assertEqual(rows, {}, "found where nothing is wrong")

    def key_of_row(self, report, row):
        damage = row["kind"] in DAMAGE and row["call"] != "malloc_usable_size"
        sites = own_sites(report, row["allocation"]["stack"] if damage else row["stack"], self.source.name)
        return ("made at" if damage else "called at", sites[0][1] if sites else None)

    def check_row(self, report, row, fault, guarded):
        self.assertEqual((row["memory"], row["count"]), ("host", 1))
        if not fault.writes:
            self.assertEqual(own_sites(report, row["stack"], self.source.name)[:len(fault.chain)], fault.chain)
        if not fault.family:
            self.assertNotIn("allocation", row)
            self.assertIn("place", row)
            return
        allocation = row["allocation"]
        self.assertEqual((allocation["bytes"], allocation["family"]), (fault.bytes, fault.family))
        self.assertEqual(own_sites(report, allocation["stack"], self.source.name)[0], (f"make_{fault.number}", fault.make_line))
        if allocation["thread"] is not None and not fault.writes:
            self.assertEqual(allocation["thread"] != row["thread"], fault.other_thread in ("make", "wrong"))
        self.assertEqual("free" in row, fault.free_line != 0)
        if fault.free_line:
            self.check_free(report, row, fault, guarded)

    def check_free(self, report, row, fault, guarded):
        freed = row["free"]
        self.assertGreater(freed["thread"], 0)
        self.assertEqual(freed["thread"] != 1, fault.other_thread == "free")
        self.assertLessEqual(freed["ns"], row["ns"])
        if guarded:
            self.assertEqual(own_sites(report, freed["stack"], self.source.name)[0], (f"free_{fault.number}", fault.free_line))
            self.assertLessEqual(row["allocation"]["ns"], freed["ns"])
        else:
            self.assertIsNone(freed["stack"])


class Answers(unittest.TestCase):
    """WEIR_ON_ERROR, and where errors are told."""

    def run_misuse(self, name="heap_misuse", **options):
        return run_under_weir([program(name)], weir_options=options)

    def test_report_lists_them_and_the_program_goes_on(self):
        result = self.run_misuse(ON_ERROR="report")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"alive\n", b""))
        self.assertEqual([row["kind"] for row in result.report["errors"]], ["double_free", "interior_free"])

    def test_ignore_lists_none_and_still_counts_them(self):
        result = self.run_misuse(ON_ERROR="ignore")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"alive\n", b""))
        self.assertEqual(result.report["errors"], [])
        self.assertEqual(result.report["host"]["totals"]["double_free_count"], 1)

    def test_abort_ends_the_process_at_the_call_with_one_line_and_a_report(self):
        result = self.run_misuse(ON_ERROR="abort")
        self.assertEqual((result.returncode, result.stdout), (-signal.SIGABRT, b""))
        self.assertRegex(result.stderr.decode(), r"\Aweir: heap error: double_free at 0x[0-9a-f]+, found by free; .*\n\Z")
        self.assertEqual([row["kind"] for row in result.report["errors"]], ["double_free"])
        self.assertEqual(result.report["process"]["end"], "abort")
        self.assertEqual(self.run_misuse(ON_ERROR="abort", QUIET="on").stderr, b"")

    def test_a_program_that_survives_the_abort_goes_on(self):
        alone = run_alone([program("heap_error_in_handler")])
        self.assertEqual((alone.returncode, alone.stdout), (0, b"survived\n"), "what glibc makes of it")
        result = self.run_misuse("heap_error_in_handler", ON_ERROR="abort")
        self.assertEqual((result.returncode, result.stdout), (0, b"survived\n"), result.stderr)
        self.assertEqual([row["kind"] for row in result.report["errors"]], ["double_free"])
        self.assertEqual(result.report["host"]["totals"]["alloc_count"] >= 1000, True)

    def test_the_list_is_bounded_and_repeats_are_counted(self):
        result = self.run_misuse("heap_error_many")
        self.assertEqual(result.stdout, b"alive\n")
        rows = result.report["errors"]
        self.assertEqual(len(rows), 256)
        self.assertEqual({row["kind"] for row in rows}, {"interior_free"})
        self.assertEqual(sum(row["count"] for row in rows), 256)
        self.assertEqual(result.report["host"]["errors_left_out_count"], 42 + 2000)
        self.assertEqual(result.report["host"]["totals"]["interior_free_count"], 298 + 2000)

    def test_a_report_is_written_where_only_leaks_are_wanted(self):
        for answer, count in (("report", 1), ("ignore", 0)):
            result = self.run_misuse("heap_error_repeats", REPORT_IF="leaks", ON_ERROR=answer)
            self.assertEqual((result.returncode, len(result.reports)), (0, count), answer)

    def test_repeats_of_one_place_are_one_row(self):
        rows = self.run_misuse("heap_error_repeats").report["errors"]
        self.assertEqual([(row["kind"], row["count"]) for row in rows], [("double_free", 1000)])

    def test_a_childs_error_is_not_its_parents(self):
        result = self.run_misuse("heap_error_fork")
        self.assertEqual(result.stdout, b"alive\n")
        parent, child = sorted(result.reports, key=lambda report: len(report["errors"]))
        self.assertEqual(parent["errors"], [])
        self.assertEqual([row["kind"] for row in child["errors"]], ["double_free"])
        self.assertEqual(child["errors"][0]["allocation"]["bytes"], 100)

    def test_every_place_tells_them_first(self):
        self.assertRegex(self.run_misuse(VERBOSE="on").stderr.decode(), r"weir: report in [^:]*: 2 heap errors; \d+ blocks")
        with tempfile.TemporaryDirectory(prefix="weir-test-") as folder:
            text = run_weir(["run", "--", program("heap_misuse")], cwd=folder).stderr.decode()
        self.assertLess(text.index("Heap errors: 2\n  double free: free of 100 B at "), text.index("Host memory"))

    def test_without_the_pool_the_libc_still_finds_what_it_finds_alone(self):
        alone, under = run_alone([program("heap_misuse")]), self.run_misuse(HOST_POOL="off")
        self.assertEqual((under.returncode, under.stdout), (alone.returncode, alone.stdout))
        self.assertEqual(under.returncode, -signal.SIGABRT)


class Families(unittest.TestCase):
    """Every pair of a function that allocates and one that frees."""

    NAMES = [("malloc", None), ("new", None), ("new[]", None), ("new", 64), ("new[]", 64)]
    CALLS = [("free", None), ("operator delete", None), ("operator delete[]", None), ("operator delete", 64),
             ("operator delete[]", 64)]

    def test_all_wrong_pairs_and_no_right_one(self):
        wrong = sorted([(*self.NAMES[i], *self.CALLS[k]) for i in range(5) for k in range(5) if i != k] * 2, key=str)
        # The libc's blocks do not tell which alignment was asked for.
        without_form = [pair for pair in wrong if (pair[0], pair[2]) not in (("new", "operator delete"), ("new[]", "operator delete[]"))]
        without_form = sorted([(family, None, call, said) for family, _, call, said in without_form], key=str)
        for arguments in ([], ["threads"]):
            for options, expected in (({}, wrong), ({"GUARD": "on"}, wrong), ({"DEBUG": "on"}, wrong), ({"HOST_POOL": "off"}, without_form)):
                result = run_under_weir([program("heap_error_families"), *arguments], weir_options=options)
                self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"alive\n", b""), options)
                rows = result.report["errors"]
                self.assertEqual({row["kind"] for row in rows}, {"mismatched_free"})
                found = [(row["allocation"]["family"], row["allocation"].get("align_bytes"), row["call"], row.get("call_align_bytes"))
                         for row in rows for _ in range(row["count"])]
                self.assertEqual(sorted(found, key=str), expected, (arguments, options))
                self.assertEqual(result.report["host"]["totals"]["free_count"] >= 50, True, "all are freed all the same")


class NobodyIsAccused(unittest.TestCase):
    """Programs that look odd and are right."""

    def assert_none(self, argv, **options):
        result = run_under_weir(argv, weir_options=options)
        for report in result.reports:
            self.assertEqual(report["errors"], [], (argv, options))
        return result

    def test_blocks_of_the_libc_are_freed_by_it(self):
        for options in ({}, {"HOST_POOL": "off"}, {"GUARD": "on"}, {"SAMPLE": "64KiB"}):
            result = self.assert_none([program("hostile_foreign_blocks")], **options)
            self.assertGreater(result.report["host"]["totals"]["foreign_free_count"], 40)

    def test_operators_of_the_programs_own(self):
        alone = run_alone([program("hostile_own_operators")])
        self.assertEqual(alone.returncode, 0)
        for options in ({}, {"HOST_POOL": "off"}, {"GUARD": "on"}, {"SAMPLE": "1KiB"}, {"TRACK": "mmap"}):
            result = self.assert_none([program("hostile_own_operators")], **options)
            self.assertEqual((result.returncode, result.stdout), (0, alone.stdout), options)

    def test_operators_of_a_library_that_binds_its_own(self):
        """Its new is malloc, the program's delete is Weir's: without Weir both would be the library's."""
        with tempfile.TemporaryDirectory(prefix="weir-test-") as folder:
            folder = pathlib.Path(folder)
            (folder / "library.cpp").write_text("""#include <cstdlib>
                void* operator new(size_t bytes) { return malloc(bytes); }
                void operator delete(void* block) noexcept { free(block); }
                void operator delete(void* block, size_t) noexcept { free(block); }
                int* make() { return new int(1); }
                void destroy(int* number) { delete number; }""")
            (folder / "main.cpp").write_text("""#include <cstdio>
                int* make(); void destroy(int*);
                int main() { delete make(); destroy(new int(2)); puts("right"); }""")
            subprocess.run(["g++", "-shared", "-fPIC", "-O1", "-Wl,-Bsymbolic", "-o", folder / "library.so", folder / "library.cpp"],
                           check=True)
            subprocess.run(["g++", "-O1", "-o", folder / "main", folder / "main.cpp", folder / "library.so",
                            f"-Wl,-rpath,{folder}"], check=True)
            self.assertEqual(self.assert_none([folder / "main"]).stdout, b"right\n")

    def test_the_programs_of_the_other_tests_under_guard(self):
        for name, *arguments in (["heap_aligned"], ["heap_families"], ["heap_calloc_reused"], ["heap_counts", "1000"],
                                 ["heap_realloc_race"], ["heap_usable_bytes"], ["hostile_threads"], ["hostile_thread_exit"],
                                 ["hostile_semantics"], ["hostile_own_allocator"], ["hostile_seccomp_filter"]):
            for options in ({"GUARD": "on"}, {"GUARD": "1MiB"}, {}):
                argv = [program(name), *arguments]
                alone, under = run_alone(argv), self.assert_none(argv, **options)
                self.assertEqual((under.returncode, under.stdout), (alone.returncode, alone.stdout), (name, options))

    def test_a_child_of_many_threads_under_guard(self):
        for _ in range(3):
            result = self.assert_none([program("process_fork_threads")], GUARD="on")
            self.assertGreater(len(result.reports), 1)

    def test_blocks_of_signal_handlers(self):
        for options in ({"GUARD": "on"}, {}):  # alone it may hang: glibc's malloc must not be called there
            self.assertEqual(self.assert_none([program("hostile_signal_malloc")], **options).returncode, 3)


class Guard(unittest.TestCase):
    def test_what_it_cannot_be_combined_with_is_said(self):
        for options in ({"HOST_POOL": "off"}, {"SAMPLE": "64KiB"}, {"TRACK": "mmap"}):
            result = run_under_weir([program("heap_misuse")], weir_options={"GUARD": "on", **options})
            self.assertIn(b"weir: WEIR_GUARD needs the pool and a record of every block: blocks are not guarded\n", result.stderr)

    def test_a_write_is_found_when_the_block_leaves(self):
        result = run_under_weir([program("heap_error_late_write")], weir_options={"GUARD": "1MiB"})
        self.assertEqual((result.returncode, result.stdout), (0, b"alive\n"))
        rows = {row["offset_bytes"]: row for row in result.report["errors"]}
        self.assertEqual({offset: row["call"] for offset, row in rows.items()},
                         {7: "the end of the quarantine", 9: "the end of the process"})
        for row in rows.values():
            self.assertEqual((row["kind"], row["allocation"]["bytes"], row["allocation"]["thread"]), ("use_after_free", 100, 1))
            self.assertLess(row["free"]["ns"], row["ns"])

    def test_real_programs_have_no_error(self):
        with tempfile.TemporaryDirectory(prefix="weir-test-") as folder:
            make_git_repository(folder)
            for argv, env, script, cwd in (
                    ([system_python(), "-c", real_inputs.PYTHON_SCRIPT], {"PYTHONMALLOC": "malloc"}, None, None),
                    (["/usr/bin/perl", "-e", real_inputs.PERL_SCRIPT], {}, None, None),
                    (["/usr/bin/git", "log", "-p", "--stat"], {}, None, folder),
                    (["/usr/bin/sqlite3", ":memory:"], {}, real_inputs.SQLITE_SCRIPT.encode(), None),
                    (["/bin/bash", "-c", real_inputs.BASH_SCRIPT], {}, None, None)):
                with self.subTest(argv[0]):
                    self.compare(argv, STEADY | env, script, cwd)

    def compare(self, argv, env, script, cwd):
        alone = run_alone(argv, env=env, input=script, cwd=cwd)
        under = run_under_weir(argv, env=env, input=script, cwd=cwd, weir_options={"GUARD": "on"}, timeout=300)
        self.assertEqual((under.returncode, under.stdout, under.stderr), (alone.returncode, alone.stdout, alone.stderr))
        self.assertTrue(under.reports)
        for report in under.reports:
            self.assertEqual(report["errors"], [])


def add_tests():
    for compiler in ("g++", "clang++"):
        for optimisation in ("-O0", "-O2"):
            def test(self, compiler=compiler, optimisation=optimisation):
                self.find_all(compiler, optimisation)
            setattr(Generated, f"test_{compiler}{optimisation}".replace("+", "x").replace("-", "_"), test)


add_tests()

if __name__ == "__main__":
    unittest.main(verbosity=2)
