"""Programs that are hard on a preload: each runs alone and under Weir, must behave the same, and leaves a whole report or none
and one clear line. Most leak one block of 54321 bytes, which a whole report lists exactly once."""

import json
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import unittest

import weir_test

PLANTED = 54321
NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def is_root():
    return os.geteuid() == 0


def planted_leaks(reports):
    return [leak for report in reports for leak in report["leaks"] if leak["bytes"] == PLANTED]


def module(name):
    return str(weir_test.program("modules") / f"{name}.so")


class Hostile(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-hostile-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def assert_same(self, tracked, alone, lines=0):
        """`lines`: how many lines of Weir's own may come on stderr."""
        self.assertEqual((tracked.returncode, tracked.stdout), (alone.returncode, alone.stdout), tracked.stderr)
        own = [line for line in tracked.stderr.splitlines(True) if line.startswith(b"weir: ")]
        self.assertEqual(b"".join(line for line in tracked.stderr.splitlines(True) if line not in own), alone.stderr)
        self.assertLessEqual(len(own), lines, own)
        return own

    library = None  # another copy of the library than the build's

    def compare(self, name, *arguments, options=None, env=None, planted=1, lines=0):
        """Runs a program both ways; returns the run under Weir. `planted`: how often the planted leak is listed, None: not asked."""
        argv = [weir_test.program(name), *map(str, arguments)]
        alone = weir_test.run_alone(argv, env=env)
        self.assertNotEqual(alone.returncode, 77, "cannot be tried here")
        tracked = weir_test.run_under_weir(argv, env=env, weir_options=options)
        self.assert_same(tracked, alone, lines)
        if planted is not None:
            self.assertEqual([leak["count"] for leak in planted_leaks(tracked.reports)], [1] * planted)
            self.assertEqual(tracked.other_files, [])
        return tracked

    def compile(self, name, *flags):
        """A program built in a way of its own."""
        source = weir_test.REPOSITORY / "tests" / "programs" / f"{name}.cpp"
        subprocess.run(["c++", "-O1", "-g", "-fno-builtin", "-w", *flags, source, "-o", self.folder / name], check=True)
        return self.folder / name

    def run_behind(self, prefix, argv, report, env=None):
        """Runs `prefix` without Weir, which then starts argv under it."""
        variables = {"LD_PRELOAD": self.library or weir_test.library(), "WEIR_REPORT": report, **(env or {})}
        settings = [f"{name}={value}" for name, value in variables.items()]
        return weir_test.run_alone([*prefix, "env", *settings, *argv])


class ReportFile(Hostile):
    """Where the report cannot be written as asked."""

    def setUp(self):
        super().setUp()
        self.argv = [weir_test.program("hostile_leak")]
        self.alone = weir_test.run_alone(self.argv)

    def run_with_report(self, path, lines=0, prefix=()):
        own = self.assert_same(self.run_behind(prefix, self.argv, path), self.alone, lines)
        if lines:
            self.assertEqual(len(own), lines)
            self.assertIn(b"report", own[0])
        return own

    def read(self, path):
        report = json.loads(pathlib.Path(path).read_bytes())
        self.assertEqual(len(planted_leaks([report])), 1)
        return report

    def test_missing_folder_is_made(self):
        path = self.folder / "a" / "b" / "c" / "out.json"
        self.run_with_report(path)
        self.read(path)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_file_in_the_place_of_a_folder(self):
        (self.folder / "file").write_bytes(b"kept")
        self.run_with_report(self.folder / "file" / "out.json", lines=1)
        self.assertEqual((self.folder / "file").read_bytes(), b"kept")

    def test_unwritable_folder(self):
        inner = self.folder / "inner"
        inner.mkdir(mode=0o500)
        self.folder.chmod(0o755)
        if is_root():  # nobody may not be able to come to the build tree
            self.library = shutil.copy(weir_test.library(), self.folder)
            self.argv = [shutil.copy(self.argv[0], self.folder), *self.argv[1:]]
        self.run_with_report(inner / "out.json", lines=1, prefix=AS_NOBODY if is_root() else ())
        self.assertEqual(os.listdir(inner), [])

    def test_file_size_limit(self):
        self.run_with_report(self.folder / "out.json", lines=1, prefix=["prlimit", "--fsize=1000"])
        self.assertEqual(os.listdir(self.folder), [])

    def test_full_file_system(self):
        if not is_root() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", self.folder],
                                           capture_output=True).returncode != 0:
            self.skipTest("a small file system cannot be mounted here")
        try:
            self.run_with_report(self.folder / "out.json", lines=1)
            self.assertEqual(os.listdir(self.folder), [])
        finally:
            subprocess.run(["umount", self.folder], check=True)

    def test_planted_symlink_is_not_followed(self):
        victim = self.folder / "victim"
        victim.write_bytes(b"kept")
        path = self.folder / "out.json"
        path.symlink_to(victim)
        self.run_with_report(path)
        self.assertEqual(victim.read_bytes(), b"kept")
        self.assertTrue(path.is_symlink())
        self.read(self.folder / "out.1.json")

    def test_planted_symlink_to_nothing_makes_nothing(self):
        path = self.folder / "out.json"
        path.symlink_to(self.folder / "made")
        self.run_with_report(path)
        self.assertFalse((self.folder / "made").exists())
        self.read(self.folder / "out.1.json")

    def test_planted_symlink_is_not_followed_to_overwrite(self):
        victim = self.folder / "victim"
        victim.write_bytes(b"kept")
        path = self.folder / "out.json"
        path.symlink_to(victim)
        tracked = self.run_behind([], self.argv, path, {"WEIR_OVERWRITE": "on"})
        self.assert_same(tracked, self.alone)
        self.assertEqual(victim.read_bytes(), b"kept")

    def test_no_descriptors_left(self):
        self.argv = [weir_test.program("hostile_no_descriptors")]
        self.run_with_report(self.folder / "out.json", lines=1)


class MemoryShort(Hostile):
    """Whatever lives under the libc's malloc in so little address space lives under Weir."""

    LIMITS = [20, 30, 40]

    def compare_limited(self, name, megabytes, lines, options=None):
        argv = [weir_test.program(name)]
        prefix = ["prlimit", f"--as={megabytes << 20}"]
        path = self.folder / f"{name}.{megabytes}.json"
        self.assert_same(self.run_behind(prefix, argv, path, options), weir_test.run_alone([*prefix, *argv]), lines)
        return json.loads(path.read_bytes()) if path.exists() else None

    def test_takes_all_there_is(self):
        for options in ({}, {"WEIR_HOST_POOL": "off"}):
            for megabytes in self.LIMITS:
                with self.subTest(megabytes=megabytes, options=options):
                    self.compare_limited("hostile_memory_short", megabytes, 1, options)

    def test_small_program(self):
        for megabytes in self.LIMITS:
            with self.subTest(megabytes=megabytes):
                report = self.compare_limited("hostile_leak", megabytes, 1)
                if report is not None:
                    self.assertEqual(len(planted_leaks([report])), 1)

    def test_more_than_the_machine_has(self):
        for options in (None, {"HOST_POOL": "off"}):
            with self.subTest(options):
                self.compare("hostile_beyond_memory", options=options, planted=0)

    def test_small_program_in_40_megabytes_has_its_report(self):
        self.assertIsNotNone(self.compare_limited("hostile_leak", 40, 0))

    def test_interpreters(self):
        for argv in (["/usr/bin/perl", "-e", "my @a = map { \"x\" x $_ } 1..1000; print scalar(@a), \"\\n\";"],
                     ["/bin/bash", "-c", "for i in {1..2000}; do a[i]=$i; done; echo ${#a[@]}"]):
            for megabytes in self.LIMITS:
                with self.subTest(argv=argv[0], megabytes=megabytes):
                    prefix = ["prlimit", f"--as={megabytes << 20}"]
                    tracked = self.run_behind(prefix, argv, self.folder / "%e.%p.json")
                    self.assert_same(tracked, weir_test.run_alone([*prefix, *argv]), 1)


class Confined(Hostile):
    def test_seccomp_strict(self):
        self.compare("hostile_seccomp_strict")

    def test_seccomp_filter_that_kills(self):
        # The report was written before the filter: it cannot know of the leak that came after.
        for options in ({}, {"HOST_POOL": "off"}):
            tracked = self.compare("hostile_seccomp_filter", options=options, planted=0)
            self.assertIsNotNone(tracked.report)

    def test_without_the_time_stamp_counter(self):
        self.compare("hostile_tsc")
        self.compare("hostile_tsc", env={"ALLOW_AGAIN": "1"})

    def test_closes_all_descriptors(self):
        self.compare("hostile_closes_descriptors")

    @unittest.skipUnless(is_root(), "needs root")
    def test_changes_root(self):
        for drop in ([], ["drop"]):
            with self.subTest(drop=drop):
                jail = self.folder / f"jail{len(drop)}"
                jail.mkdir()
                path = self.folder / "reports" / "out.json"
                argv = [weir_test.program("hostile_chroot"), jail, *drop]
                tracked = self.run_behind([], argv, path)
                own = self.assert_same(tracked, weir_test.run_alone(argv), 1)
                found = [p for p in self.folder.rglob("*.json")]
                self.assertEqual(len(found) + len(own), 1)
                for file in found:
                    self.assertEqual(len(planted_leaks([json.loads(file.read_bytes())])), 1)
                    file.unlink()

    @unittest.skipUnless(is_root(), "needs root")
    def test_drops_privileges(self):
        argv = [weir_test.program("hostile_drops_privileges")]
        alone = weir_test.run_alone(argv)
        for mode, written in ((0o777, True), (0o700, False)):
            with self.subTest(mode=oct(mode)):
                folder = self.folder / oct(mode)
                folder.mkdir()
                folder.chmod(mode)
                self.folder.chmod(0o755)
                own = self.assert_same(self.run_behind([], argv, folder / "out.json"), alone, 0 if written else 1)
                self.assertEqual(len(own), 0 if written else 1)
                self.assertEqual(os.listdir(folder), ["out.json"] if written else [])


class Processes(Hostile):
    def test_blocks_all_signals(self):
        self.compare("hostile_blocks_signals")

    def test_waits_for_any_child(self):
        for options in ({}, {"SYMBOLIZE": "exit"}):
            with self.subTest(options=options):
                self.compare("hostile_waits_any", options=options)

    def test_forks_with_threads_running(self):
        tracked = self.compare("hostile_fork_storm")
        # The program itself and 100 children with a child each.
        self.assertEqual(len(tracked.reports), 201)


class Unusual(Hostile):
    """Allocation where none is expected."""

    def assert_handled(self, name, said, timeout=120):
        # Not compared: the libc's own malloc may hang when a handler interrupts it.
        tracked = weir_test.run_under_weir([weir_test.program(name)], timeout=timeout)
        self.assertEqual((tracked.returncode, tracked.stdout, tracked.stderr), (3, said, b""))
        self.assertEqual(len(planted_leaks(tracked.reports)), 1)
        totals = tracked.report["host"]["totals"]
        self.assertEqual((totals["double_free_count"], totals["interior_free_count"]), (0, 0))
        # Everything was freed but the planted block, stdio's buffer and what the libc keeps for the thread.
        self.assertLess(totals["live_bytes"], PLANTED + 10_000)

    def test_signal_handlers(self):
        self.assert_handled("hostile_signal_malloc", b"handled\n")

    def test_a_handler_at_each_instruction(self):
        self.assert_handled("hostile_signal_steps", b"stepped\n", timeout=60)

    def test_thread_exit_destructors(self):
        self.compare("hostile_thread_exit")

    def test_what_the_libc_frees_of_an_ended_thread(self):
        self.compare("hostile_late_free", planted=0)

    def test_ends_on_a_small_stack(self):
        for end in ("_exit", "exit", "abort"):
            with self.subTest(end):
                tracked = self.compare("hostile_small_handler_stack", end, planted=0)
                self.assertEqual(tracked.report["process"]["end"], end)

    def test_a_line_that_nobody_reads_ends_nobody(self):
        """By SIGPIPE, where its standard error is a pipe of which the other end is closed."""
        argv = [weir_test.program("process_return")]
        reading, writing = os.pipe()
        os.close(reading)
        self.addCleanup(os.close, writing)
        env = weir_test.clean_environment({"LD_PRELOAD": weir_test.library(), "WEIR_TIMELINE": "nonsense",
                                           "WEIR_REPORT": self.folder / "report.json"})
        tracked = subprocess.run(argv, env=env, stdout=subprocess.PIPE, stderr=writing)
        self.assertEqual(tracked.returncode, weir_test.run_alone(argv).returncode)
        self.assertEqual(json.loads((self.folder / "report.json").read_bytes())["process"]["end"], "exit")

    def test_before_constructors(self):
        tracked = self.compare("hostile_before_constructors")
        self.assertEqual(tracked.report["host"]["mmap"]["totals"]["live_bytes"], 0)

    def test_thousand_threads(self):
        tracked = self.compare("hostile_threads")
        self.assertGreaterEqual(tracked.report["host"]["totals"]["thread_count"], 1000)


class OtherAllocators(Hostile):
    def test_dlsym(self):
        self.compare("hostile_dlsym_malloc")

    def test_functions_of_the_libcs_handle(self):
        tracked = self.compare("hostile_libc_handle_free", planted=0)
        self.assertEqual(tracked.report["host"]["totals"]["interior_free_count"], 0)

    def test_memory_that_weir_never_saw(self):
        tracked = self.compare("hostile_foreign_blocks")
        self.assertGreater(tracked.report["host"]["totals"]["foreign_free_count"], 0)

    def test_own_allocator(self):
        tracked = self.compare("hostile_own_allocator", planted=0)
        self.assertIn("malloc of its own", json.dumps(tracked.report["warnings"]))

    def test_own_malloc_that_passes_on(self):
        tracked = self.compare("hostile_malloc_wrapper")
        self.assertEqual(tracked.report["warnings"], [])

    def test_program_at_a_fixed_address(self):
        program = self.compile("hostile_fixed_address", "-no-pie", "-fno-pic")
        tracked = weir_test.run_under_weir([program])
        self.assert_same(tracked, weir_test.run_alone([program]))
        (leak,) = planted_leaks(tracked.reports)
        self.assertEqual(leak["samples"][0]["family"], "new[]")  # served by Weir, not passed to a malloc of the program's

    def test_other_preload(self):
        argv = [weir_test.program("hostile_other_preload")]
        other = module("hostile_preload")
        alone = weir_test.run_alone(argv, env={"LD_PRELOAD": other})
        for order in (f"{other}:{weir_test.library()}", f"{weir_test.library()}:{other}"):
            with self.subTest(order=order):
                path = self.folder / "out.json"
                tracked = weir_test.run_alone(argv, env={"LD_PRELOAD": order, "WEIR_REPORT": path})
                self.assert_same(tracked, alone)
                report = json.loads(path.read_bytes())
                self.assertEqual(len(planted_leaks([report])), 1)
                self.assertEqual(report["warnings"], [])
                path.unlink()

    def test_preload_that_wraps_the_libcs_free(self):
        argv, other = [weir_test.program("hostile_libc_handle_free")], module("hostile_free_wrapper")
        self.assertTrue(os.path.exists(other), "the loader only warns of a preload that is not there")
        alone = weir_test.run_alone(argv, env={"LD_PRELOAD": other})
        self.assertEqual(alone.returncode, 0)
        for order in (f"{other}:{weir_test.library()}", f"{weir_test.library()}:{other}"):
            for pool in ("on", "off"):
                with self.subTest(order=order, pool=pool):
                    tracked = weir_test.run_alone(argv, env={"LD_PRELOAD": order, "WEIR_HOST_POOL": pool, "WEIR_REPORT": "off"})
                    self.assert_same(tracked, alone)

    def test_deeply_bound_plugin(self):
        for library, binding in (("hostile_plugin", "lazy"), ("hostile_plugin", "now"), ("hostile_plugin_now", "lazy")):
            with self.subTest(library=library, binding=binding):
                self.compare("hostile_deepbind", module(library), binding)

    def test_library_loaded_in_a_loop(self):
        tracked = self.compare("hostile_dlopen_loop", module("hostile_plugin"))
        self.assertLess(len(tracked.report["modules"]), 20)
        self.assertLess(tracked.report["host"]["metadata_bytes"], 16 << 20)

    def test_libstdcxx_of_its_own(self):
        library = subprocess.run(["c++", "-print-file-name=libstdc++.so.6"], capture_output=True, text=True).stdout.strip()
        shutil.copy(library, self.folder / "libstdc++.so.6")
        program = self.compile("hostile_newer_libstdcxx", f"-Wl,-rpath,{self.folder}")
        alone = weir_test.run_alone([program])
        self.assertIn(f"1 {self.folder}/libstdc++.so.6".encode(), alone.stdout)
        tracked = weir_test.run_under_weir([program])
        self.assert_same(tracked, alone)
        self.assertEqual(len(planted_leaks(tracked.reports)), 1)


class Semantics(Hostile):
    MODES = ({}, {"HOST_POOL": "off"}, {"HOST_MIN_ALIGN": "64"}, {"WEIR": "off"})

    def test_corners_of_the_malloc_family(self):
        for options in self.MODES:
            with self.subTest(options=options):
                tracked = self.compare("hostile_semantics", options=options, planted=None)
                for report in tracked.reports:
                    self.assertEqual(report["host"]["totals"]["double_free_count"], 0)

    def test_bad_alloc_and_new_handlers(self):
        for options in self.MODES:
            with self.subTest(options=options):
                self.compare("hostile_bad_alloc", options=options, planted=None)

    def test_under_self_checks(self):
        for name in ("hostile_semantics", "hostile_bad_alloc", "hostile_thread_exit", "hostile_before_constructors"):
            with self.subTest(name=name):
                self.compare(name, options={"DEBUG": "on"}, planted=None)


if __name__ == "__main__":
    unittest.main()
