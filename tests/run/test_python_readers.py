"""Python frames in what is read of reports: show, html, diff, merge, exports, suppressions, what is hidden; and where there are none to show."""

import gzip
import json
import pathlib
import re
import unittest

from python_scripts import PRELUDE, Scripts, planted, python_stack
from weir_test import REPOSITORY, compile_c, program, run_alone, run_under_weir, run_weir, symbolise, system_python

LINE = len(PRELUDE.splitlines())  # before the script's own first one
SCRIPT = """
def type_new_thing(n):
    plant(n)
def clone(n): type_new_thing(n)
class Model:
    def part(self, n):
        def inner(n): clone(n)
        inner(n)
def first(): Model().part(200_001)
def second(): Model().part(200_002)
first()
second()
"""
# Names that mean something else where they are native functions': start-up code, a built-in suppression, a part that a compiler made.
LOST = ["type_new_thing", "clone", "Model.part.<locals>.inner", "Model.part", "first", "<module>"]
LINES = [LINE + n for n in (3, 4, 7, 8, 9, 11)]


def validate(report):
    import jsonschema
    schema = json.loads((REPOSITORY / "docs" / "report.schema.json").read_text())
    return [e.message for e in jsonschema.Draft202012Validator(schema).iter_errors(report)]


def names(stack):
    return [function for function, _, _ in stack]


class Readers(Scripts):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.raw = cls.folder / "raw.json"
        script = cls()
        cls.result = script.run_script(SCRIPT)
        cls.raw.write_bytes(cls.result.report_texts[0])

    def runTest(self):
        """unittest asks for it where a case is made by hand, as above."""

    def weir(self, *arguments):
        result = run_weir([str(a) for a in arguments], cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.decode()

    def test_raw_and_finished_reports_are_valid(self):
        finished = symbolise(self.result.report_texts[0])
        for report in (self.result.report, finished):
            self.assertEqual(validate(report), [])
            stack = planted(report)[200_001]
            self.assertEqual(names(stack), LOST)
            self.assertEqual([line for *_, line in stack], LINES)
        frames = [f for f in finished["frames"] if f.get("language")]
        self.assertEqual({(f["module"], f["language"]) for f in frames}, {(None, "python")})

    def test_show(self):
        text = self.weir("show", "--color", "never", "--top", "3", self.raw)
        lost = text[text.index("Lost:"):]
        places = [line.strip() for line in lost.splitlines() if "script.py:" in line][:5]
        self.assertEqual(places, [f"{name}  script.py:{line}" for name, line in zip([*LOST[:4], "second"], [*LINES[:4], LINE + 10])])

    def test_html(self):
        self.weir("html", self.raw, "-o", self.folder / "page.html")
        page = (self.folder / "page.html").read_text()
        data = json.dumps(json.loads(re.search(r'<script type="application/json" id="report">(.*?)</script>', page, re.DOTALL)[1]))
        for function, line in zip(LOST, LINES):
            self.assertIn(f'"{function}"', data)
            self.assertIn(f"script.py:{line}", data)

    def test_diff(self):
        again = self.folder / "again.json"
        again.write_bytes(self.run_script(SCRIPT).report_texts[0])
        more = self.folder / "more.json"
        more.write_bytes(self.run_script(SCRIPT + "second()\n").report_texts[0])
        for by in ("function", "line", "address"):
            with self.subTest(by=by):
                found = json.loads(self.weir("diff", "--by", by, "--json", self.raw, again))
                self.assertEqual([row for row in found["new"] + found["grown"] if row["after"]["bytes"] > 200_000], [])
                found = json.loads(self.weir("diff", "--by", by, "--json", self.raw, more))
                grown, = [row for row in found["new"] + found["grown"] if row["after"]["bytes"] > 200_000]
                self.assertEqual(grown["after"]["bytes"] - grown["before"]["bytes"], 200_002)
                self.assertEqual(grown["before"]["bytes"], 200_002 if by == "function" else 0)
                shown = [line["function"] for line in grown["stack"] if "script.py" in line["place"]]
                self.assertEqual(shown, [*LOST[:4], "second", "<module>"])

    def test_merge_keeps_frames_apart(self):
        other = self.folder / "other.json"
        other.write_bytes(self.run_script(SCRIPT.replace("first", "third")).report_texts[0])
        self.weir("merge", self.raw, other, "-o", self.folder / "merged.json")
        merged = json.loads((self.folder / "merged.json").read_text())
        self.assertEqual(validate(merged), [])
        stacks = {tuple(names(python_stack(merged, row["stack"]))) for row in merged["leaks"] if row["bytes"] > 200_000}
        self.assertEqual({stack[4] for stack in stacks}, {"first", "second", "third"})
        self.assertEqual({stack[:4] for stack in stacks}, {tuple(LOST[:4])})

    def test_exports(self):
        for name in ("collapsed", "speedscope", "massif", "heaptrack", "ndjson", "pprof"):
            with self.subTest(format=name):
                path = self.folder / f"out.{name}"
                self.weir("export", "--format", name, "-o", path, self.raw)
                data = path.read_bytes()
                if data[:2] == b"\x1f\x8b":
                    data = gzip.decompress(data)
                for function in LOST:
                    self.assertIn(function.encode(), data)
                if name == "collapsed":
                    line = next(line for line in data.decode().splitlines() if "first" in line and "type_new_thing" in line)
                    positions = [line.index(function) for function in reversed(LOST)]
                    self.assertEqual(positions, sorted(positions))

    def test_what_is_confidential(self):
        path = self.folder / "hidden.json"
        path.write_bytes(self.raw.read_bytes())
        self.weir("symbolize", "--confidential", path)
        text = path.read_text()
        self.assertNotIn(str(self.folder), text)
        self.assertEqual(validate(json.loads(text)), [])
        self.assertEqual(names(planted(json.loads(text))[200_001]), LOST)

    def suppressed(self, *patterns):
        """{bytes: by which pattern} of the planted blocks."""
        known = self.folder / "known.supp"
        known.write_text("".join(f"leak:{pattern}\n" for pattern in patterns))
        report = json.loads(self.weir("show", "--json", "--suppressions", known, self.raw))
        return {leak["bytes"]: leak.get("suppressed") for leak in report["leaks"] if leak["bytes"] in (200_001, 200_002)}

    def test_suppressions(self):
        self.assertEqual(self.suppressed("^first$"), {200_001: "leak:^first$", 200_002: None})
        self.assertEqual(self.suppressed("^Model.part.<locals>.inner$", "first"), dict.fromkeys((200_001, 200_002), "leak:^Model.part.<locals>.inner$"))
        self.assertEqual(self.suppressed("script.py"), dict.fromkeys((200_001, 200_002), "leak:script.py"))
        self.assertEqual(self.suppressed("^_PyEval_EvalFrameDefault$"), dict.fromkeys((200_001, 200_002), "leak:^_PyEval_EvalFrameDefault$"))
        # What is built in names C functions: type_new..., among others.
        self.assertEqual(self.suppressed("nothing"), {200_001: None, 200_002: None})

    def test_suppressions_that_are_proposed_name_functions(self):
        text = self.weir("suppress", self.raw)
        patterns = [line for line in text.splitlines() if line.startswith("leak:")]
        self.assertNotIn("leak:^<module>$", patterns)
        self.assertTrue(patterns)


class Command(Scripts):
    def test_run_sets_what_is_needed(self):
        script = self.folder / "env.py"
        script.write_text("import os\nprint(os.environ.get('WEIR_PYTHON'), os.environ.get('PYTHONMALLOC'))\n")
        run = ["run", "--report", str(self.folder / "r.json"), "--overwrite", "on", "--no-summary"]
        for env, flags, expected in (({}, ["--python"], b"on malloc\n"), ({}, [], b"None None\n"),
                                     ({"PYTHONMALLOC": "pymalloc"}, ["--python"], b"on pymalloc\n")):
            with self.subTest(env=env, flags=flags):
                result = run_weir([*run, *flags, "--", system_python(), str(script)], env=env)
                self.assertEqual((result.returncode, result.stdout), (0, expected))
        text = run_weir(["env", "--python"]).stdout.decode()
        self.assertIn("export WEIR_PYTHON='on';", text)
        self.assertIn("export PYTHONMALLOC='malloc';", text)

    def test_output_is_the_same_with_and_without(self):
        script = self.folder / "output.py"
        script.write_text("import sys, gc\nclass A: pass\na = [A() for _ in range(1000)]\nprint(len(a), sys.getrefcount(A))\n"
                          "def f(n): return n and f(n - 1)\nprint(f(500), f.__code__.co_consts, gc.collect())\n"
                          "try: f(10 ** 6)\nexcept RecursionError as e: print(e)\n")
        for allocator in ("malloc", "pymalloc", "malloc_debug", "pymalloc_debug"):
            env = {"PYTHONMALLOC": allocator}
            alone = run_alone([system_python(), script], env=env)
            under = run_under_weir([system_python(), script], env=env, weir_options={"PYTHON": "on"})
            self.assertEqual((under.returncode, under.stdout, under.stderr), (alone.returncode, alone.stdout, alone.stderr))

    def test_any_allocator_of_pythons(self):
        # With its own arenas the ends of code objects are not seen.
        for allocator in ("pymalloc", "malloc_debug", "pymalloc_debug"):
            with self.subTest(allocator=allocator):
                self.check_script("""
for round in range(30):
    source = chr(10) * (round * 7 % 11) + "def made():" + chr(10) * (1 + round % 5) + f" plant(here({200_000 + round}))"
    space = {"plant": plant, "here": here}
    exec(compile(source, "made.py", "exec"), space)
    space["made"]()
    del space, source
""", 30, env={"PYTHONMALLOC": allocator})

    def test_with_other_options(self):
        script = "def lose(n):\n    plant(here(n))\nlose(200_001)\nlose(210_001)\n"
        for options in ({"HOST_POOL": "off"}, {"GUARD": "on"}, {"SAMPLE": "64KiB"}, {"DEBUG": "on"}, {"STACK_DEPTH": "3000"}):
            with self.subTest(**options):
                result = self.run_script(script, **options)
                found = planted(result.report)
                self.assertEqual(found, {bytes: result.expected[bytes] for bytes in found})
                if "SAMPLE" not in options:
                    self.assertEqual(len(found), 2)

    def test_mappings_have_python_frames(self):
        result = self.run_script("""
import mmap
def map_it(): return mmap.mmap(-1, 3 << 20)
kept = map_it()
lib.leave = kept
here(1)
os.kill if False else None
write_expected(); os._exit(0)
""")
        stacks = [names(python_stack(result.report, row["stack"])) for row in result.report["large"] if row["memory"] == "mmap"]
        self.assertIn(["map_it", "<module>"], stacks)


class Without(unittest.TestCase):
    """Where there is nothing to show: programs without Python, and interpreters that Weir does not know."""

    def test_off_by_default(self):
        result = run_under_weir([system_python(), "-c", "pass"])
        self.assertNotIn("python", result.report["host"]["capture"])
        self.assertFalse([f for f in result.report["frames"] if "language" in f])

    def test_a_program_without_python(self):
        on, off = (run_under_weir([program("example_leak")], weir_options={"PYTHON": value}) for value in ("on", "off"))
        self.assertEqual((on.returncode, on.stdout, on.stderr), (off.returncode, off.stdout, off.stderr))
        self.assertNotIn("python", on.report["host"]["capture"])
        for key in ("alloc_count", "free_count", "live_bytes", "peak_bytes"):
            self.assertEqual(on.report["host"]["totals"][key], off.report["host"]["totals"][key])
        of = lambda report: sorted((leak["kind"], leak["bytes"], leak["count"]) for leak in report["leaks"])
        self.assertEqual(of(on.report), of(off.report))
        self.assertEqual(on.report["warnings"], off.report["warnings"])

    def test_interpreters_that_are_not_known(self):
        import tempfile
        with tempfile.TemporaryDirectory() as folder:
            for version, shown, reason in (("0x030f00f0", "3.15.0", "Weir does not know this version"),
                                           ("0x030b00f0", "3.11.0", "they can be read from CPython 3.11.1 on"),
                                           ("0x030d01f0", "3.13.1", "Weir does not know this build's structures (a free-threaded one?)")):
                with self.subTest(version=shown):
                    binary = compile_c("modules/python_pretender.c", pathlib.Path(folder) / shown, "-rdynamic", f"-DVERSION={version}")
                    result = run_under_weir([binary], weir_options={"PYTHON": "on"})
                    self.assertEqual((result.returncode, result.stderr), (0, b""))
                    self.assertEqual([w["text"] for w in result.report["warnings"]],
                                     [f"WEIR_PYTHON: no Python frames are shown of this process's CPython ({shown}): {reason}"])
                    self.assertEqual(result.report["host"]["capture"]["python"],
                                     {"version": shown, "frames_read": False, "captures": 0, "repeated": 0, "unmatched": 0})
                    self.assertEqual(validate(result.report), [])


if __name__ == "__main__":
    unittest.main()
