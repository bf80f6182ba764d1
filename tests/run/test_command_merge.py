"""weir merge: one report of many processes, by rank; valid by the schema, the same whatever the order of its inputs, and read by weir show and
weir diff."""

import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile
import unittest

from damaged_reports import damaged
import large_reports
from weir_test import (REPOSITORY, call_sites, clean_environment, command, library, program, run_alone, run_under_weir, run_weir,
                       simulated_driver, symbolise)

GOLDEN = REPOSITORY / "tests" / "golden"
PROGRAM = program("diff_growth")


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.ranks = self.folder / "ranks"
        self.ranks.mkdir()
        self.output = self.folder / "out.json"

    def put(self, name, report):
        path = self.ranks / name
        path.write_text(json.dumps(report))
        return path

    def golden(self, name, **process):
        report = json.loads((GOLDEN / f"report_{name}.json").read_text())
        report["process"].update(process)
        return report

    def run_rank(self, rank, *steps, env=None):
        result = run_under_weir([PROGRAM, *steps], env={"RANK": rank, **(env or {})})
        self.assertEqual(result.returncode, 0, result.stderr)
        path = self.ranks / f"rank{rank}.json"
        path.write_bytes(result.report_texts[0])
        return path

    def merge(self, *paths, stderr=b""):
        result = run_weir(["merge", *map(str, paths or [self.ranks]), "-o", str(self.output)])
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"", stderr))
        merged = json.loads(self.output.read_text())
        self.validate(merged)
        return merged

    def validate(self, report):
        import jsonschema
        schema = json.loads((REPOSITORY / "docs" / "report.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        self.assertEqual([e.message for e in jsonschema.Draft202012Validator(schema).iter_errors(report)], [])

    def rows_of(self, report, function):
        return [leak for leak in report["leaks"] if any(function in (site[0] or "") for site in call_sites(report, leak["stack"]))]


class Ranks(Case):
    def run_four(self):
        return [self.run_rank(rank, f"cache={10 + rank}", "table=5", *(["lose=3"] if rank == 2 else [])) for rank in range(4)]

    def test_rows_are_added_up_and_processes_stay_apart(self):
        self.run_four()
        merged = self.merge()
        self.assertEqual(merged["process"]["merged_count"], 4)
        self.assertEqual([process["rank"] for process in merged["processes"]], ["0", "1", "2", "3"])
        self.assertEqual([process["host_totals"]["live_bytes"] for process in merged["processes"]], [12500, 13500, 14692, 15500])
        self.assertEqual(merged["host"]["totals"]["live_bytes"], 12500 + 13500 + 14692 + 15500)
        figures = {}
        for function in ("grow_cache", "keep_table", "lose"):
            (row,) = self.rows_of(merged, function)
            figures[function] = [row[key] for key in ("kind", "bytes", "count", "process_count", "most_process", "most_bytes")]
        self.assertEqual(figures, {"grow_cache": ["reachable", 46000, 46, 4, 3, 13000], "keep_table": ["reachable", 10000, 20, 4, 0, 2500],
                                   "lose": ["definite", 192, 3, 1, 2, 192]})
        self.assertEqual(merged["leak_check"]["kinds"]["definite"], {"bytes": 192, "count": 3})
        self.assertEqual(merged["processes"][2]["leak_kinds"]["definite"], {"bytes": 192, "count": 3})
        self.assertEqual([leak["bytes"] for leak in merged["leaks"]], sorted((leak["bytes"] for leak in merged["leaks"]), reverse=True))

    def test_any_order_gives_the_same_file(self):
        paths = self.run_four()
        self.merge()
        first = self.output.read_bytes()
        for _ in range(3):
            random.shuffle(paths)
            self.merge(*paths)
            self.assertEqual(self.output.read_bytes(), first)

    def test_the_standard_output_gets_the_same(self):
        self.run_four()
        self.merge()
        for name in ("-", "/dev/stdout"):
            result = run_weir(["merge", str(self.ranks), "-o", name], cwd=self.folder)
            self.assertEqual((result.returncode, result.stderr), (0, b""))
            self.assertEqual(result.stdout, self.output.read_bytes())
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["out.json", "ranks"])

    def test_raw_and_finished_reports_give_the_same(self):
        self.run_four()
        merged = self.merge()
        for path in self.ranks.iterdir():
            path.write_text(json.dumps(symbolise(path)))
        self.assertEqual(self.merge(), merged)

    def test_show_reads_it(self):
        self.run_four()
        merged = self.merge()
        text = run_weir(["show", str(self.output)]).stdout.decode()
        self.assertIn("4 processes\n  rank      pid  allocations       peak    at exit  program\n", text)
        self.assertIn(f"     3{merged['processes'][3]['pid']:9}", text)
        self.assertIn("\nLost: 192 B in 3 blocks from 1 place\n  192 B in 3 blocks  in 1 process\n", text)
        self.assertIn("44.9 KiB in 46 blocks  in 4 processes\n", text)
        one_by_one = run_weir(["show", str(self.ranks)]).stdout.decode()
        self.assertEqual(text.split("\nNotes")[0], one_by_one.split("\nNotes")[0])  # the sums are the same without merging

    def test_show_tells_blocks_of_one_address_apart(self):
        block = {"memory": "host", "stack": 0, "address": "0x7f0000001000", "bytes": 3 << 20, "ns": 5, "thread": 1, "family": "malloc"}
        for rank in range(4):
            report = json.loads(self.run_rank(rank, "cache=10").read_text())
            self.put(f"rank{rank}.json", report | {"large": [block]})
        self.merge()
        text = run_weir(["show", "--larger-than", "1MiB", str(self.output)]).stdout.decode()
        self.assertIn("still allocated at exit: 4\n", text)
        self.assertEqual(text.count("3.0 MiB at 0x7f0000001000"), 4)

    def test_diff_reads_it(self):
        self.run_four()
        self.merge()
        before = self.output.rename(self.folder / "before.json")
        self.run_rank(2, "cache=20", "table=5")
        self.merge()
        found = json.loads(run_weir(["diff", "--json", str(before), str(self.output)]).stdout)
        self.assertEqual([(e["before"]["bytes"], e["after"]["bytes"]) for e in found["grown"]], [(46000, 54000)])
        self.assertEqual([e["lost_before"]["bytes"] for e in found["gone"]], [192])

    def test_launchers_variables(self):
        for number, name in enumerate(("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID")):
            self.run_rank(number, "table=1", env={"RANK": None, name: 7 - number, "LOCAL_RANK": 99})
        self.assertEqual([process["rank"] for process in self.merge()["processes"]], ["4", "5", "6", "7"])

    def test_ranks_are_ordered_as_numbers(self):
        for rank in (10, 9, 2):
            self.run_rank(rank, "table=1")
        self.assertEqual([process["rank"] for process in self.merge()["processes"]], ["2", "9", "10"])

    @unittest.skipUnless(shutil.which("mpirun"), "no mpirun")
    def test_a_real_mpirun(self):
        environment = {"OMPI_ALLOW_RUN_AS_ROOT": 1, "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": 1, "TMPDIR": "/tmp"}
        result = run_alone(["mpirun", "-n", "4", "--oversubscribe", "-x", f"LD_PRELOAD={library()}", "-x", f"WEIR_REPORT={self.ranks}/%r.%p.json",
                            PROGRAM, "cache=10", "lose=1"], env=environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sorted(path.name.split(".")[0] for path in self.ranks.iterdir()), ["0", "1", "2", "3"])
        merged = self.merge()
        self.assertEqual([process["rank"] for process in merged["processes"]], ["0", "1", "2", "3"])
        (row,) = self.rows_of(merged, "grow_cache")
        self.assertEqual((row["bytes"], row["process_count"]), (40000, 4))

    @unittest.skipUnless(simulated_driver(), "no simulated device")
    def test_devices_by_rank(self):
        for rank in range(2):
            self.run_rank(rank, f"device={64 << rank}", env={"LD_LIBRARY_PATH": simulated_driver()})
        merged = self.merge()
        devices = [(d["process"], d["index"], d["live_bytes"]) for d in merged["devices"] if d["index"] is not None]
        self.assertEqual(devices, [(0, 0, 64 << 10), (1, 0, 128 << 10)])
        (row,) = [leak for leak in merged["leaks"] if leak["memory"] == "device"]
        self.assertEqual((row["bytes"], row["device"], row["most_process"], row["call"]), (192 << 10, 0, 1, "cuMemAlloc_v2"))


class Synthetic(Case):
    def test_every_golden_report_twice(self):
        for name in ("finished", "cuda", "errors", "suppressed", "raw", "no_leaks"):
            with self.subTest(golden=name):
                shutil.rmtree(self.ranks)
                self.ranks.mkdir()
                for number in range(2):
                    self.put(f"{number}.json", self.golden(name, pid=100 + number, rank=str(number)))
                merged, one = self.merge(), symbolise(GOLDEN / f"report_{name}.json")
                self.assertEqual(sum(leak["bytes"] for leak in merged["leaks"]), 2 * sum(leak["bytes"] for leak in one["leaks"]))
                self.assertEqual(sum(row["bytes"] for row in merged["peak"]), 2 * sum(row["bytes"] for row in one["peak"]))
                for key in ("errors", "out_of_memory", "large", "devices"):
                    self.assertEqual(len(merged[key]), 2 * len(one.get(key, [])), key)
                for key, factor in (("live_bytes", 2), ("alloc_count", 2), ("peak_ns", 1)):
                    self.assertEqual(merged["host"]["totals"][key], factor * one["host"]["totals"][key], key)
                for row, other in zip(merged["host"]["size_classes"], one["host"]["size_classes"], strict=True):
                    self.assertEqual((row["block_bytes"], row["alloc_count"]), (other["block_bytes"], 2 * other["alloc_count"]))
                transfers = one.get("cuda", {}).get("transfers", [])
                self.assertEqual(sum(t["bytes"] for t in merged.get("cuda", {}).get("transfers", [])), 2 * sum(t["bytes"] for t in transfers))
                pool, before = merged["host"]["pool"], one["host"]["pool"]
                self.assertAlmostEqual(pool["utilization_ratio"], before["allocated_bytes"] / (before["reserved_bytes"] or 1), 3)
                self.stacks_are_those_of(one, merged)

    def stacks_are_those_of(self, one, merged):
        """Every row's stack reads in the merged report as it did."""
        for key in ("leaks", "peak", "errors", "large"):
            texts = {str(call_sites(one, row["stack"])) for row in one.get(key, [])}
            self.assertEqual({str(call_sites(merged, row["stack"])) for row in merged[key]}, texts, key)
        for error in merged["errors"]:
            if "allocation" in error:
                self.assertLess(error["allocation"]["stack"], len(merged["stacks"]))

    def test_suppressions_are_added_up(self):
        for number in range(2):
            self.put(f"{number}.json", self.golden("suppressed", pid=100 + number))
        one = self.golden("suppressed")
        merged = self.merge()
        self.assertEqual([(s["pattern"], s["count"]) for s in merged["leak_check"]["suppressions"]],
                         [(s["pattern"], 2 * s["count"]) for s in one["leak_check"]["suppressions"]])
        self.assertEqual({leak.get("suppressed") for leak in merged["leaks"]}, {leak.get("suppressed") for leak in one["leaks"]})

    def test_one_build_on_two_hosts_and_another_build(self):
        other = self.golden("finished", pid=2)
        self.put("0.json", self.golden("finished", pid=1, host="a"))
        self.put("1.json", self.golden("finished", pid=1, host="b"))
        other["modules"][0]["build_id"] = "ff" * 20
        self.put("2.json", other)
        merged = self.merge()
        self.assertEqual(len(merged["modules"]), len(other["modules"]) + 1)
        self.assertEqual(sorted(leak["process_count"] for leak in merged["leaks"] if leak["bytes"] >= 2 << 20), [1, 2])

    def test_of_one_process_the_latest_report_counts(self):
        early = self.golden("finished", duration_ns=1000)
        early["leaks"] = []
        self.put("early.json", early)
        self.put("late.json", self.golden("finished"))
        merged = self.merge(stderr=b"weir: merged without 1 earlier report of processes that have a later one\n")
        self.assertEqual(len(merged["processes"]), 1)
        self.assertNotEqual(merged["leaks"], [])
        self.assertIn({"text": "merged without 1 earlier report of processes that have a later one"}, merged["warnings"])

    def test_options_that_differ_are_named(self):
        other = self.golden("finished", pid=2)
        other["options"]["WEIR_LARGE"] = {"value": "7MiB", "default": False}
        other["options"]["WEIR_REPORT"] = {"value": "elsewhere", "default": False}
        self.put("0.json", self.golden("finished", pid=1))
        self.put("1.json", other)
        texts = [warning["text"] for warning in self.merge()["warnings"]]
        self.assertEqual([text for text in texts if "differs" in text], ["WEIR_LARGE differs among the merged processes: options has the first one's"])

    def test_a_merge_into_the_folder_that_is_merged(self):
        self.output = self.ranks / "merged.json"
        self.put("0.json", self.golden("finished", pid=1))
        self.put("1.json", self.golden("finished", pid=2))
        first = self.merge()
        self.assertEqual(self.merge(), first)

    def test_a_merge_of_named_reports_into_one_of_them_is_made_anew_of_the_same_alone(self):
        self.output = self.ranks / "merged.json"
        parts = [self.put(f"{pid}.json", self.golden("finished", pid=pid)) for pid in (1, 2)]
        first = self.merge(*parts)
        self.assertEqual(self.merge(*parts, self.output), first)
        result = run_weir(["merge", str(parts[0]), str(self.output), "-o", str(self.output)])
        self.assertEqual((result.returncode, result.stderr.decode()),
                         (2, f"weir: {self.output}: expected with it the reports that it was merged from, as -o is to replace it\n"))
        self.assertEqual(json.loads(self.output.read_text()), first)

    def test_sums_stay_at_the_largest_number(self):
        report = self.golden("finished", pid=1)
        report["leaks"][0]["bytes"] = 2 ** 64 - 1
        self.put("0.json", report)
        self.put("1.json", {**report, "process": {**report["process"], "pid": 2}})
        self.assertEqual(self.merge()["leaks"][0]["bytes"], 2 ** 64 - 1)


class EachProcessOnce(Case):
    """A folder that has reports and what was merged from them."""

    def setUp(self):
        super().setUp()
        self.parts = [self.put(f"{pid}.json", self.golden("finished", pid=pid)) for pid in (1, 2, 3)]
        self.output = self.ranks / "merged.json"

    def said_of(self, *arguments):
        result = run_weir([*arguments, str(self.ranks)])
        self.assertIn(result.returncode, (0, 1), result.stderr)
        return result.stdout.decode(), result.stderr.decode()

    def test_the_merged_one_is_left_out_where_all_its_parts_are_there(self):
        expected = [self.said_of("show"), self.said_of("check", "--expect", "3"), self.said_of("suppress"), self.said_of("check", "--baseline", str(self.ranks))]
        self.merge()
        note = f"weir: {self.output} is left out: the reports that it was merged from are in this folder too\n"
        found = [self.said_of("show"), self.said_of("check", "--expect", "3"), self.said_of("suppress"), self.said_of("check", "--baseline", str(self.ranks))]
        self.assertEqual(found, [(text, note * (2 if i == 3 else 1)) for i, (text, _) in enumerate(expected)])
        self.assertIn("3 of 3 reports", self.said_of("check")[0])
        self.assertIn("3 reports expected, 2 found", run_weir(["check", "--expect", "3", *map(str, self.parts[:2])]).stdout.decode())

    def test_a_baseline_is_looked_for_once_whatever_is_written(self):
        self.merge()
        outputs = ("--junit", str(self.folder / "out.xml"), "--sarif", str(self.folder / "out.sarif"))
        self.assertEqual(self.said_of("check", "--baseline", str(self.ranks), *outputs), self.said_of("check", "--baseline", str(self.ranks)))

    def test_one_that_has_more_is_counted_and_its_parts_are_not(self):
        self.merge()
        whole = self.said_of("show")[0]
        self.parts[0].unlink()
        text, note = self.said_of("show")
        self.assertEqual(note, f"weir: 2 reports left out: {self.output} was merged from them, and from more\n")
        self.assertEqual(text.split("\nNotes")[0], whole.split("\nNotes")[0])

    def test_what_is_named_itself_counts(self):
        self.merge()
        result = run_weir(["check", str(self.output), str(self.parts[0])])
        self.assertEqual(result.stderr, b"")
        self.assertIn(b"2 of 2 reports", result.stdout)

    def test_a_folder_is_hidden_as_a_whole(self):
        self.merge()
        result = run_weir(["symbolize", "--confidential", str(self.ranks)])
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertTrue(json.loads(self.output.read_text())["confidential"])

    def test_a_merge_of_the_folder_into_another_file(self):
        self.merge()
        first, self.output = self.output, self.folder / "again.json"
        again = self.merge(stderr=f"weir: {first} is left out: the reports that it was merged from are in this folder too\n".encode())
        self.assertEqual(again, json.loads(first.read_text()))

    def test_what_is_no_report_is_still_told(self):
        self.merge()
        self.put("odd.json", {"process": {"merged_count": 1}, "schema": "weir-report/1"})
        (self.ranks / "worse.json").write_text("{")
        result = run_weir(["show", str(self.ranks)])
        self.assertEqual((result.returncode, result.stderr.count(b"\n")), (2, 2))
        self.assertIn(b"odd.json: expected ", result.stderr)


class BadInput(Case):
    def assert_refused(self, paths, expected, code=2):
        result = run_weir(["merge", *map(str, paths), "-o", str(self.output)])
        self.assertEqual((result.returncode, result.stdout, result.stderr.decode()), (code, b"", f"weir: {expected}\n"))
        self.assertEqual([path.name for path in self.folder.iterdir()], ["ranks"])

    def test_one_line_and_no_output(self):
        good, bad = GOLDEN / "report_finished.json", self.ranks / "bad.json"
        self.assert_refused([self.ranks], f"{self.ranks}: expected reports (*.json) in this folder")
        whole = (GOLDEN / "report_raw.json").read_bytes().replace(b"4711", b"4712")
        for content, expected in [(b"", "byte 0: expected a Weir report, found an empty file"), (b"[]", "byte 0: expected a Weir report, which begins with '{'"),
                                  (whole[:9000], "byte 9000: expected the report to go on; the file is truncated"),
                                  (b'{"schema": "weir-report/1"}', 'expected "process" to hold an object'),
                                  (b'{"process": 7, "schema": "weir-report/1"}', 'expected "process" to hold an object'),
                                  (b'{"schema": "weir-diff/1"}', "expected schema weir-report/1, found weir-diff/1")]:
            bad.write_bytes(content)
            self.assert_refused([good, self.ranks], f"{bad}: {expected}")
        for key, expected in (("leaks", "entries with an index into stacks"), ("peak", "entries with an index into stacks"), ("large", "entries with an index into stacks")):
            report = json.loads((GOLDEN / "report_finished.json").read_text())
            report["process"]["pid"] = 9
            report[key][0]["stack"] = 99999
            bad.write_text(json.dumps(report))
            self.assert_refused([good, bad], f'{bad}: expected "{key}" to hold {expected}')

    def test_a_merged_report_is_not_merged_again(self):
        merged = self.ranks / "merged.json"
        self.assertEqual(run_weir(["merge", str(GOLDEN / "report_finished.json"), "-o", str(merged)]).returncode, 0)
        self.assert_refused([merged], f"{merged}: expected a report of one process, found a merged one")

    def test_no_report_of_a_process_is_replaced(self):
        report = json.loads((GOLDEN / "report_finished.json").read_text())
        paths = [self.put(f"{pid}.json", {**report, "process": {**report["process"], "pid": pid}}) for pid in (1, 2)]
        (self.folder / "link.json").symlink_to(paths[1])
        aside = self.folder / "aside.json"
        aside.write_bytes(paths[0].read_bytes())
        before = [path.read_bytes() for path in paths]
        for output in (*paths, self.ranks / ".." / "ranks" / "1.json", self.folder / "link.json", aside):
            for inputs in ([self.ranks], paths):
                with self.subTest(output=output, inputs=inputs):
                    result = run_weir(["merge", *map(str, inputs), "-o", str(output)])
                    self.assertEqual((result.returncode, result.stderr.decode()),
                                     (2, f"weir: {output}: writing there would replace the report of a process; -o names another file\n"))
        self.assertEqual([path.read_bytes() for path in (*paths, aside)], [*before, before[0]])

    def test_a_place_that_cannot_be_written(self):
        self.output = self.folder / "none" / "out.json"
        self.assert_refused([GOLDEN / "report_finished.json"], f"{self.output}: No such file or directory", 125)

    def test_damage_of_any_kind_is_refused_or_harmless(self):
        wholes = [json.dumps(json.loads((GOLDEN / name).read_text())).encode() for name in ("report_errors.json", "report_cuda.json", "report_raw.json")]
        for where, text in damaged(wholes):
            path = self.ranks / "fuzz.json"
            path.write_bytes(text)
            result = run_weir(["merge", str(GOLDEN / "report_finished.json"), str(path), "-o", str(self.output)])
            self.assertIn(result.returncode, (0, 2), f"{where}: {result.stderr}")
            self.assertNotIn(b"\x1b", result.stderr, where)
            if result.returncode == 0:  # what is written is a report again
                self.assertEqual(run_weir(["show", str(self.output)]).returncode, 0, where)


class Large(Case):
    """So many megabytes of reports, of four ranks."""

    def test_memory_and_sums(self):
        for rank in range(4):
            large_reports.write_report(self.ranks / f"{rank}.json", large_reports.MEGABYTES // 4, seed=1, growth=5 * rank, pid=100 + rank)
        large_reports.run_limited("merge", self.ranks, "-o", self.output)
        head = subprocess.run(["head", "-c", "100000000", self.output], capture_output=True, check=True).stdout.decode()
        rows = re.findall(r'"bytes":(\d+),"count":(\d+).*"process_count":(\d+)', head)
        self.assertEqual({count for _, _, count in rows}, {"4"})
        bytes_ = [int(row[0]) for row in rows]
        self.assertEqual(bytes_, sorted(bytes_, reverse=True))


if __name__ == "__main__":
    unittest.main()
