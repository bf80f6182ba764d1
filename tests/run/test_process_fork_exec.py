"""Forked children report themselves, not their parent's blocks; a program that execs reports, then the next one."""

import json
import os
import pathlib
import tempfile
import unittest

from weir_test import program, run_alone, run_under_weir


def leaked_sizes(report, interesting):
    """{size: count} of the report's leaks of the given sizes."""
    found = {}
    for leak in report["leaks"]:
        size = leak["bytes"] // leak["count"]
        if leak["memory"] == "host" and size in interesting:
            found[size] = found.get(size, 0) + leak["count"]
    return found


class Base(unittest.TestCase):
    def run_both(self, name, *arguments, **options):
        argv = [program("process_" + name), *arguments]
        alone = run_alone(argv)
        weir = run_under_weir(argv, **options)
        self.assertEqual((weir.returncode, weir.stdout, weir.stderr), (alone.returncode, alone.stdout, alone.stderr))
        self.assertEqual(weir.other_files, [])
        return weir


class Forks(Base):
    def test_each_process_lists_its_own_blocks(self):
        weir = self.run_both("fork")
        sizes = {1000, 100, 200, 300}
        by_pid = {r["process"]["pid"]: r for r in weir.reports}
        self.assertEqual(len(by_pid), 3)
        parent = next(r for r in weir.reports if r["process"]["ppid"] not in by_pid)
        child = next(r for r in weir.reports if r["process"]["ppid"] == parent["process"]["pid"])
        grandchild = next(r for r in weir.reports if r["process"]["ppid"] == child["process"]["pid"])
        self.assertEqual(leaked_sizes(parent, sizes), {1000: 1, 100: 1})
        self.assertEqual(leaked_sizes(child, sizes), {200: 1})
        self.assertEqual(leaked_sizes(grandchild, sizes), {300: 1})
        self.assertGreaterEqual(child["host"]["totals"]["inherited_count"], 1)

    def test_a_child_may_free_what_its_parent_allocated(self):
        weir = self.run_both("fork_frees")
        self.assertEqual(len(weir.reports), 2)
        for report in weir.reports:
            self.assertEqual(leaked_sizes(report, {1000}), {})
            totals = report["host"]["totals"]
            self.assertGreaterEqual(totals["alloc_count"], totals["free_count"])

    def test_forks_while_threads_allocate(self):
        weir = self.run_both("fork_threads", timeout=120)
        self.assertEqual(weir.returncode, 0)
        self.assertEqual(len(weir.reports), 201)

    def test_follow_off_leaves_the_child_alone(self):
        weir = self.run_both("fork", weir_options={"FOLLOW": "off"})
        self.assertEqual(len(weir.reports), 1)
        self.assertEqual(leaked_sizes(weir.report, {1000, 100, 200, 300}), {1000: 1, 100: 1})

    def test_vfork_child_writes_nothing_and_does_not_end_its_parent(self):
        weir = self.run_both("vfork")
        self.assertEqual(weir.returncode, 18)
        own = [r for r in weir.reports if os.path.basename(r["process"]["exe"]) == "process_vfork"]
        self.assertEqual([r["process"]["end"] for r in own], ["exit"])
        self.assertEqual(leaked_sizes(own[0], {1000, 2000}), {1000: 1, 2000: 1})
        self.assertIsNotNone(weir.report_of("true"))

    def test_a_child_by_raw_clone_is_not_seen(self):
        weir = self.run_both("raw_clone")
        self.assertEqual((weir.returncode, len(weir.reports)), (19, 1))


class Names(Base):
    def names_after(self, argv, pattern, env=None):
        with tempfile.TemporaryDirectory(prefix="weir-test-") as folder:
            result = run_under_weir(argv, env={"WEIR_REPORT": os.path.join(folder, pattern), **(env or {})})
            reports = {}
            for name in os.listdir(folder):
                reports[name] = json.loads(pathlib.Path(folder, name).read_text(encoding="utf-8"))
            return result, reports

    def test_a_path_without_pid_belongs_to_the_first_process(self):
        _, reports = self.names_after([program("process_fork")], "out.json")
        self.assertEqual(leaked_sizes(reports["out.json"], {1000, 200, 300}), {1000: 1})
        pids = {r["process"]["pid"] for n, r in reports.items() if n != "out.json"}
        self.assertEqual({f"out.{pid}.json" for pid in pids}, set(reports) - {"out.json"})
        self.assertEqual(len(reports), 3)

    def test_a_program_started_by_a_traced_one_is_not_the_first(self):
        _, reports = self.names_after(["/bin/sh", "-c", f"{program('process_return')}; exit 0"], "out.json")
        self.assertEqual(os.path.basename(os.path.realpath(reports["out.json"]["process"]["exe"])),
                         os.path.basename(os.path.realpath("/bin/sh")))
        started = [n for n, r in reports.items() if r["process"]["exe"].endswith("process_return")]
        self.assertEqual(len(started), 1)
        self.assertRegex(started[0], r"^out\.\d+\.json$")

    def test_the_program_that_the_first_process_becomes_is_still_the_first(self):
        _, reports = self.names_after([program("process_exec"), "execv"], "out.json")
        self.assertEqual(set(reports), {"out.json", "out.1.json"})
        self.assertEqual(reports["out.json"]["process"]["end"], "exec")
        self.assertEqual(reports["out.1.json"]["process"]["end"], "exit")


class Execs(Base):
    def test_every_form_reports_the_old_program_and_follows_the_new_one(self):
        for how in ("execve", "execv", "execvp", "execvpe", "execl", "execle", "execlp", "fexecve", "execveat"):
            with self.subTest(how):
                argv = [program("process_exec"), how]
                weir = run_under_weir(argv)
                self.assertEqual(weir.returncode, 20)
                self.assertEqual(weir.stdout.decode().splitlines(),
                                 ["shown", "first", "second", how, "preload set"])
                self.assertEqual(weir.stderr, b"")
                self.assertEqual(len(weir.reports), 2)
                old, new = weir.report_of("process_exec"), weir.report_of("process_show_arguments")
                self.assertEqual(old["process"]["end"], "exec")
                self.assertNotIn("exit_status", old["process"])
                self.assertEqual(leaked_sizes(old, {4000}), {4000: 1})
                self.assertEqual(old["process"]["pid"], new["process"]["pid"])
                self.assertEqual((new["process"]["end"], new["process"]["exit_status"]), ("exit", 20))

    def test_follow_off_leaves_the_new_program_alone(self):
        for how in ("execve", "execv", "execvp", "execvpe", "execl", "execle", "execlp", "fexecve", "execveat"):
            with self.subTest(how):
                weir = run_under_weir([program("process_exec"), how], weir_options={"FOLLOW": "off"})
                self.assertEqual(weir.returncode, 20)
                self.assertEqual(weir.stdout.decode().splitlines(),
                                 ["shown", "first", "second", how, "preload unset"])
                self.assertEqual([r["process"]["end"] for r in weir.reports], ["exec"])

    def test_follow_off_leaves_started_programs_alone(self):
        weir = run_under_weir(["/bin/sh", "-c", f"{program('process_return')}; exit 0"], weir_options={"FOLLOW": "off"})
        self.assertEqual((weir.returncode, weir.stdout), (0, b"returning\n"))
        self.assertEqual(len(weir.reports), 1)

    def test_a_program_under_a_filter_that_kills_is_not_followed(self):
        weir = self.run_both("seccomp_exec")
        self.assertEqual((weir.returncode, weir.stdout.splitlines()[-1]), (20, b"preload unset"))
        self.assertEqual([r["process"]["end"] for r in weir.reports], ["seccomp"])

    def test_an_exec_that_fails_is_no_end(self):
        weir = self.run_both("exec_fails")
        self.assertEqual(weir.stdout, b"1\n" * 5)
        self.assertEqual([(r["process"]["end"], r["process"]["exit_status"]) for r in weir.reports], [("exit", 21)])


if __name__ == "__main__":
    unittest.main()
