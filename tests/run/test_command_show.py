"""weir show, options, completion and help: the text against golden files, what it says of damaged files, terminals."""

import json
import os
import pathlib
import pty
import re
import shutil
import subprocess
import tempfile
import unittest

import large_reports
from damaged_reports import damaged
from weir_test import REPOSITORY, clean_environment, command, run_weir, system_python

GOLDEN = REPOSITORY / "tests" / "golden"
# Output file -> arguments. WEIR_UPDATE_GOLDEN=1 rewrites the files: read the difference before you commit it.
SHOWN = {
    "show_finished.txt": ["report_finished.json"],
    "show_finished_top.txt": ["--top", "1", "report_finished.json"],
    "show_finished_full.txt": ["--full", "report_finished.json"],
    "show_finished_color.txt": ["--color", "always", "--top", "2", "report_finished.json"],
    "show_no_leaks.txt": ["report_no_leaks.json"],
    "show_larger.txt": ["--larger-than", "1MB", "report_finished.json"],
    "show_larger_than_listed.txt": ["--larger-than", "1kB", "report_finished.json"],
    "show_many.txt": ["--top", "2", "report_finished.json", "report_no_leaks.json"],
    "show_suppressed.txt": ["report_suppressed.json"],
    "show_errors.txt": ["--top", "20", "report_errors.json"],
    "show_cuda.txt": ["report_cuda.json"],
    "show_cuda_larger.txt": ["--larger-than", "1MiB", "report_cuda.json"],
    "show_cuda_many.txt": ["--top", "1", "report_cuda.json", "report_finished.json"],
}


def show(*arguments, env=None):
    return run_weir(["show", *arguments], cwd=GOLDEN, env=env)


class Golden(unittest.TestCase):
    maxDiff = None

    def test_text(self):
        for name, arguments in SHOWN.items():
            with self.subTest(golden=name):
                result = show(*arguments)
                self.assertEqual(result.returncode, 0, result.stderr)
                if os.environ.get("WEIR_UPDATE_GOLDEN"):
                    (GOLDEN / name).write_bytes(result.stdout)
                self.assertEqual(result.stdout.decode(), (GOLDEN / name).read_text())

    def test_options_page(self):
        result = run_weir(["options", "--markdown"])
        self.assertEqual(result.stdout.decode(), (REPOSITORY / "docs" / "options.md").read_text())

    def test_json_of_a_finished_report_is_the_report(self):
        printed = json.loads(show("--json", "report_finished.json").stdout)
        self.assertEqual(printed, json.loads((GOLDEN / "report_finished.json").read_text()))
        both = json.loads(show("--json", "report_finished.json", "report_no_leaks.json").stdout)
        self.assertEqual([report["process"]["pid"] for report in both], [4711, 4712])

    def test_damaged_errors_are_refused(self):
        for change in (lambda row: row["allocation"].update(stack=999), lambda row: row["allocation"].pop("stack"),
                       lambda row: row.update(allocation=7), lambda row: row["free"].update(stack="1"),
                       lambda row: row.update(offset_bytes="x")):
            report = json.loads((GOLDEN / "report_errors.json").read_text())
            change(report["errors"][0])
            with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                json.dump(report, file)
                file.flush()
                result = show(file.name)
            self.assertEqual((result.returncode, result.stdout), (2, b""))
            self.assertIn('"errors" to hold ', result.stderr.decode())

    def test_golden_reports_meet_the_schema(self):
        import jsonschema
        schema = json.loads((REPOSITORY / "docs" / "report.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        for path in sorted(GOLDEN.glob("report_*.json")):
            report = json.loads(path.read_text())
            self.assertEqual([e.message for e in validator.iter_errors(report)], [], path.name)
            report["surprise"] = 1
            self.assertFalse(validator.is_valid(report), "the schema must be strict")
        finished = json.loads(show("--json", "report_raw.json").stdout)
        self.assertEqual([e.message for e in validator.iter_errors(finished)], [])


class Places(unittest.TestCase):
    """Two stacks by other addresses, of the same text but for what is inlined there."""

    def setUp(self):
        report = json.loads((GOLDEN / "report_no_leaks.json").read_text())
        position = {"function": "grow", "file": "/x/grow.c", "line": 7}
        report["modules"] = [{"path": "/x/prog", "build_id": "00", "base": "0x0", "loaded": True, "symbols": "debug_info"}]
        main = {"module": 0, "function": "main", "file": "/x/main.c", "line": 1}
        report["frames"] = [{"module": 0, "offset": 16, **position}, {"offset": 32, **main}, {"offset": 48, **main, "inlined": [position]}]
        report["stacks"] = [[0, 1], [2]]
        row = {"memory": "host", "kind": "definite", "count": 1, "first_ns": 1, "last_ns": 1, "thread_count": 1, "threads": [], "samples": []}
        report["leaks"] = [{**row, "bytes": 1024, "stack": 1}, {**row, "bytes": 2048, "stack": 0}]
        report["peak"] = report["hot_sites"] = report["large"] = []
        self.report = report

    def text(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(self.report, file)
            file.flush()
            result = show(file.name)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        return result.stdout.decode()

    def test_equal_text_is_one_place_and_told_as_its_first_stack_is(self):
        self.assertIn("Lost: 3.0 KiB in 2 blocks from 1 place\n  3.0 KiB in 2 blocks\n      grow (inlined)  /x/grow.c:7\n      main  /x/main.c:1\n",
                      self.text())

    def test_sums_end_at_the_largest_number(self):
        for leak in self.report["leaks"]:
            leak["bytes"] = 2**64 - 1
        self.assertIn("Lost: 16.0 EiB in 2 blocks from 1 place\n  16.0 EiB in 2 blocks\n", self.text())


class RawOnAnotherMachine(unittest.TestCase):
    def test_frames_stay_raw_and_each_module_is_named_once(self):
        text = show("report_raw.json").stdout.decode()
        self.assertIn("      leaky+0x11a9\n      leaky+0x1234\n      libc.so.6+0x2724a\n", text)
        self.assertEqual(text.count("no functions and lines for /usr/local/bin/leaky: it is not on this machine"), 1)
        self.assertEqual(text.count("no functions and lines for /usr/lib/x86_64-linux-gnu/libc.so.6: it is "), 1)


class Damaged(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def assert_refused(self, content, expected):
        path = pathlib.Path(self.folder, "r.json")
        path.write_bytes(content)
        result = show(str(path))
        self.assertEqual(result.returncode, 2)
        self.assertEqual(result.stdout, b"")
        lines = result.stderr.decode().splitlines()
        self.assertEqual(len(lines), 1, lines)
        self.assertTrue(lines[0].startswith(f"weir: {path}: "), lines)
        self.assertIn(expected, lines[0])

    def test_one_line_names_the_file_the_byte_and_what_was_expected(self):
        whole = (GOLDEN / "report_raw.json").read_bytes()
        self.assert_refused(b"", "byte 0: expected a Weir report, found an empty file")
        self.assert_refused(b"\n\x7fELF", "byte 1: expected a Weir report, which begins with '{'")
        self.assert_refused(whole[:5000], "byte 5000: expected the report to go on; the file is truncated")
        broken = bytearray(whole)
        broken[4000:4001] = b"\x01"
        self.assert_refused(bytes(broken), "byte 4000: expected valid JSON")
        self.assert_refused(b'{"a": 1}', 'the key "schema" is missing')
        self.assert_refused(b'{"schema": "weir-report/1", "leaks": [], "leaks": []}', 'expected each key once, found "leaks" twice')
        self.assert_refused(b'{"schema": "weir-report/9"}', "expected schema weir-report/1, found weir-report/9")

    def test_every_truncation_is_refused(self):
        whole = (GOLDEN / "report_raw.json").read_bytes().rstrip()
        for length in range(1, len(whole), 997):
            with self.subTest(length=length):
                self.assert_refused(whole[:length], f"byte {length}: ")

    def test_tables_that_do_not_fit_together(self):
        for change, expected in [
                (lambda r: r["stacks"].append([999]), '"stacks" to hold indices into frames'),
                (lambda r: r["leaks"][0].update(stack=999), '"leaks" to hold entries with an index into stacks'),
                (lambda r: r["frames"][0].update(module=7), '"frames" to hold indices into modules'),
                (lambda r: r["frames"][0].update(offset="x"), '"frames" to hold an offset'),
                (lambda r: r.update(peak={}), '"peak" to hold an array'),
                (lambda r: r.pop("host"), '"host" to hold an object')]:
            report = json.loads((GOLDEN / "report_raw.json").read_text())
            change(report)
            self.assert_refused(json.dumps(report).encode(), expected)

    def test_a_missing_file_and_a_folder_without_reports(self):
        for path, expected in [(self.folder + "/none.json", "No such file or directory"),
                               (self.folder, "expected reports (*.json) in this folder"),
                               ("/dev/null", "expected a regular file")]:
            result = show(path)
            self.assertEqual(result.returncode, 2)
            self.assertEqual(result.stderr.decode(), f"weir: {path}: {expected}\n")

    def test_a_wrong_size(self):
        result = show("--larger-than", "much", "report_finished.json")
        self.assertEqual(result.returncode, 2)
        self.assertIn("--larger-than: expected a size such as", result.stderr.decode())

    def test_control_characters_do_not_reach_the_terminal(self):
        report = json.loads((GOLDEN / "report_finished.json").read_text())
        report["frames"][0]["function"] = "evil\x1b[2Jname"
        report["process"]["argv"][0] = "\x1b]0;title\x07"
        path = pathlib.Path(self.folder, "r.json")
        path.write_text(json.dumps(report))
        text = show(str(path)).stdout
        self.assertNotIn(b"\x1b", text)
        self.assertIn(b"evil?[2Jname", text)


class InPlace(unittest.TestCase):
    def test_through_a_link_what_it_leads_to_is_finished(self):
        with tempfile.TemporaryDirectory(prefix="weir-test-") as folder:
            report, link = pathlib.Path(folder, "r.json"), pathlib.Path(folder, "link")
            shutil.copy(GOLDEN / "report_raw.json", report)
            link.symlink_to("r.json")
            printed = show("--json", str(report)).stdout
            result = run_weir(["symbolize", str(link)])
            self.assertEqual((result.returncode, result.stderr), (0, b""))
            self.assertTrue(link.is_symlink())
            self.assertEqual(report.read_bytes(), printed)
            self.assertIn(b'"symbols":"none"', printed)


class DamagedAtRandom(unittest.TestCase):
    """Bytes changed, taken out and doubled: an answer, never a crash."""
    TEXTS = ("report_errors.json", "report_cuda.json", "report_raw.json", "report_suppressed.json")

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.path = pathlib.Path(self.folder, "fuzz.json")

    def texts(self):
        for where, text in damaged([json.dumps(json.loads((GOLDEN / name).read_text())).encode() for name in self.TEXTS]):
            self.path.write_bytes(text)
            yield where

    def answer(self, where, *arguments):
        result = run_weir(arguments)
        self.assertIn(result.returncode, (0, 2), f"{where}: {result.stderr}")
        self.assertEqual(result.stderr.count(b"\n"), 1 if result.returncode else 0, where)
        self.assertNotIn(b"\x1b", result.stdout + result.stderr, where)
        return result

    def test_show(self):
        for number, where in enumerate(self.texts()):
            few = (("--larger-than", "1kB"), ("--top", "1"), ())[number % 3]
            text = self.answer(where, "show", *few, str(self.path))
            printed = self.answer(where, "show", "--json", str(self.path))
            self.assertEqual(printed.returncode, text.returncode, where)
            if printed.returncode == 0:
                json.loads(printed.stdout)

    def test_symbolize(self):
        for where in self.texts():
            before = self.path.read_bytes()
            if self.answer(where, "symbolize", str(self.path)).returncode != 0:
                self.assertEqual(self.path.read_bytes(), before, where)
                continue
            self.answer(where, "show", str(self.path))  # what is written is a report again


class Large(unittest.TestCase):
    """In memory a report costs what its distinct stacks do."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="weir-test-")
        cls.addClassCleanup(folder.cleanup)
        cls.path = os.path.join(folder.name, "large.json")
        cls.count = large_reports.write_report(cls.path, large_reports.MEGABYTES)

    def test_memory_and_sums(self):
        text = large_reports.run_limited("show", "--top", "3", self.path).decode()
        leaks = [large_reports.leak(number, 0) for number in range(self.count)]
        for kind, heading in (("definite", "Lost"), ("possible", "Possibly lost"), ("reachable", "Still reachable at exit")):
            count = sum(leak["count"] for leak in leaks if leak["kind"] == kind)
            self.assertIn(f" in {count:,} blocks from ", re.search(rf"^{heading}: .*", text, re.M)[0])
        self.assertEqual(text.count("more (--top N shows them)"), 3)

    def test_blocks_one_by_one(self):
        text = large_reports.run_limited("show", "--larger-than", "4kB", self.path).decode()
        count = sum(leak["samples"][0]["bytes"] >= 4000 for leak in (large_reports.leak(number, 0) for number in range(self.count)))
        self.assertIn(f"still allocated at exit: {count:,}\n", text)
        self.assertEqual(len(re.findall(r"^  4.0 KiB at 0x\w+ \(host, malloc\), allocated after ", text, re.M)), 10)

    def test_json_is_the_report(self):
        text = large_reports.run_limited("show", "--json", self.path)
        self.assertEqual(json.loads(text), json.loads(pathlib.Path(self.path).read_bytes()))


class Moments(unittest.TestCase):
    """What is live in a snapshot is not called live at exit."""

    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def snapshot_of(self, name):
        report = json.loads((GOLDEN / name).read_text())
        report["process"]["end"] = "snapshot"
        del report["process"]["exit_status"]
        (self.folder / name).write_text(json.dumps(report))
        return self.folder / name

    def test_a_snapshot_is_told_as_one(self):
        for name, arguments in SHOWN.items():
            if "many" in name:
                continue
            with self.subTest(golden=name):
                wanted = (GOLDEN / name).read_text().replace("ended by exit with status 0", "still running")
                wanted = wanted.replace("at exit     ", "at snapshot ").replace("at exit", "at the snapshot")
                self.assertIn("at the snapshot", wanted)
                self.assertEqual(show(*arguments[:-1], self.snapshot_of(arguments[-1])).stdout.decode(), wanted)

    def test_lost_and_reachable_blocks_of_a_snapshot(self):
        path = self.snapshot_of("report_finished.json")
        report = json.loads(path.read_text())
        for row in report["leaks"]:
            row["kind"] = "reachable"
        path.write_text(json.dumps(report))
        self.assertIn("\nStill reachable at the snapshot: ", show(path).stdout.decode())

    def test_several_snapshots(self):
        text = show(self.snapshot_of("report_finished.json"), self.snapshot_of("report_no_leaks.json")).stdout.decode()
        self.assertNotIn("at exit", text)
        self.assertIn("\n      pid  allocations       peak       live  program\n", text)
        self.assertIn("   71.0 KiB  tidy  still running\n", text)
        self.assertIn("\n  at snapshot 2.1 MiB live\n", text)
        self.assertIn("\nStill allocated at the snapshot: ", text)

    def test_a_snapshot_beside_a_process_that_ended(self):
        text = show("report_finished.json", self.snapshot_of("report_no_leaks.json")).stdout.decode()
        self.assertIn("    2.0 MiB  leaky\n", text)
        self.assertIn("   71.0 KiB  tidy  still running\n", text)
        self.assertIn("\n  last known  2.1 MiB live\n", text)
        self.assertIn("\nStill allocated at exit or snapshot: ", text)


class Terminal(unittest.TestCase):
    def on_terminal(self, *arguments, rows=200, **env):
        """The output of `weir show` on a pseudo-terminal with that many rows."""
        environment = clean_environment({"TERM": "xterm", "NO_COLOR": None, "PAGER": "sed s/^/paged:/", **env})
        main, other = pty.openpty()
        subprocess.run(["stty", "rows", str(rows), "cols", "100"], stdin=other, check=True)
        with os.fdopen(main, "rb", buffering=0) as output:
            process = subprocess.Popen([command(), "show", *arguments], cwd=GOLDEN, env=environment, stdout=other,
                                       stderr=subprocess.PIPE)
            os.close(other)
            text = b""
            while True:
                try:
                    piece = output.read(65536)
                except OSError:  # the terminal is gone: so is the command
                    break
                if not piece:
                    break
                text += piece
            process.communicate(timeout=30)
        return text.decode()

    def test_colour_on_a_terminal_unless_it_is_unwanted(self):
        self.assertIn("\033[1m", self.on_terminal("report_no_leaks.json"))
        self.assertNotIn("\033", self.on_terminal("report_no_leaks.json", NO_COLOR="1"))
        self.assertNotIn("\033", self.on_terminal("report_no_leaks.json", TERM="dumb"))
        self.assertNotIn("\033", self.on_terminal("--color", "never", "report_no_leaks.json"))
        self.assertNotIn("\033", show("report_no_leaks.json").stdout.decode())

    def test_a_pager_for_what_is_longer_than_the_screen(self):
        self.assertIn("paged:", self.on_terminal("report_finished.json", rows=20))
        self.assertNotIn("paged:", self.on_terminal("report_finished.json", rows=200))
        self.assertNotIn("paged:", self.on_terminal("report_finished.json", rows=20, PAGER=""))
        self.assertNotIn("paged:", show("report_finished.json", env={"PAGER": "sed s/^/paged:/"}).stdout.decode())

    def test_a_pager_that_does_not_exist(self):
        text = self.on_terminal("report_finished.json", rows=20, PAGER="/no/such/pager")
        self.assertIn("Still allocated at exit", text)


class Help(unittest.TestCase):
    COMMANDS = ["run", "show", "html", "diff", "merge", "check", "suppress", "export", "env", "doctor", "top", "ctl", "options", "symbolize", "completion"]

    def test_every_command_has_help_with_an_example(self):
        top = run_weir(["--help"]).stdout.decode()
        for name in self.COMMANDS:
            self.assertIn(f"\n  {name} ", top)
            result = run_weir([name, "--help"])
            self.assertEqual(result.returncode, 0)
            self.assertRegex(result.stdout.decode(), rf"Examples?: .*weir {name}")

    def test_version(self):
        self.assertRegex(run_weir(["--version"]).stdout.decode(), r"^weir \d+\.\d+\.\d+\n$")

    def test_wrong_use_is_one_line(self):
        for arguments in ([], ["shwo"], ["show"], ["show", "--nothing", "x"], ["show", "--color", "pink", "x"]):
            result = run_weir(arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertEqual(result.stderr.decode().count("\n"), 1, result.stderr)

    def test_completion(self):
        script = run_weir(["completion", "bash"]).stdout.decode()
        probe = script + 'COMP_WORDS=(weir "$1" "$2"); COMP_CWORD=$3; _weir; echo "${COMPREPLY[@]}"\n'

        def completed(*arguments):
            return subprocess.run(["bash", "-c", probe, "bash", *arguments], capture_output=True, text=True).stdout.split()

        self.assertEqual(completed("sh", "", "1"), ["show"])
        self.assertEqual(completed("show", "--lar", "2"), ["--larger-than"])
        self.assertEqual(completed("export", "--form", "2"), ["--format"])
        self.assertEqual(completed("run", "--stack-", "2"), ["--stack-depth"])
        for shell in ("zsh", "fish"):
            text = run_weir(["completion", shell]).stdout.decode()
            for name in self.COMMANDS:
                self.assertIn(name, text)
            if shutil.which(shell):
                self.assertEqual(subprocess.run([shell, "-n"], input=text, text=True).returncode, 0)


class Options(unittest.TestCase):
    def test_every_option_of_the_table_is_listed_and_has_a_flag(self):
        table = (REPOSITORY / "src" / "options" / "options.def").read_text()
        variables = re.findall(r'^WEIR_OPTION\(\w+, \w+, "(\w+)"', table, re.M)
        self.assertGreater(len(variables), 20)
        text = run_weir(["options"]).stdout.decode()
        flags = run_weir(["run", "--help"]).stdout.decode()
        for variable in variables:
            self.assertIn(f"{variable}=", text)
            if variable not in ("WEIR", "WEIR_HELP", "WEIR_SYMBOLIZE"):
                self.assertIn("--" + variable[len("WEIR_"):].lower().replace("_", "-") + " ", flags)


if __name__ == "__main__":
    unittest.main()
