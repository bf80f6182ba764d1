"""weir diff: what it says of programs that hold and lose more than before, whatever their addresses, builds and process ids; and of reports
that are damaged, sampled, of other programs, or very large."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from damaged_reports import damaged
import large_reports
from weir_test import (REPOSITORY, clean_environment, command, program, run_under_weir, run_weir, simulated_driver, symbolise, system_python)

GOLDEN = REPOSITORY / "tests" / "golden"
PROGRAM = program("diff_growth")
SOURCE = REPOSITORY / "tests" / "programs" / "diff_growth.cpp"
LISTS = ("new", "grown", "gone", "shrunk")
STEPS = {"cache": 10, "table": 5, "store": 3, "lose": 2, "recurse": 3}


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def put(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    def run_program(self, name, executable=PROGRAM, steps=None, env=None, arguments=None, **options):
        """Runs the program with these numbers of steps; its report lies in the folder under that name."""
        given = arguments if arguments is not None else [f"{step}={number}" for step, number in {**STEPS, **(steps or {})}.items()]
        result = run_under_weir([executable, *given], env=env, weir_options=options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return self.put(name, result.report_texts[0])

    def build(self, name, *flags, compiler="g++"):
        """The program built in a folder of its own, always under the same file name."""
        target = self.folder / name / "program"
        target.parent.mkdir()
        subprocess.run([compiler, "-fno-builtin", "-w", *flags, SOURCE, "-o", target, "-ldl"], check=True)
        return target

    def diff(self, *arguments, expected=0, timeout=120):
        result = run_weir(["diff", *map(str, arguments)], timeout=timeout)
        self.assertEqual((result.returncode, result.stderr), (expected, b""))
        return result.stdout.decode()

    def json_diff(self, *arguments, **named):
        found = json.loads(self.diff("--json", *arguments, **named))
        validate(found)
        return found

    def changes(self, *arguments):
        """{(list, memory, innermost function of the program's own): (bytes before, blocks before, bytes after, blocks after)}"""
        found = self.json_diff(*arguments)
        return {(name, entry["memory"], function_of(entry)): (*entry["before"].values(), *entry["after"].values())
                for name in LISTS for entry in found[name]}


def validate(found):
    import jsonschema
    schema = json.loads((REPOSITORY / "docs" / "diff.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(found)


def function_of(entry):
    """Of a stack of diff_growth the function that a step is named for."""
    functions = [line["function"] or line["place"] for line in entry["stack"]]
    own = [f.split("::")[-1].split("(")[0] for f in functions if "(anonymous namespace)" in f]
    return next((f for f in own if f != "hold"), functions[0])


class Planted(Case):
    PLANTED = {("grown", "host", "grow_cache"): (10000, 10, 25000, 25), ("grown", "host", "lose"): (128, 2, 320, 5),
               ("gone", "host", "keep_table"): (2500, 5, 0, 0), ("shrunk", "host", "inlined_store"): (900, 3, 300, 1),
               ("new", "device", "hold_on_device"): (0, 0, 64 * 1024, 1)}

    def planted(self, before, after):
        """What is expected where each of these executables runs with what is planted, and whether the device is there."""
        env = {"LD_LIBRARY_PATH": simulated_driver()} if simulated_driver() else {}
        device = {"device": 64} if env else {}
        a = self.run_program("a.json", before)
        b = self.run_program("b.json", after, {"cache": 25, "lose": 5, "table": 0, "store": 1, **device}, env)
        expected = {place: figures for place, figures in self.PLANTED.items() if device or place[1] == "host"}
        found = {place: figures for place, figures in self.changes(a, b).items() if place[1:] in {planted[1:] for planted in self.PLANTED}}
        return found, expected

    def test_two_runs_of_a_program(self):
        found, expected = self.planted(PROGRAM, PROGRAM)
        self.assertEqual(found, expected)

    def test_a_rebuilt_program_whose_code_lies_elsewhere(self):
        before, after = self.build("a", "-g", "-O1"), self.build("b", "-g", "-O1", "-DMOVED")
        found, expected = self.planted(before, after)
        self.assertEqual(found, expected)
        self.assertNotEqual(self.json_diff("--by", "address", self.folder / "a.json", self.folder / "b.json")["gone"], [])

    def test_what_is_inlined_has_its_place_in_the_stack_all_the_same(self):
        found, expected = self.planted(self.build("a", "-g", "-O0"), self.build("b", "-g", "-O2"))
        self.assertEqual(found, expected)

    def test_another_compiler(self):
        if not shutil.which("clang++"):
            self.skipTest("no clang++")
        found, expected = self.planted(self.build("a", "-g", "-O1"), self.build("b", "-g", "-O1", compiler="clang++"))
        self.assertEqual(found, expected)

    def test_nothing_grew(self):
        a, b = self.run_program("a.json"), self.run_program("b.json")
        text = self.diff(a, b, "--fail-on-growth")
        self.assertIn("\nNothing grew.\n", text)
        self.assertEqual({name: self.json_diff(a, b)[name] for name in LISTS}, {name: [] for name in LISTS})
        self.assertIn("\nNo more is lost than before.\n", self.diff("--leaks", a, b))

    def test_recursion_counts_once(self):
        a, b = self.run_program("a.json", steps={"recurse": 3}), self.run_program("b.json", steps={"recurse": 40})
        self.assertIn("\nNothing grew.\n", self.diff(a, b))
        self.assertIn("\nNothing grew.\n", self.diff("--by", "line", a, b))
        self.assertNotEqual(self.json_diff("--by", "address", a, b)["new"], [])

    def test_lines_tell_calls_of_one_function_apart(self):
        before, after = self.build("a", "-g", "-O1"), self.build("b", "-g", "-O1", "-DMOVED")
        a, b = self.run_program("a.json", before), self.run_program("b.json", after)
        self.assertIn("\nNothing grew.\n", self.diff("--by", "line", a, b))
        report = symbolise(b.read_bytes())
        for frame in report["frames"]:
            if "grow_cache" in frame.get("function", ""):
                frame["line"] += 1
        moved = self.put("moved.json", report)
        self.assertIn("\nNothing grew.\n", self.diff(a, moved))
        self.assertEqual([function_of(entry) for entry in self.json_diff("--by", "line", a, moved)["new"]], ["grow_cache"])

    def test_only_what_is_lost(self):
        a, b = self.run_program("a.json"), self.run_program("b.json", steps={"lose": 4, "cache": 20})
        self.assertEqual(self.changes("--leaks", a, b), {("grown", "host", "lose"): (128, 2, 256, 4)})
        text = self.diff("--leaks", a, b)
        self.assertIn("Grew, lost: +128 B in 1 stack\n  +128 B: 128 B -> 256 B, 2 -> 4 blocks\n", text)
        self.assertRegex(text, r"\n  definitely lost +128 B +256 B +\+128 B\n")

    def test_what_suppressions_know_is_not_lost(self):
        supp = self.put("known.supp", b"leak:lose\n")
        a = self.run_program("a.json", SUPPRESSIONS=supp)
        b = self.run_program("b.json", steps={"lose": 4}, SUPPRESSIONS=supp)
        text = self.diff("--leaks", a, b)
        self.assertIn("\nNo more is lost than before.\n", text)
        self.assertRegex(text, r"\n  known leaks +128 B +256 B +\+128 B\n")
        finished = self.put("finished.json", symbolise(b.read_bytes()))
        self.assertIn("\nNo more is lost than before.\n", self.diff("--leaks", a, finished))

    def test_raw_and_finished_reports_are_alike(self):
        a, b = self.run_program("a.json"), self.run_program("b.json", steps={"cache": 12})
        finished = self.put("finished.json", symbolise(a.read_bytes()))
        self.assertEqual(self.changes(finished, b), self.changes(a, b))
        self.assertIn("\nNothing grew.\n", self.diff(a, finished))

    def test_exit_codes(self):
        a, b = self.run_program("a.json"), self.run_program("b.json", steps={"cache": 12})
        self.diff(a, b)
        self.diff("--fail-on-growth", a, b, expected=1)
        self.diff("--fail-on-growth=1999", a, b, expected=1)
        self.diff("--fail-on-growth=2000", a, b)
        self.diff(a, b, "--fail-on-growth", "--exit-code", "23", expected=23)
        self.diff("--fail-on-growth", b, a)
        self.diff("--fail-on-growth", "--leaks", a, b)
        result = run_weir(["diff", "--fail-on-growth=much", str(a), str(b)])
        self.assertEqual((result.returncode, result.stderr),
                         (2, b"weir: --fail-on-growth: expected a size such as 64KiB, 100MB or 2GiB, found 'much'\n"))

    def test_new_heap_errors_are_named(self):
        a, b = self.run_program("a.json"), self.run_program("b.json", steps={"twice": 2})
        text = self.diff(a, b)
        self.assertIn("\nNew heap errors: 1\n  double free: free of 48 B", text)
        self.assertIn("free_twice", text)
        self.assertNotIn("New heap errors", self.diff(b, b))
        self.assertNotIn("New heap errors", self.diff(b, a))
        self.assertEqual([e["kind"] for e in self.json_diff(a, b)["new_errors"]], ["double_free"])

    @unittest.skipUnless(simulated_driver(), "no simulated device")
    def test_device_and_pinned_memory(self):
        env = {"LD_LIBRARY_PATH": simulated_driver()}
        a = self.run_program("a.json", steps={"device": 64, "pinned": 8}, env=env)
        b = self.run_program("b.json", steps={"device": 256, "pinned": 24}, env=env)
        text = self.diff(a, b)
        self.assertRegex(text, r"\n  device 0 live +64.0 KiB +256 KiB +\+192 KiB\n")
        self.assertRegex(text, r"\n  pinned, device 0 live +8.0 KiB +24.0 KiB +\+16.0 KiB\n")
        self.assertIn("+192 KiB: 64.0 KiB -> 256 KiB, 1 -> 1 block  (device memory, device 0)\n", text)
        self.assertLessEqual({("device", 0), ("pinned", 0)}, {(e["memory"], e["device"]) for e in self.json_diff(a, b)["grown"]})

    def test_python_with_more_objects(self):
        """An interpreter's stacks are deep and recursive; what is new must be found, and little else change."""
        def run(name, count):
            code = f"import ctypes\nctypes.CDLL(None).malloc.restype = ctypes.c_void_p\nkept = [ctypes.CDLL(None).malloc(5000) for _ in range({count})]"
            return self.run_program(name, system_python(), arguments=["-c", code], env={"PYTHONHASHSEED": "0"})

        def grown_on_host(before, after):
            """Where the kernel puts things, the interpreter may need one mapping more."""
            found = self.json_diff(before, after)
            return [e for e in found["new"] + found["grown"] if e["memory"] == "host"]

        a, b, c = run("a.json", 20), run("b.json", 20), run("c.json", 60)
        self.assertLess(sum(e["after"]["bytes"] - e["before"]["bytes"] for e in grown_on_host(a, b)), 20000)
        largest = max(grown_on_host(a, c), key=lambda e: e["after"]["bytes"] - e["before"]["bytes"])
        self.assertEqual((largest["before"]["count"], largest["after"]["count"]), (20, 60))
        self.assertEqual(largest["after"]["bytes"] - largest["before"]["bytes"], 40 * 5000)


class WithoutSymbols(Case):
    def stripped(self, name, *flags):
        return self.build(name, "-O1", "-s", *flags)

    def test_one_build_is_compared_by_offsets(self):
        target = self.stripped("a")
        a, b = self.run_program("a.json", target), self.run_program("b.json", target, {"cache": 20})
        self.assertEqual([figures for _, figures in self.changes(a, b).items()], [(10000, 10, 20000, 20)])

    def test_another_build_counts_as_one_place(self):
        a = self.run_program("a.json", self.stripped("a", "-Wl,--build-id"))
        b = self.run_program("b.json", self.stripped("b", "-DMOVED", "-Wl,--build-id"), {"cache": 20})
        text = self.diff(a, b)
        self.assertIn("\nprogram is another build after, and has no symbols: its frames count as one place\n", text)
        found = self.json_diff(a, b)
        self.assertEqual([len(found[name]) for name in LISTS], [0, 1, 0, 0])
        self.assertEqual(found["grown_bytes"], 10000)
        self.assertIn("its addresses are not comparable", self.diff("--by", "address", a, b))


class Synthetic(Case):
    """What the golden reports say, changed."""

    def setUp(self):
        super().setUp()
        self.report = json.loads((GOLDEN / "report_finished.json").read_text())

    def changed(self, name="after.json", golden="report_finished.json", **process):
        report = json.loads((GOLDEN / golden).read_text())
        report["process"].update(process)
        return report

    def pair(self, after, before=None):
        return self.put("before.json", before or self.report), self.put("after.json", after)

    def test_two_snapshots_of_one_process(self):
        after = self.changed(duration_ns=self.report["process"]["duration_ns"] + 2_000_000_000, end="snapshot")
        after["host"]["totals"]["live_bytes"] += 4 << 20
        after["leaks"][0]["bytes"] += 4 << 20
        a, b = self.pair(after)
        text = self.diff(a, b)
        self.assertRegex(text, r"(?m)^before  .*, ended by exit after ")
        self.assertRegex(text, r"(?m)^ after  .*, still running after ")
        self.assertIn("\none process, 2.00 s between the two\n", text)
        self.assertRegex(text, r"\n  host live .* \+4.0 MiB, 2.0 MiB a second\n")
        self.assertIn("\nGrew: +4.0 MiB in 1 stack, 2.0 MiB a second\n", text)
        self.assertEqual(self.json_diff(a, b)["elapsed_ns"], 2_000_000_000)
        self.assertIn("\nthe second report was taken before the first\n", self.diff(b, a))
        self.assertIsNone(self.json_diff(b, a)["elapsed_ns"])

    def test_different_programs_are_said(self):
        a, b = self.pair(self.changed(exe="/usr/bin/other", pid=12))
        self.assertIn("\ndifferent programs: leaky and other\n", self.diff(a, b))

    def test_estimates_are_said(self):
        after = self.changed()
        after["sampling"] = {"estimated": True, "mean_bytes": 512 << 10, "sample_count": 9}
        a, b = self.pair(after)
        self.assertIn("\nhost figures are exact before and estimated from one sample per 512 KiB after: small changes mean nothing\n", self.diff(a, b))

    def test_stacks_cut_at_other_depths_are_said(self):
        after = self.changed()
        after["options"]["WEIR_STACK_DEPTH"] = {"value": "8", "default": False}
        after["frames"].append({"module": None, "truncated": True})
        after["stacks"][0] = after["stacks"][0][:2] + [len(after["frames"]) - 1]
        a, b = self.pair(after)
        self.assertIn("\nstacks are cut at 1024 frames before and at 8 after: deeper ones are not comparable\n", self.diff(a, b))
        self.assertIn("\nNothing grew.\n", self.diff(a, b))  # start-up code and the mark of the cut do not count

    def test_devices_are_told_apart(self):
        before, after = json.loads((GOLDEN / "report_cuda.json").read_text()), json.loads((GOLDEN / "report_cuda.json").read_text())
        row = next(leak for leak in after["leaks"] if leak["memory"] == "device" and leak["device"] == 0)
        row["device"] = 5
        a, b = self.pair(after, before)
        found = self.json_diff(a, b)
        self.assertEqual(([e["device"] for e in found["new"]], [e["device"] for e in found["gone"] + found["shrunk"]]), ([5], [0]))

    def test_blocks_of_no_bytes(self):
        after = self.changed()
        for report, count in ((self.report, 3), (after, 7)):
            report["leaks"].append({**report["leaks"][0], "bytes": 0, "count": count, "memory": "mmap"})
        a, b = self.pair(after)
        self.assertIn("\nGrew: same in 1 stack\n  same: 0 B -> 0 B, 3 -> 7 blocks", self.diff(a, b))
        self.diff("--fail-on-growth", a, b)

    def test_lists_are_limited_and_say_what_they_leave_out(self):
        after = self.changed()
        for number in range(30):
            after["frames"].append({"module": 0, "offset": number, "function": f"fresh_{number}"})
            after["stacks"].append([len(after["frames"]) - 1])
            after["leaks"].append({**after["leaks"][0], "bytes": 1000 + number, "stack": len(after["stacks"]) - 1})
        a, b = self.pair(after)
        text = self.diff("--limit", "3", a, b)
        self.assertEqual([f"fresh_{n}" in text for n in (29, 28, 27, 26, 0)], [True, True, True, False, False])
        self.assertIn("\n  and 27 more (--top N shows them)\n", text)
        self.assertIn("\n  and 20 more (--top N shows them)\n", self.diff(a, b))
        found = self.json_diff("--top", "3", a, b)
        self.assertEqual((len(found["new"]), found["left_out"]["new"]), (3, 27))
        self.assertEqual(len(self.json_diff(a, b)["new"]), 30)

    def test_the_order_of_a_report_does_not_matter(self):
        after = self.changed()
        after["leaks"].reverse()
        shuffled = dict(reversed(list(after.items())))  # the tables first
        a, b = self.pair(shuffled)
        self.assertIn("\nNothing grew.\n", self.diff(a, b))

    def test_names_of_another_build(self):
        """Parameters, return types and the marks of a compiler's copies are not part of a function's name."""
        after = self.changed()
        self.report["frames"][0]["function"] = "void cache::Store<int>::grow<long>(unsigned long) const [clone .isra.0]"
        after["frames"][0]["function"] = "cache::Store<int>::grow<long>"
        a, b = self.pair(after)
        self.assertIn("\nNothing grew.\n", self.diff(a, b))

    def test_a_clean_pair_in_colour(self):
        a, b = self.pair(self.changed())
        self.assertIn("\033[32mNothing grew.\033[0m", self.diff("--color", "always", a, b))
        self.assertNotIn("\033", self.diff(a, b))


class BadInput(Case):
    GOOD = GOLDEN / "report_finished.json"

    def assert_refused(self, content, expected):
        path = self.put("bad.json", content)
        for arguments in ([path, self.GOOD], [self.GOOD, path]):
            result = run_weir(["diff", *map(str, arguments)])
            self.assertEqual((result.returncode, result.stdout, result.stderr.decode()), (2, b"", f"weir: {path}: {expected}\n"))

    def test_one_line_says_what_is_wrong(self):
        whole = (GOLDEN / "report_raw.json").read_bytes()
        self.assert_refused(b"", "byte 0: expected a Weir report, found an empty file")
        self.assert_refused(b" \n", "byte 0: expected a Weir report, found an empty file")
        self.assert_refused(b"\n\x7fELF", "byte 1: expected a Weir report, which begins with '{'")
        self.assert_refused(whole[:5000], "byte 5000: expected the report to go on; the file is truncated")
        self.assert_refused(whole[:4000] + b"\x01" + whole[4001:], "byte 4000: expected valid JSON")
        self.assert_refused(b'{"a": 1}', 'expected a Weir report: the key "schema" is missing')
        self.assert_refused(b'{"schema": "weir-report/9"}', "expected schema weir-report/1, found weir-report/9")
        self.assert_refused(b'{"schema": "weir-report/1", "leaks": 7}', 'expected "leaks" to hold an array')
        self.assert_refused(b'{"schema": "weir-report/1"}', 'expected "process" to hold an object')
        self.assert_refused(b'{"schema": "weir-report/1", "host": ' + b"[" * 100000, "expected a Weir report, found values nested too deep")
        self.assert_refused(b'{"schema": "\\u001b[2J"}', "expected schema weir-report/1, found ?[2J")
        self.assert_refused(b'{"schema": "weir-report/1", "x": 1e999}', "byte 37: expected a number, found one out of range")

    def test_tables_that_do_not_fit_together(self):
        for change, expected in [
                (lambda r: r["stacks"].append([999]), '"stacks" to hold indices into frames'),
                (lambda r: r["leaks"][0].update(stack=999), '"leaks" to hold entries with an index into stacks'),
                (lambda r: r["leaks"][0].update(stack=2 ** 32), '"leaks" to hold entries with an index into stacks'),
                (lambda r: r["leaks"].append(7), '"leaks" to hold entries with an index into stacks'),
                (lambda r: r["frames"][0].update(module=7), '"frames" to hold indices into modules'),
                (lambda r: r["frames"][0].update(offset="x"), '"frames" to hold an offset for each module'),
                (lambda r: r["modules"].append([]), '"modules" to hold objects'),
                (lambda r: r.pop("frames"), '"frames" to hold an array'),
                (lambda r: r.pop("leaks"), '"leaks" to hold an array'),
                (lambda r: r.pop("host"), '"host" to hold an object')]:
            report = json.loads((GOLDEN / "report_raw.json").read_text())
            change(report)
            self.assert_refused(json.dumps(report).encode(), f"expected {expected}")

    def test_what_is_no_report_file(self):
        for path, expected in [(self.folder / "none", "No such file or directory"), ("/dev/null", "expected a regular file"),
                               (self.folder, "expected a report, found a folder; weir merge makes one report of it")]:
            result = run_weir(["diff", str(path), str(self.GOOD)])
            self.assertEqual((result.returncode, result.stderr.decode()), (2, f"weir: {path}: {expected}\n"))

    def test_hostile_numbers_and_names(self):
        report = json.loads(self.GOOD.read_text())
        report["leaks"] += [{**report["leaks"][0], "bytes": 2 ** 64 - 1, "count": 2 ** 64 - 1} for _ in range(3)]
        report["leaks"] += [{**report["leaks"][0], "bytes": -5, "count": 1.5e300, "device": 2 ** 63, "memory": f"m{i}\n\x1b[31m"} for i in range(70000)]
        report["frames"][0]["function"] = "evil\x1b[2Jname\n" + "<(" * 50
        report["frames"][1]["function"] = "<(" * 100000
        report["frames"][0]["line"] = 2 ** 60
        report["process"]["exe"] = "/\x1b]0;title\x07"
        report["modules"][0]["path"] = "\x1b[1m" * 100
        report["host"]["totals"]["live_bytes"] = 1e300
        path = self.put("r.json", report)
        for arguments in ([self.GOOD, path], [path, self.GOOD], ["--by", "line", path, path], ["--json", "--limit", "9", self.GOOD, path], ["--leaks", path, self.GOOD]):
            text = self.diff(*arguments)
            self.assertNotIn("\x1b", text)
        self.assertIn("16.0 EiB", self.diff(self.GOOD, path))

    def test_damage_of_any_kind_is_refused_or_harmless(self):
        """Bytes changed, taken out and doubled at random: an answer, never a crash."""
        wholes = [json.dumps(json.loads((GOLDEN / name).read_text())).encode() for name in ("report_errors.json", "report_cuda.json", "report_raw.json")]
        for where, text in damaged(wholes):
            path = self.put("fuzz.json", text)
            result = run_weir(["diff", str(self.GOOD), str(path)])
            self.assertIn(result.returncode, (0, 2), f"{where}: {result.stderr}")
            self.assertLessEqual(result.stderr.count(b"\n"), 1, where)
            self.assertNotIn(b"\x1b", result.stdout + result.stderr, where)


class Large(Case):
    """In memory a report costs what its distinct stacks do."""

    def test_memory_and_result(self):
        for name, growth, seed in (("a.json", 0, 1), ("b.json", 20, 1), ("c.json", 0, 2)):
            large_reports.write_report(self.folder / name, large_reports.MEGABYTES, seed=seed, growth=growth)
        self.assertEqual(self.lists("a.json", "b.json"), ["Grew"])
        self.assertLessEqual({"New", "Gone"}, set(self.lists("a.json", "c.json")))  # a few stacks of few frames are in both

    def lists(self, *names):
        """The lists that a comparison prints, which has only so much memory to itself."""
        text = large_reports.run_limited("diff", *(self.folder / name for name in names)).decode()
        return re.findall(r"^(New|Grew|Gone|Shrunk): ", text, re.M)


if __name__ == "__main__":
    unittest.main()
