"""weir export: each format by the tool that reads it, the same figures in all, hostile names, bad input, memory."""

import json
import os
import pathlib
import re
import stat
import subprocess
import tempfile
import unittest

import export_readers as readers
from export_report import VALUES, mixed_report, totals_of, write_long_report
from html_report import GOLDEN, HOSTILE, golden, hostile_report
from damaged_reports import damaged
from weir_test import REPOSITORY, clean_environment, command, program, run_under_weir, run_weir, symbolise

DAMAGED_REPORTS = 210
LENGTH = int(os.environ.get("EXPORT_BYTES", "20000000"))
MOST_KILOBYTES = 256 * 1024
ENDINGS = {"pprof": "pb.gz", "collapsed": "collapsed", "speedscope": "speedscope", "massif": "massif.out", "heaptrack": "heaptrack", "perfetto": "trace",
           "ndjson": "ndjson"}
REPORTS = sorted(path.name for path in GOLDEN.glob("report_*.json"))
# Beside those of pages: ends of lines and of frames, what looks like a value, escape codes of one character.
HOSTILE_HERE = "".join(HOSTILE) + ";;a b 17\n\r\nn1: 5 x\n+ 1\n\u009b2J\x07 \x7f 9"


def missing(*tools):
    return unittest.skipIf(readers.why_not(*tools), readers.why_not(*tools))


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-export-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def export(self, *arguments):
        return run_weir(["export", *arguments], cwd=self.folder)

    def write(self, report):
        """As report.json: parsed, or a golden one's name."""
        text = (GOLDEN / report).read_text() if isinstance(report, str) else json.dumps(report)
        (self.folder / "report.json").write_text(text)

    def made(self, form, report=None, *arguments):
        """The path of the export; of the report that was written last, where none is given."""
        if report is not None:
            self.write(report)
        result = self.export("--format", form, "report.json", *arguments)
        self.assertEqual((result.returncode, result.stdout), (0, b""), result.stderr)
        return self.folder / f"report.{ENDINGS[form]}"

    def rows(self, report=None):
        return [json.loads(line) for line in self.made("ndjson", report).read_text().splitlines()]

    def documented(self, language):
        """The examples in a language of the page about exports."""
        return re.findall(rf"```{language}\n(.*?)```", (REPOSITORY / "docs" / "exports.md").read_text(), re.DOTALL)


class Totals(Case):
    """One report, read by every tool."""

    def setUp(self):
        super().setUp()
        self.report = mixed_report()
        self.totals, self.heap = totals_of(self.report), totals_of(self.report, "host")
        self.assertTrue(all(self.totals.values()))
        self.write(self.report)

    @missing("go")
    def test_pprof(self):
        path = self.made("pprof")
        self.assertEqual(readers.pprof_raw(path)[0], self.totals)
        for memory in ("host", "device", "pinned", "mmap"):
            expected = totals_of(self.report, memory)["live_bytes"]
            self.assertEqual(readers.pprof_top(path, "live_bytes", f"-tagfocus=memory=^{memory}$"), expected, memory)
        self.assertEqual(readers.pprof_top(path, "live_bytes", "-tagfocus=device=^0$"),
                         sum(row["bytes"] for row in self.report["leaks"] if row.get("device") == 0))

    @missing("protoc")
    def test_pprof_by_protoc(self):
        self.assertEqual(readers.protobuf_sums(self.made("pprof")), self.totals)

    @missing("speedscope")
    def test_speedscope(self):
        path = self.made("speedscope")
        profiles = readers.speedscope(path)[0]
        self.assertEqual({profile["name"].split(": ")[1]: profile["total"] for profile in profiles}, self.totals)
        self.assertEqual({profile["unit"] for profile in profiles if "bytes" in profile["name"]}, {"bytes"})

    @missing("speedscope")
    def test_speedscope_by_its_schema(self):
        import jsonschema
        schema = json.loads((readers.MODULES / "speedscope" / "dist" / "release" / "file-format-schema.json").read_text())
        written = json.loads(self.made("speedscope").read_text())
        jsonschema.validate(written, schema)
        for profile in written["profiles"]:
            self.assertEqual((sum(profile["weights"]), len(profile["weights"])), (profile["endValue"], len(profile["samples"])))

    def test_collapsed(self):
        for value in VALUES:
            lines = self.made("collapsed", None, "--value", value).read_text().splitlines()
            self.assertEqual(sum(int(line.rsplit(" ", 1)[1]) for line in lines), self.totals[value], value)
            if value == "live_bytes":
                of_device = [line for line in lines if line.startswith("device 0;")]
                self.assertEqual(sum(int(line.rsplit(" ", 1)[1]) for line in of_device), totals_of(self.report, "device")["live_bytes"])

    @missing("speedscope")
    def test_collapsed_by_speedscope(self):
        self.assertEqual(readers.speedscope(self.made("collapsed", None, "--value", "peak_bytes"))[0][0]["total"], self.totals["peak_bytes"])

    @missing("ms_print")
    def test_massif(self):
        snapshots, text = readers.ms_print(self.made("massif"))
        host = self.report["host"]["totals"]
        self.assertEqual(snapshots, [(0, 0), (host["peak_ns"] // 10**6, self.heap["peak_bytes"]),
                                     (self.report["process"]["duration_ns"] // 10**6, self.heap["live_bytes"])])
        self.assertIn("Detailed snapshots: [1 (peak), 2]", text)

    @missing("heaptrack_print")
    def test_heaptrack(self):
        figures, text = readers.heaptrack_print(self.made("heaptrack"), self.folder)
        self.assertEqual((figures["leaked"], figures["peak"]), (self.heap["live_bytes"], self.heap["peak_bytes"]))
        self.assertIn(f"calls to allocation functions: {self.heap['peak_count'] + self.heap['live_count']} ", text)

    @missing("@duckdb")
    def test_duckdb(self):
        self.made("ndjson")
        sums = ", ".join(f"sum({value}) AS {value}" for value in VALUES)
        answer = readers.duckdb(f"SELECT {sums} FROM read_json('report.ndjson')", self.folder)
        self.assertEqual({name: int(value) for name, value in answer[0].items()}, self.totals)

    @missing("sqlite3")
    def test_sqlite(self):
        self.made("ndjson")
        for example in self.documented("sqlite"):
            answer = readers.sqlite(example, self.folder)
            self.assertEqual(sum(int(line.rsplit("|", 1)[1]) for line in answer.splitlines()), self.totals["live_bytes"])

    @missing("ms_print")
    def test_massif_has_the_timeline_between_its_trees(self):
        host = golden("report_cuda.json")["timeline"]["host"]
        self.report["timeline"] = {"peak": {}, "host": {**host, "ns": [1000000, 899000000, 901000000, 1000000000, 1500000000, 1502000000]}}
        self.write(self.report)
        snapshots, text = readers.ms_print(self.made("massif"))
        between = host["live_bytes"]
        self.assertEqual(snapshots, [(0, 0), (1, between[0]), (899, between[1]), (901, self.heap["peak_bytes"]), (1000, between[3]), (1500, between[4]),
                                     (self.report["process"]["duration_ns"] // 10**6, self.heap["live_bytes"])])
        self.assertIn("Detailed snapshots: [3 (peak), 6]", text)

    def test_perfetto(self):
        events = json.loads(self.made("perfetto").read_text())["traceEvents"]
        self.assertEqual([event["ts"] for event in events if event["ph"] == "C"], sorted(event["ts"] for event in events if event["ph"] == "C"))
        of = {}
        for event in events:
            if event["ph"] == "C":
                of.setdefault(event["name"], []).append(next(iter(event["args"].values())))
        host, device = self.report["host"]["totals"], self.report["devices"][0]
        self.assertEqual(of["host memory"], [0, host["peak_bytes"], host["live_bytes"]])
        self.assertEqual(of["device 0 memory"], [0, device["peak_bytes"], device["live_bytes"]])


class Content(Case):
    @missing("@duckdb")
    def test_the_documented_query(self):
        report = golden("report_finished.json")
        self.made("ndjson", report)
        for query in self.documented("sql"):
            self.assertTrue(readers.duckdb(query, self.folder), query)
        by_place = readers.duckdb(self.documented("sql")[0], self.folder)
        self.assertEqual(by_place[0]["function"], "cache::Store::grow(unsigned long)")
        self.assertEqual(int(by_place[0]["bytes"]), 2097152)

    def test_a_merged_report(self):
        report = golden("report_cuda.json")
        for rank in (0, 1):
            (self.folder / f"{rank}.json").write_text(json.dumps({**report, "process": {**report["process"], "pid": 100 + rank, "rank": str(rank)}}))
        result = run_weir(["merge", "0.json", "1.json", "-o", "report.json"], cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        merged = json.loads((self.folder / "report.json").read_text())
        rows = self.rows(merged)
        self.assertEqual({value: sum(row[value] for row in rows) for value in VALUES}, totals_of(merged))
        self.assertEqual(totals_of(merged)["live_bytes"], 2 * totals_of(report)["live_bytes"])
        events = json.loads(self.made("perfetto").read_text())["traceEvents"]
        names = {event["name"] for event in events if event["ph"] == "C" and event["name"].startswith("device")}
        self.assertEqual(names, {f"device {device['index']}, process {rank} memory" for device in report["devices"] for rank in (0, 1)})

    def counters(self, report):
        """What Perfetto gets: by a counter's name and figure its points, (ns, bytes)."""
        found = {}
        for event in json.loads(self.made("perfetto", report).read_text())["traceEvents"]:
            if event["ph"] == "C":
                ((figure, value),) = event["args"].items()
                found.setdefault((event["name"], figure), []).append((round(event["ts"] * 1000), value))
        return found

    def test_perfetto_has_the_timeline_point_by_point(self):
        report = golden("report_cuda.json")
        host, (device,) = report["timeline"]["host"], report["timeline"]["devices"]
        expected = {(name, figure): [(ns, value) for ns, value in zip(course["ns"], course[figure], strict=True) if value is not None]
                    for course, name, figure in ((host, "host memory", "live_bytes"), (host, "host memory, reserved", "reserved_bytes"),
                                                 (host, "mmap memory", "mapped_bytes"), (host, "resident memory", "rss_bytes"),
                                                 (host, "resident memory, the most so far", "peak_rss_bytes"), (device, "device 0 memory", "live_bytes"),
                                                 (device, "device 0 memory, reserved", "reserved_bytes"), (device, "device 0 memory, idle", "idle_bytes"),
                                                 (device, "pinned 0 memory", "pinned_bytes"))}
        expected["managed 0 memory", "live_bytes"] = [(report["process"]["duration_ns"], report["devices"][0]["kinds"]["managed"]["live_bytes"])]
        self.assertEqual(self.counters(report), expected)

    def test_perfetto_without_a_timeline_has_start_peak_and_end(self):
        report = golden("report_cuda.json")
        report["timeline"] = {"peak": report["timeline"]["peak"]}
        end, device = report["process"]["duration_ns"], report["devices"][0]
        found = self.counters(report)
        self.assertEqual(found["device 0 memory", "live_bytes"], [(0, 0), (device["peak_ns"], device["peak_bytes"]), (end, device["live_bytes"])])
        self.assertEqual(found["mmap memory", "live_bytes"], [(0, 0), (end, 1048576)])  # its peak is told as later than the end
        self.assertEqual(found["pinned 0 memory", "live_bytes"], [(end, device["kinds"]["pinned"]["live_bytes"])])
        self.assertEqual(found["resident memory", "rss_bytes"], [(end, report["host"]["process_memory"]["rss_bytes"])])

    def test_no_counter_has_two_values_at_a_moment(self):
        report = golden("report_cuda.json")
        report["timeline"]["host"]["ns"][2] = report["timeline"]["host"]["ns"][1]
        report["host"]["totals"]["peak_ns"] = report["process"]["duration_ns"]
        for tried in (report, {**report, "timeline": {}}, *REPORTS):
            for name, points in self.counters(tried).items():
                moments = [ns for ns, _ in points]
                self.assertEqual(moments, sorted(set(moments)), name)

    def test_rows_have_the_same_columns(self):
        columns = {tuple(row) for name in REPORTS for row in self.rows(name)}
        self.assertEqual(len(columns), 1)
        row = self.rows("report_cuda.json")[0]
        self.assertEqual((row["memory"], row["device"], row["kind"], row["stack"][:2], row["function"], row["line"], row["rank"]),
                         ("device", 0, "live", ["allocate", "leak"], "allocate", 7, None))

    @missing("go")
    def test_pprof_has_mappings_with_build_ids_and_inlined_lines(self):
        report = golden("report_finished.json")
        text = readers.pprof_raw(self.made("pprof", report))[1]
        mappings = text[text.index("Mappings\n"):]
        for module in report["modules"]:
            self.assertRegex(mappings, rf"{module['base']}/0x\w+/0x0 {re.escape(module['path'])} {module['build_id'] or ''}")
        inlined = next(frame for frame in report["frames"] if frame.get("inlined"))
        self.assertIn(inlined["inlined"][0]["function"].split("(")[0], text)

    @missing("protoc")
    def test_pprof_has_documented_fields_only(self):
        text = readers.protobuf_text(self.made("pprof", mixed_report(30)))
        self.assertNotRegex(text, r"(?m)^\s*\d+[: ]")
        self.assertRegex(text, r'string_table: ""\n')
        values = len(re.findall(r"(?m)^  value: ", text))
        self.assertEqual(values, len(VALUES) * len(re.findall(r"(?m)^sample \{", text)))

    @missing("ms_print")
    def test_massif_has_the_callers(self):
        text = readers.ms_print(self.made("massif", "report_finished.json"))[1]
        grow, main = text.index("cache::Store::grow(unsigned long) (/src/leaky/store.cpp:41)"), text.index("main (/src/leaky/main.cpp:17)")
        self.assertLess(grow, main)

    @missing("ms_print")
    def test_massif_lumps_what_is_small(self):
        text = self.made("massif", mixed_report(2000)).read_text()
        for tree in re.split(r"snapshot=\d+", text)[2:]:
            lines = [(len(line) - len(line.lstrip()), *map(int, re.match(r"\s*n(\d+): (\d+) ", line).groups()))
                     for line in tree.splitlines() if re.match(r"\s*n\d", line)]
            self.assertIn("below massif's threshold (1.00%)", tree)
            for i, (indent, count, size) in enumerate(lines):  # a node has as many below it as it says, and they hold what it holds
                below = []
                for other in lines[i + 1:]:
                    if other[0] <= indent:
                        break
                    below += [other[2]] if other[0] == indent + 1 else []
                self.assertEqual(len(below), count)
                self.assertEqual(sum(below), size if count else 0)

    @missing("heaptrack_print")
    def test_more_blocks_than_heaptrack_can_list(self):
        report = golden("report_finished.json")
        report["leaks"], report["peak"] = [{"memory": "host", "kind": "live", "bytes": 7 * 10**9 + 5, "count": 10**9, "stack": 0}], []
        path = self.made("heaptrack", report)
        self.assertLess(path.stat().st_size, 60_000_000)
        self.assertEqual(readers.heaptrack_print(path, self.folder)[0]["leaked"], 7 * 10**9 + 5)

    def test_a_raw_report_is_symbolised(self):
        result = run_under_weir([program("example_leak")])
        (self.folder / "report.json").write_bytes(result.report_texts[0])
        self.assertNotIn("function", result.report["frames"][0])
        finished = symbolise(result.report_texts[0])
        expected = {frame["function"] for frame in finished["frames"] if "function" in frame}
        raw, shown = self.rows(), self.rows(finished)
        self.assertEqual(raw, shown)
        self.assertTrue(any("fill_bucket" in row["function"] and row["file"].endswith("example_leak.cpp") and row["line"] == 25 for row in raw))
        self.assertTrue({"main"} <= {name for row in raw for name in row["stack"]} & expected)
        self.assertEqual({value: sum(row[value] for row in raw) for value in VALUES}, totals_of(result.report))

    def test_weirs_own_frames_are_left_out_and_a_cut_stack_says_so(self):
        report = golden("report_finished.json")
        report["modules"].append({**report["modules"][0], "path": "/opt/lib/libweir.so"})
        report["frames"] += [{"module": len(report["modules"]) - 1, "offset": 9, "function": "weir_hook"}, {"module": None, "truncated": True}]
        report["stacks"][0] = [len(report["frames"]) - 2, report["stacks"][0][0], len(report["frames"]) - 1]
        stacks = [row["stack"] for row in self.rows(report) if row["stack_id"] == 0]
        self.assertEqual(stacks[0], ["cache::Store::grow(unsigned long)", "(the stack goes on; it was cut here)"])


class Hostile(Case):
    def report(self, name):
        report = hostile_report(name)
        for frame in report["frames"]:
            for place in [frame, *frame.get("inlined", [])]:
                for key in ("function", "file"):
                    place[key] = place.get(key, "") + HOSTILE_HERE
        for row in report["leaks"]:
            row["kind"] += HOSTILE_HERE
        report["process"]["argv"].append(HOSTILE_HERE)
        report["modules"][0]["path"] += HOSTILE_HERE
        return report

    def test_names_bring_no_line_and_no_escape_code(self):
        for name in REPORTS:
            self.write(self.report(name))
            for form in set(ENDINGS) - {"pprof"}:
                with self.subTest(report=name, format=form):
                    text = self.made(form).read_text()
                    self.assertEqual([c for c in set(text) if (ord(c) < 32 and c != "\n") or ord(c) in range(127, 160) or c in "\u2028\u2029\u202e"], [])

    def test_collapsed_stacks_keep_their_frames(self):
        report = self.report("report_finished.json")
        plain = self.made("collapsed", "report_finished.json").read_text().splitlines()
        hostile = self.made("collapsed", report).read_text().splitlines()
        for before, after in zip(plain, hostile, strict=True):
            self.assertEqual(before.rsplit(" ", 1)[1], after.rsplit(" ", 1)[1])
            self.assertEqual(before.count(";"), after.count(";"))

    def test_rows_are_json_and_as_many(self):
        self.assertEqual(len(self.rows(self.report("report_finished.json"))), len(self.rows("report_finished.json")))

    @missing("go")
    def test_pprof_reads_them(self):
        report = self.report("report_finished.json")
        self.assertEqual(readers.pprof_raw(self.made("pprof", report))[0], totals_of(report))

    @missing("protoc", "ms_print", "heaptrack_print", "speedscope", "@duckdb")
    def test_every_other_tool_reads_them(self):
        report = self.report("report_finished.json")
        totals, heap = totals_of(report), totals_of(report, "host")
        self.write(report)
        self.assertEqual(readers.protobuf_sums(self.made("pprof")), totals)
        self.assertEqual(readers.ms_print(self.made("massif"))[0][1][1], heap["peak_bytes"])
        figures, _ = readers.heaptrack_print(self.made("heaptrack"), self.folder)
        self.assertEqual(figures["leaked"], heap["live_bytes"])
        profiles, collapsed = readers.speedscope(self.made("speedscope"), self.made("collapsed"))
        self.assertEqual(profiles[2]["total"], totals["live_bytes"])
        self.assertEqual(sorted(map(len, collapsed[0]["stacks"])), sorted(map(len, profiles[2]["stacks"])))
        self.made("ndjson")
        answer = readers.duckdb("SELECT sum(live_bytes) AS bytes FROM read_json('report.ndjson')", self.folder)
        self.assertEqual(int(answer[0]["bytes"]), totals["live_bytes"])

    def test_figures_beyond_all_bounds(self):
        report = golden("report_finished.json")
        for row in report["leaks"] + report["peak"]:
            row["bytes"] = row["count"] = 2**64 - 1
        report["frames"][0]["line"] = 2**64 - 1
        self.write(report)
        for form in ENDINGS:
            self.assertGreater(self.made(form).stat().st_size, 0, form)


class Input(Case):
    def one_line(self, result, *words):
        self.assertEqual((result.returncode, result.stdout, result.stderr.count(b"\n")), (2, b"", 1), result.stderr)
        for word in words:
            self.assertIn(word, result.stderr.decode())

    def test_bad_input_is_one_line(self):
        for name, text in (("empty.json", ""), ("cut.json", json.dumps(golden("report_errors.json"))[:5000]), ("not.json", "[1]"),
                           ("other.json", json.dumps({**golden("report_errors.json"), "schema": "weir-report/9"})),
                           ("wrong.json", '{"schema": "weir-report/1", nonsense}'), ("huge.json", '{"schema": 1e999}')):
            (self.folder / name).write_text(text)
            made, shown = self.export("--format", "pprof", name), run_weir(["show", name], cwd=self.folder)
            self.one_line(made, f"weir: {name}: ")
            if name != "huge.json":  # there show cannot say where
                self.assertEqual(made.stderr, shown.stderr)
        self.one_line(self.export("--format", "pprof", "absent.json"), "absent.json: No such file")
        self.one_line(self.export("--format", "pprof", "/dev/null"), "expected a regular file")
        self.assertEqual(sorted(path.suffix for path in self.folder.iterdir()), [".json"] * 6)

    def test_wrong_use_is_one_line(self):
        self.write("report_finished.json")
        self.one_line(self.export("report.json"), "--format")
        self.one_line(self.export("--format", "gif", "report.json"), "gif", "speedscope")
        self.one_line(self.export("--format", "collapsed", "--value", "most", "report.json"), "most", "leaked_bytes")
        self.one_line(self.export("--format", "pprof", "--value", "live_bytes", "report.json"), "--value", "collapsed", "pprof")
        self.one_line(self.export("--format", "pprof", "report.json", "-o", "./report.json"), "./report.json: writing there would replace a file that is read")
        self.assertEqual(json.loads((self.folder / "report.json").read_text()), golden("report_finished.json"))

    def test_indices_beyond_the_tables_are_refused(self):
        changes = (lambda r: r["leaks"][0].update(stack=10**6), lambda r: r["leaks"][0].update(stack="1"), lambda r: r["leaks"].append(7),
                   lambda r: r["leaks"][0].update(stack=2**63), lambda r: r["stacks"][0].append(10**6), lambda r: r["stacks"].__setitem__(0, 7),
                   lambda r: r["frames"].__setitem__(0, 7), lambda r: r["frames"][0].update(module=99), lambda r: r["frames"][0].update(offset=-1),
                   lambda r: r.pop("stacks"), lambda r: r.update(leaks={}), lambda r: r.update(host=[]), lambda r: r.update(frames=7))
        for change in changes:
            report = golden("report_finished.json")
            change(report)
            self.write(report)
            self.one_line(self.export("--format", "ndjson", "report.json"), "report.json: expected ")

    def test_a_report_in_another_order_is_refused(self):
        report = golden("report_finished.json")
        report["leaks"] = report.pop("leaks")
        self.write(report)
        self.one_line(self.export("--format", "ndjson", "report.json"), 'expected "leaks" before "stacks"')

    def test_a_key_that_comes_twice(self):
        text = json.dumps(golden("report_finished.json"))
        for key in ("modules", "devices", "leaks", "frames", "stacks", "host"):
            (self.folder / "report.json").write_text(f'{{"{key}": 7, {text[1:]}')
            result = self.export("--format", "ndjson", "report.json")
            self.assertIn(result.returncode, (0, 2), result.stderr)
            self.assertEqual(result.stderr.count(b"\n"), 1)

    def test_damaged_reports_end_in_a_file_or_a_line(self):
        for round_, (where, text) in enumerate(damaged([(GOLDEN / name).read_bytes() for name in REPORTS], DAMAGED_REPORTS // len(REPORTS))):
            (self.folder / "report.json").write_bytes(text)
            form = list(ENDINGS)[round_ % len(ENDINGS)]
            result = self.export("--format", form, "report.json")
            self.assertIn(result.returncode, (0, 2), f"{where}, {form}: {result.stderr}")
            said = [line for line in result.stderr.splitlines() if not line.startswith(b"weir: no functions and lines for ")]
            self.assertEqual((result.stdout, len(said)), (b"", 1), where)


class Files(Case):
    def test_where_the_export_goes(self):
        made = self.made("ndjson", "report_finished.json")
        self.assertEqual(stat.S_IMODE(made.stat().st_mode), 0o600)
        (self.folder / "other").write_text("old")
        self.assertEqual(self.export("--format", "ndjson", "report.json", "-o", "other").returncode, 0)
        self.assertEqual((self.folder / "other").read_bytes(), made.read_bytes())
        for output in ("-", "/dev/stdout"):
            self.assertEqual(self.export("--format", "ndjson", "report.json", "-o", output).stdout, made.read_bytes())
        (self.folder / "link").symlink_to("other")
        (self.folder / "other").write_text("old")
        self.assertEqual(self.export("--format", "ndjson", "report.json", "-o", "link").returncode, 0)
        self.assertTrue((self.folder / "link").is_symlink())
        self.assertEqual((self.folder / "other").read_bytes(), made.read_bytes())
        for output in ("/dev/full", "no/such/file"):
            result = self.export("--format", "pprof", "report.json", "-o", output)
            self.assertEqual((result.returncode, result.stderr.count(b"\n")), (125, 1))
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["link", "other", "report.json", "report.ndjson"])

    def test_exports_are_no_reports_of_their_folder(self):
        self.write("report_finished.json")
        for form in ENDINGS:
            self.made(form)
        self.assertEqual(run_weir(["show", "."], cwd=self.folder).returncode, 0)

    def test_the_same_report_gives_the_same_file(self):
        for form in ENDINGS:
            first = self.made(form, "report_finished.json").read_bytes()
            self.assertEqual(self.made(form).read_bytes(), first)


class Memory(Case):
    def peak_kilobytes(self, form):
        process = subprocess.Popen([command(), "export", "--format", form, "report.json"], cwd=self.folder, env=clean_environment(),
                                   stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        return usage.ru_maxrss

    def test_a_long_report_takes_a_part_of_its_length(self):
        live = write_long_report(self.folder / "report.json", 1_000_000)
        small = {form: self.peak_kilobytes(form) for form in ENDINGS}
        live = write_long_report(self.folder / "report.json", LENGTH)
        length = (self.folder / "report.json").stat().st_size // 1024
        self.assertGreater(length, LENGTH // 1024 * 8 // 10)
        for form, before in small.items():
            taken = self.peak_kilobytes(form)
            self.assertLess(taken, MOST_KILOBYTES)
            self.assertLess(taken - before, length * 0.24 + 4096, form)
        lines = (self.folder / "report.collapsed").read_text().splitlines()
        self.assertEqual(sum(int(line.rsplit(" ", 1)[1]) for line in lines), live)


if __name__ == "__main__":
    unittest.main()
