"""weir check: limits by kind and memory, against a baseline, without what is suppressed; its exit codes; JUnit's XML and SARIF, validated; and
reports that are damaged, missing or hostile.."""

import copy
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ET

from damaged_reports import damaged
from weir_test import REPOSITORY, clean_environment, command, program, run_under_weir, run_weir

GOLDEN = REPOSITORY / "tests" / "golden"
GREEN, RED, USAGE, UNREADABLE = 0, 1, 2, 3


def golden(name):
    return json.loads((GOLDEN / f"report_{name}.json").read_text())


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-check-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def put(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    def run_check(self, *arguments, cwd=None):
        return run_weir(["check", *map(str, arguments)], cwd=cwd or self.folder)

    def check(self, expected, *arguments):
        result = self.run_check(*arguments)
        self.assertEqual((result.returncode, result.stderr), (expected, b""), result.stdout)
        return result.stdout.decode()

    def red_lines(self, *arguments):
        """What follows the reports' names in the lines of the limits that do not hold."""
        lines = self.check(RED, *arguments).splitlines()
        return [line.split(".json: ")[1] for line in lines if line.startswith("red  ") and ".json: " in line]


def report_of(*leaks, errors=()):
    """A finished report: leaks are (memory, kind, bytes, count, function) each, with what they lead to where that is given."""
    report = golden("no_leaks")
    report.update(leaks=[], stacks=[], frames=[], peak=[], hot_sites=[], large=[], errors=[], devices=[], warnings=[])
    report["modules"] = [{"path": "/usr/local/bin/lossy", "build_id": "ab", "symbols": "debug_info"}]
    report["leak_check"] = {"done": True, "why_not": None}
    report["host"].pop("errors_left_out_count", None)
    for memory, kind, size, count, function, *hanging in leaks:
        report["frames"].append({"module": 0, "offset": 16 * len(report["frames"]), "function": function, "file": f"/src/{function}.c", "line": 7})
        report["stacks"].append([len(report["frames"]) - 1])
        leak = {"memory": memory, "kind": kind, "bytes": size, "count": count, "stack": len(report["stacks"]) - 1}
        if hanging:
            leak.update(indirect_bytes=hanging[0], indirect_count=hanging[1])
        if memory not in ("host", "mmap"):
            leak["device"] = 0
        report["leaks"].append(leak)
    return report


KINDS = report_of(("host", "definite", 3000, 3, "a"), ("host", "indirect", 2000, 4, "b"), ("device", "definite", 1 << 20, 1, "c"),
                  ("pinned", "possible", 500, 5, "d"), ("host", "reachable", 100, 1, "e"), ("mmap", "live", 1 << 30, 1, "f"),
                  ("async", "definite", 7, 1, "g"))


class Limits(Case):
    def setUp(self):
        super().setUp()
        self.report = self.put("kinds.json", KINDS)

    def test_the_default_is_nothing_lost_and_no_heap_errors(self):
        self.assertEqual(self.red_lines(self.report), ["definitely lost: 1.0 MiB in 5 blocks, 0 B allowed",
                                                       "indirectly lost: 2.0 KiB in 4 blocks, 0 B allowed"])
        self.assertEqual(self.red_lines(GOLDEN / "report_errors.json")[-1], "heap errors: 18, 0 allowed")
        self.assertEqual(self.check(GREEN, self.put("well.json", report_of(("host", "reachable", 9, 1, "x"), ("host", "possible", 9, 1, "y")))),
                         "green  1 report within 3 limits\n")

    def test_each_measure(self):
        for option, least in (("definite", 3000 + (1 << 20) + 7), ("indirect", 2000), ("possible", 500), ("bytes", 5000 + (1 << 20) + 7),
                              ("live", 5600 + (1 << 20) + 7), ("definite host=", 3000), ("definite device=", (1 << 20) + 7), ("live pinned=", 500),
                              ("live mmap=", 1 << 30), ("bytes pinned=", 0), ("possible managed=", 0)):
            name, memory = (option.split() + [""])[:2]
            with self.subTest(option):
                self.check(GREEN, f"--max-{name}", f"{memory}{least}", self.report)
                if least > 0:
                    self.check(RED, f"--max-{name}", f"{memory}{least - 1}", self.report)

    def test_units(self):
        report = self.put("mega.json", report_of(("host", "definite", 1_000_001, 1, "a")))
        self.check(RED, "--max-bytes", "1MB", report)
        self.check(GREEN, "--max-bytes", "1MiB", report)
        self.check(GREEN, "--max-bytes", "1001kB", report)

    def test_a_lost_block_of_no_bytes_is_one(self):
        report = self.put("empty.json", report_of(("host", "definite", 0, 1, "a")))
        self.assertEqual(self.red_lines(report), ["definitely lost: 0 B in 1 block, 0 B allowed"])
        self.check(GREEN, "--max-definite", "1", report)

    def test_peaks(self):
        cuda = GOLDEN / "report_cuda.json"
        self.assertEqual(self.red_lines("--max-peak", "40958463", cuda), ["peak of device memory, device 0: 39.1 MiB, 39.1 MiB allowed"])
        self.check(GREEN, "--max-peak", "40958464", "--max-peak", "host=2201344", "--max-peak", "pinned=8192", cuda)
        self.check(RED, "--max-peak", "pinned=8191", cuda)
        self.check(RED, "--max-peak", "host=2201343", cuda)

    def test_peaks_of_a_merged_report_are_each_processs_own(self):
        for rank, more in enumerate((0, 100)):
            report = golden("cuda")
            report["process"].update(pid=100 + rank, rank=str(rank))
            report["host"]["totals"]["peak_bytes"] += more
            report["devices"][0]["kinds"]["pinned"]["peak_bytes"] += more
            self.put(f"{rank}.json", report)
        self.assertEqual(run_weir(["merge", "0.json", "1.json", "-o", "merged.json"], cwd=self.folder).returncode, 0)
        self.check(GREEN, "--max-peak", "host=2201444", "--max-peak", "pinned=8292", "--max-peak", "device=40958464", "merged.json")
        self.assertEqual(self.red_lines("--max-peak", "host=2201443", "--max-peak", "pinned=8291", "merged.json"),
                         ["peak of host (rank 1, process 101): 2.1 MiB, 2.1 MiB allowed",
                          "peak of pinned memory, device 0 (rank 1, process 101): 8.1 KiB, 8.1 KiB allowed"])
        self.check(GREEN, "--baseline", "0.json", "--max-peak", "host=100", "merged.json")
        self.check(RED, "--baseline", "0.json", "--max-peak", "host=99", "merged.json")
        self.check(GREEN, "--baseline", "merged.json", "--max-peak", "host=0", "1.json")

    def test_heap_errors_that_are_not_listed_count(self):
        errors = GOLDEN / "report_errors.json"
        self.check(GREEN, "--max-errors", "18", errors)
        self.check(RED, "--max-errors", "17", errors)

    def test_several_limits_and_reports_are_judged_each(self):
        lines = self.red_lines("--max-definite", "host=1kB", "--max-definite", "device=2MiB", "--max-live", "10kB", self.report,
                               self.put("small.json", report_of(("host", "definite", 999, 1, "a"))))
        self.assertEqual(lines, ["definitely lost (host): 2.9 KiB in 3 blocks, 1000 B allowed", "still allocated: 1.0 MiB in 15 blocks, 9.8 KiB allowed"])

    def test_where_lost_blocks_are_not_told_from_others_nothing_is_green(self):
        report = copy.deepcopy(KINDS)
        report["leak_check"] = {"done": False, "why_not": "it was not asked for"}
        unknown = self.put("unknown.json", report)
        self.assertEqual(self.red_lines("--max-definite", "1TB", unknown),
                         ["definitely lost: not known, lost blocks were not told from others: it was not asked for"])
        self.check(GREEN, "--max-live", "2MB", "--max-errors", "0", unknown)

    def test_what_is_printed(self):
        text = self.check(RED, "--top", "1", "--max-definite", "0", "kinds.json")
        self.assertEqual(text, "red  kinds.json: definitely lost: 1.0 MiB in 5 blocks, 0 B allowed\n\nThe largest:\n"
                               "  1.0 MiB in 1 block definitely lost (device memory, device 0)\n      c  /src/c.c:7\n"
                               "  and 2 more (--top N shows them)\n\nred  1 of 1 report beyond a limit\n")


class Suppressed(Case):
    def test_what_is_suppressed_and_what_hangs_from_it_does_not_count(self):
        self.assertEqual(self.red_lines(GOLDEN / "report_suppressed.json"), ["definitely lost: 1.5 KiB in 4 blocks, 0 B allowed"])
        known = self.put("known", b"leak:^lose\n")
        self.check(GREEN, "--suppressions", known, GOLDEN / "report_suppressed.json")
        report = self.put("r.json", report_of(("host", "definite", 10, 1, "a", 2000, 4), ("host", "indirect", 2000, 4, "b")))
        self.check(GREEN, "--suppressions", self.put("a", b"leak:^a$\n"), report)
        self.check(RED, "--suppressions", self.put("b", b"leak:^b$\n"), report)

    def test_a_wrong_file(self):
        result = self.run_check("--suppressions", self.put("wrong", b"race:a\n"), GOLDEN / "report_suppressed.json")
        self.assertEqual(result.returncode, USAGE)


class Baseline(Case):
    def setUp(self):
        super().setUp()
        self.old = self.put("old.json", report_of(("host", "definite", 1000, 10, "a"), ("host", "definite", 500, 5, "b")))

    def test_only_what_is_new_or_grew_counts(self):
        same = report_of(("host", "definite", 500, 5, "b"), ("host", "definite", 1000, 10, "a"))
        self.check(GREEN, "--baseline", self.old, self.put("same.json", same))
        self.assertEqual(self.red_lines("--baseline", self.old, self.put("grown.json", report_of(("host", "definite", 1300, 13, "a")))),
                         ["definitely lost: 300 B in 3 blocks more than in the baseline, 0 B allowed"])
        new = self.put("new.json", report_of(("host", "definite", 1000, 10, "a"), ("host", "definite", 8, 1, "c")))
        self.assertIn("  8 B in 1 block definitely lost\n      c  /src/c.c:7\n", self.check(RED, "--baseline", self.old, new))
        self.check(GREEN, "--baseline", self.old, "--max-bytes", "8", new)
        self.check(RED, new)

    def test_of_several_reports_the_one_that_has_most_counts(self):
        (self.folder / "before").mkdir()
        shutil.copy(self.old, self.folder / "before")
        self.put("before/more.json", report_of(("host", "definite", 1200, 12, "a")))
        for size, expected in ((1200, GREEN), (1201, RED)):
            self.check(expected, "--baseline", self.folder / "before", self.put("r.json", report_of(("host", "definite", size, 12, "a"))))

    def test_peaks_and_heap_errors(self):
        errors, cuda = golden("errors"), golden("cuda")
        old = self.put("errors.json", errors)
        self.check(GREEN, "--baseline", old, "--max-errors", "0", old)
        errors["frames"][errors["stacks"][errors["errors"][0]["stack"]][0]]["function"] = "another"
        self.check(RED, "--baseline", old, "--max-errors", "0", self.put("changed.json", errors))
        before = self.put("cuda.json", cuda)
        cuda["devices"][0]["peak_bytes"] += 100
        after = self.put("more.json", cuda)
        self.check(GREEN, "--baseline", before, "--max-peak", "100", after)
        self.assertIn("peak of device memory, device 0: 100 B more than in the baseline, 99 B allowed",
                      self.red_lines("--baseline", before, "--max-peak", "99", after))

    def test_addresses_do_not_matter(self):
        report = report_of(("host", "definite", 500, 5, "b"), ("host", "definite", 1000, 10, "a"))
        for frame in report["frames"]:
            frame.update(offset=frame["offset"] + 4096, line=frame["line"] + 5)
        report["modules"][0].update(build_id="cd", path="/elsewhere/lossy")
        self.check(GREEN, "--baseline", self.old, self.put("moved.json", report))

    def test_a_baseline_that_cannot_be_read_is_no_verdict(self):
        for path in (self.folder / "absent.json", self.put("broken.json", b"{"), self.folder / "empty/"):
            (self.folder / "empty").mkdir(exist_ok=True)
            result = self.run_check("--baseline", path, self.old)
            self.assertEqual((result.returncode, result.stdout, result.stderr.count(b"\n")), (UNREADABLE, b"", 1), result.stderr)


class Missing(Case):
    def test_a_missing_report_is_red(self):
        (self.folder / "empty").mkdir()
        self.assertIn("empty: no report (*.json) in this folder", self.check(RED, "empty"))
        self.assertIn("absent.json: no such report", self.check(RED, "absent.json"))
        self.put("some/a.json", report_of())
        self.put("some/inner/b.json", report_of())
        self.check(GREEN, "--expect", "2", "some")
        self.assertIn("3 reports expected, 2 found", self.check(RED, "--expect", "3", "some"))

    def test_reports_of_inner_folders_count(self):
        self.put("some/a.json", report_of())
        self.put("some/inner/b.json", KINDS)
        self.check(RED, "some")

    def test_usage(self):
        report = self.put("r.json", report_of())
        for wrong in (["--max-bytes", "10XB"], ["--max-bytes", "-1"], ["--max-bytes", "ram=1"], ["--max-errors", "1kB"], ["--max-errors", "9" * 30],
                      ["--max-bytes", "9" * 30], ["--expect", "many"], ["--nothing"], ["--max-definite"]):
            result = self.run_check(report, *wrong)
            self.assertEqual((result.returncode, result.stderr.count(b"\n"), result.stdout), (USAGE, 1, b""), wrong)
        self.assertEqual(self.run_check().returncode, USAGE)


class Forms(Case):
    def forms(self, expected, *arguments):
        """JUnit's tree and SARIF's object, both validated."""
        self.check(expected, "--junit", "weir.xml", "--sarif", "weir.sarif", *arguments)
        return self.validated()

    def validated(self):
        junit, sarif = self.folder / "weir.xml", json.loads((self.folder / "weir.sarif").read_text())
        found = subprocess.run(["xmllint", "--noout", "--schema", GOLDEN / "junit.xsd", junit], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(found.returncode, 0, found.stdout.decode())
        import jsonschema
        schema = json.loads((GOLDEN / "sarif.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.Draft202012Validator(schema).validate(sarif)
        for result in sarif["runs"][0]["results"]:
            self.assertEqual(sarif["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]["id"], result["ruleId"])
        return ET.parse(junit).getroot(), sarif["runs"][0]

    def test_the_schemas_refuse_what_is_wrong(self):
        self.forms(RED, self.put("kinds.json", KINDS))
        text = (self.folder / "weir.xml").read_text()
        for right, wrong in (('failures="2"', 'failures="two"'), ("<properties/>", ""), ('classname="weir.', 'class="weir.'), ("<failure ", "<fault ")):
            self.assertIn(right, text)
            self.put("wrong.xml", text.replace(right, wrong).replace("</failure>", "</fault>" if "fault" in wrong else "</failure>").encode())
            found = subprocess.run(["xmllint", "--noout", "--schema", GOLDEN / "junit.xsd", self.folder / "wrong.xml"], stderr=subprocess.DEVNULL)
            self.assertNotEqual(found.returncode, 0, wrong)

    def test_a_case_for_each_report_and_limit(self):
        junit, _ = self.forms(RED, self.put("kinds.json", KINDS), self.put("well.json", report_of()))
        suites = [(suite.get("name"), suite.get("tests"), suite.get("failures"), suite.get("errors")) for suite in junit]
        self.assertEqual(suites, [(str(self.folder / "kinds.json"), "3", "2", "0"), (str(self.folder / "well.json"), "3", "0", "0")])
        cases = [(case.get("name"), case.find("failure") is not None) for suite in junit for case in suite.iter("testcase")]
        self.assertEqual(cases, [("max-definite", True), ("max-indirect", True), ("max-errors", False),
                                 ("max-definite", False), ("max-indirect", False), ("max-errors", False)])
        self.assertIn("c  /src/c.c:7", next(junit.iter("failure")).text)

    def test_what_is_unreadable_or_missing_is_told(self):
        junit, run = self.forms(UNREADABLE, self.put("bad.json", b"{"), "absent.json")
        self.assertEqual([suite.get("errors") for suite in junit], ["0", "1"])
        self.assertIn("absent.json", next(junit.iter("failure")).text)
        self.assertIn("truncated", next(junit.iter("error")).text)
        self.assertFalse(run["invocations"][0]["executionSuccessful"])
        self.assertEqual([result["ruleId"] for result in run["results"]], ["missing-report"])

    def test_sarif_has_what_breaks_a_limit(self):
        _, run = self.forms(RED, self.put("kinds.json", KINDS), "--max-bytes", "0", "--max-peak", "0")
        self.assertEqual([result["ruleId"] for result in run["results"]], ["lost-definite"] * 2 + ["lost-indirect", "lost-definite", "limit"])
        _, run = self.forms(GREEN, "kinds.json", "--max-bytes", "1GB")
        self.assertEqual(run["results"], [])
        _, run = self.forms(RED, GOLDEN / "report_errors.json", "--max-errors", "0")
        self.assertEqual({result["ruleId"] for result in run["results"]}, {"heap-error"})

    def test_paths_in_the_repository_are_relative_to_it(self):
        root = self.folder / "my repository"
        (root / ".git").mkdir(parents=True)
        (root / "build").mkdir()
        report = report_of(("host", "definite", 9, 1, "inside"), ("host", "definite", 8, 1, "outside"))
        report["frames"][0].update(file=str(root / "src" / "a b%.c"))
        self.put("r.json", report)
        result = self.run_check("../../r.json", "--sarif", "weir.sarif", "--junit", "weir.xml", cwd=root / "build")
        self.assertEqual(result.returncode, RED)
        for name in ("weir.sarif", "weir.xml"):
            shutil.move(root / "build" / name, self.folder / name)
        _, run = self.validated()
        places = [result["locations"][0]["physicalLocation"] for result in run["results"]]
        self.assertEqual(places, [{"artifactLocation": {"uri": "src/a%20b%25.c", "uriBaseId": "SRCROOT"}, "region": {"startLine": 7}},
                                  {"artifactLocation": {"uri": "file:///src/outside.c"}, "region": {"startLine": 7}}])
        self.assertTrue(run["originalUriBaseIds"]["SRCROOT"]["uri"].endswith("/my%20repository/"))
        _, run = self.forms(RED, "r.json", "--source-root", "/src")
        self.assertEqual(run["results"][1]["locations"][0]["physicalLocation"]["artifactLocation"], {"uri": "outside.c", "uriBaseId": "SRCROOT"})

    def test_relative_names_are_the_repositorys_where_it_has_such_a_file(self):
        report = report_of(("host", "definite", 9, 1, "own"), ("host", "definite", 8, 1, "foreign"))
        for frame, name in zip(report["frames"], ("src/own.c", "csu/foreign.c")):
            frame["file"] = name
        self.put("root/src/own.c", b"")
        _, run = self.forms(RED, self.put("r.json", report), "--source-root", self.folder / "root")
        places = [result["locations"][0]["physicalLocation"]["artifactLocation"] for result in run["results"]]
        self.assertEqual(places, [{"uri": "src/own.c", "uriBaseId": "SRCROOT"}, {"uri": f"file://{self.folder}/r.json"}])

    def test_a_fingerprint_is_the_same_in_another_build(self):
        report = report_of(("host", "definite", 9, 1, "a"))
        _, before = self.forms(RED, self.put("a.json", report))
        report["modules"][0]["build_id"] = "cd"
        report["frames"][0].update(offset=4711, line=99)
        _, after = self.forms(RED, self.put("b.json", report))
        self.assertEqual(*[run["results"][0]["partialFingerprints"] for run in (before, after)])

    def test_hostile_names(self):
        hostile = 'a\x1b[31m<b>&"\'\n]]>\x00\u009b\ufffe\U0001f600 --> <!--'
        report = report_of(("host", "definite", 9, 1, hostile))
        report["process"].update(exe="/bin/" + hostile.replace("/", ""), host=hostile, start=hostile)
        report["leaks"][0]["memory"] = hostile
        path = self.put("hostile\x1b[2J.json", report)
        junit, _ = self.forms(RED, path)
        text = self.check(RED, path)
        for character in "\x1b\x00\u009b":
            self.assertNotIn(character, text)
            self.assertNotIn(character, (self.folder / "weir.xml").read_text())
        self.assertIn("<b>&\"'", next(junit.iter("failure")).text)
        self.assertEqual(junit[0].get("timestamp"), "1970-01-01T00:00:00")

    def test_nothing_that_is_read_is_replaced(self):
        report, old, known = self.put("some/r.json", KINDS), self.put("old.json", KINDS), self.put("known.supp", b"leak:^a$\n")
        before = [path.read_bytes() for path in (report, old, known)]
        for option in ("--junit", "--sarif"):
            for output in ("some/r.json", "./old.json", "known.supp"):
                with self.subTest(option=option, output=output):
                    result = self.run_check("some", "--baseline", "old.json", "--suppressions", "known.supp", option, output)
                    self.assertEqual((result.returncode, result.stdout, result.stderr.decode()),
                                     (USAGE, b"", f"weir: {output}: writing there would replace a file that is read; {option} names another one\n"))
        self.assertEqual([path.read_bytes() for path in (report, old, known)], before)
        result = self.run_check("some", "--junit", "both", "--sarif", "both")
        self.assertEqual((result.returncode, result.stderr.decode()), (USAGE, "weir: both: --junit is to write there; --sarif names another file\n"))

    def test_a_file_that_cannot_be_written(self):
        result = self.run_check(self.put("r.json", report_of()), "--junit", "/nowhere/weir.xml")
        self.assertEqual((result.returncode, result.stdout), (125, b""))
        self.assertIn(b"/nowhere/weir.xml", result.stderr)


class Bad(Case):
    def test_one_line_each(self):
        good = json.dumps(report_of()).encode()
        other = good.replace(b"weir-report/1", b"weir-report/9")
        for name, text in (("truncated", good[:-9]), ("other", other), ("none", b"hello"), ("empty", b""), ("list", b"[]"),
                           ("number", good.replace(b'"pid": ', b'"pid": 1e999999, "x": ')), ("nul", b"\x00" * 100)):
            text = self.check(UNREADABLE, self.put(f"{name}.json", text))
            self.assertEqual(text.count("unreadable  "), 2, text)
        self.check(UNREADABLE, "/dev/null")

    def test_huge_figures_stay_the_largest(self):
        report = report_of(("host", "definite", 2**64 - 1, 2**64 - 1, "a"), ("host", "definite", 2**64 - 1, 2**64 - 1, "b"))
        self.assertEqual(self.check(RED, "--max-bytes", "16TiB", self.put("huge.json", report)).count("definitely lost\n"), 2)

    def test_the_others_are_judged_all_the_same(self):
        text = self.check(UNREADABLE, self.put("bad.json", b"{"), self.put("kinds.json", KINDS))
        self.assertIn("kinds.json: definitely lost", text)

    def test_fuzzed(self):
        for where, text in damaged([json.dumps(KINDS).encode(), (GOLDEN / "report_errors.json").read_bytes()]):
            path = self.put("fuzz.json", text)
            for arguments in (["check", "--baseline", str(GOLDEN / "report_errors.json"), "--sarif", "s", "--junit", "j", "--max-live", "0"], ["suppress"]):
                result = run_weir([*arguments, str(path)], cwd=self.folder)
                self.assertIn(result.returncode, (0, 1, 2, 3), f"{where}: {result.stderr}")
                self.assertNotIn(b"\x1b", result.stdout + result.stderr, where)


class Real(Case):
    def test_a_raw_report_of_a_program(self):
        result = run_under_weir([program("command_leaky")])
        raw = self.put("raw.json", result.report_texts[0])
        self.assertEqual(self.red_lines(raw), ["definitely lost: 2.9 KiB in 3 blocks, 0 B allowed"])
        self.assertIn("leak_block", self.check(RED, raw))
        self.check(GREEN, "--suppressions", self.put("known", b"leak:^leak_block\n"), raw)
        self.assertEqual(raw.read_bytes(), result.report_texts[0])

    def test_programs_that_end_at_once_never_share_a_name(self):
        """Twenty at a time into one folder, by the pattern that docs/ci.md gives."""
        env = clean_environment({"WEIR_REPORT": self.folder / "reports/%e.%p.json", "LD_PRELOAD": command().parent.parent / "lib/libweir.so"})
        for _ in range(5):
            running = [subprocess.Popen([program("command_leaky")], env=env, stdout=subprocess.DEVNULL) for _ in range(20)]
            self.assertEqual([process.wait() for process in running], [0] * 20)
        self.assertIn("100 of 100 reports beyond a limit", self.check(RED, "--expect", "100", "reports"))
        self.check(RED, "--expect", "101", "--max-bytes", "1MB", "reports")


if __name__ == "__main__":
    unittest.main()
