"""weir html: the file that it makes of a report, without a browser: what is in it, what it says of bad input, how much memory it takes.

How the page looks and works is test_html_page.py's part."""

import base64
import hashlib
import json
import os
import pathlib
import re
import stat
import subprocess
import tempfile
import unittest

from html_browser import why_no_page
from html_report import GOLDEN, HOSTILE, golden, hostile_report, large_report
from damaged_reports import damaged
from weir_test import REPOSITORY, clean_environment, command, run_weir

DAMAGED_REPORTS = 150
REPORTS = sorted(path.name for path in GOLDEN.glob("report_*.json"))


def data_of(page):
    """What lies in the page for its script."""
    return json.loads(re.search(r'<script type="application/json" id="report">(.*?)</script>', page, re.DOTALL)[1])


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-html-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def html(self, *arguments, **options):
        return run_weir(["html", *arguments], cwd=self.folder, **options)

    def page_of(self, report, *arguments):
        """The page's text. report: parsed, or a golden one's name."""
        text = (GOLDEN / report).read_text() if isinstance(report, str) else json.dumps(report)
        (self.folder / "report.json").write_text(text)
        result = self.html("report.json", *arguments)
        self.assertEqual((result.returncode, result.stdout), (0, b""), result.stderr)
        return (self.folder / "report.html").read_text()


class WithoutPage(Case):
    def test_bad_input_is_one_line(self):
        reason = why_no_page()
        for name, text in (("empty.json", ""), ("cut.json", json.dumps(golden("report_errors.json"))[:5000]), ("not.json", "[1]"),
                           ("other.json", json.dumps({**golden("report_errors.json"), "schema": "weir-report/9"})),
                           ("wrong.json", '{"schema": "weir-report/1", nonsense}'), ("huge.json", '{"schema": 1e999}')):
            (self.folder / name).write_text(text)
            shown, made = run_weir(["show", name], cwd=self.folder), self.html(name)
            self.assertEqual(made.returncode, 125 if reason else 2)
            self.assertEqual(shown.returncode, 2)
            if not reason and name != "huge.json":  # there show cannot say where
                self.assertEqual(made.stderr, shown.stderr)
            self.assertIn(b"built without" if reason else b"weir: " + name.encode() + b": ", made.stderr)
            self.assertEqual(made.stderr.count(b"\n"), 1)
            self.assertEqual(list(self.folder.glob("*.html")), [])
        self.assertEqual(self.html("report.json", "--stacks", "0").returncode, 2)


@unittest.skipIf(why_no_page(), why_no_page())
class Page(Case):
    def test_indices_beyond_the_tables_are_refused(self):
        changes = (lambda r: r["leaks"][0].update(stack=10**6), lambda r: r["leaks"][0].update(stack="1"), lambda r: r["leaks"].append(7),
                   lambda r: r["stacks"][0].append(10**6), lambda r: r["stacks"].__setitem__(0, 7), lambda r: r["frames"].__setitem__(0, 7),
                   lambda r: r["frames"][0].update(module=99), lambda r: r["errors"][0].update(stack=10**6), lambda r: r.pop("stacks"),
                   lambda r: r.update(leaks={}), lambda r: r["errors"][0]["allocation"].update(stack=-1))
        for change in changes:
            report = golden("report_errors.json")
            report["leaks"] = report["leaks"] or [dict(golden("report_finished.json")["leaks"][0], stack=0)]
            change(report)
            (self.folder / "report.json").write_text(json.dumps(report))
            result = self.html("report.json")
            self.assertEqual((result.returncode, result.stdout), (2, b""), result.stderr)
            self.assertIn(b"report.json: expected ", result.stderr)

    def test_a_report_in_another_order_is_refused(self):
        report = golden("report_finished.json")
        report["leaks"] = report.pop("leaks")
        (self.folder / "report.json").write_text(json.dumps(report))
        self.assertIn('expected "leaks" before "stacks"', self.html("report.json").stderr.decode())

    def test_figures_are_the_reports(self):
        for name in REPORTS:
            with self.subTest(report=name):
                data, report = data_of(self.page_of(name)), golden(name)
                self.assertEqual(data["process"]["pid"], report["process"]["pid"])
                for list_name, keys in (("leaks", ("bytes", "count")), ("peak", ("bytes", "count")),
                                        ("hot_sites", ("alloc_bytes", "alloc_count", "temporary_count"))):
                    for key in keys:
                        self.assertEqual(sum(data["lists"][list_name][key]), sum(row[key] for row in report[list_name]), key)
                self.assertEqual({option["name"]: option["value"] for option in data["options"]},
                                 {name: option["value"] for name, option in report["options"].items()})
                self.assertLessEqual({warning["text"] for warning in report["warnings"]}, {warning["text"] for warning in data["warnings"]})

    def test_stacks_are_those_of_show(self):
        data = data_of(self.page_of("report_finished.json"))
        stacks, leaks = data["stacks"], data["lists"]["leaks"]
        largest = max(range(len(leaks["bytes"])), key=leaks["bytes"].__getitem__)
        functions, node = [], leaks["node"][largest]
        while node:
            functions.append(data["texts"][stacks["lines"]["function"][stacks["nodes"]["line"][node]]])
            node = stacks["nodes"]["parent"][node]
        shown = run_weir(["show", "--full", "--top", "1", GOLDEN / "report_finished.json"]).stdout.decode()
        first = re.search(r"Still allocated.*?\n  \S.*?\n((?: {6}\S.*\n)+)", shown)[1]
        self.assertEqual([name for name in functions if name], [line.split("  ")[0].replace(" (inlined)", "") for line in
                         (line.strip() for line in first.splitlines()) if "  " in line and not line.startswith(("_start", "__libc_start"))])

    def test_hostile_names_stay_text(self):
        for name in REPORTS:
            page = self.page_of(hostile_report(name))
            lower = page.lower()
            self.assertEqual((lower.count("<script"), lower.count("</script"), lower.count("<!--")), (2, 2, 1))
            self.assertNotIn("<img", lower)
            self.assertTrue(page.isascii() or not set("\u2028\u2029\u202e") & set(page))
            said = json.dumps(data_of(page), ensure_ascii=False)
            for text in HOSTILE:
                printable = re.sub(r"[\x00-\x1f\x7f]", "?", text)
                self.assertIn(json.dumps(printable, ensure_ascii=False)[1:-1], said)

    def test_damaged_reports_end_in_a_page_or_a_line(self):
        for where, text in damaged([(GOLDEN / name).read_bytes() for name in REPORTS], DAMAGED_REPORTS // len(REPORTS)):
            (self.folder / "report.json").write_bytes(text)
            result = self.html("report.json")
            self.assertIn(result.returncode, (0, 2), f"{where}: {result.stderr}")
            self.assertEqual((result.stdout, result.stderr.count(b"\n")), (b"", 1), where)

    def test_bytes_that_are_no_text(self):
        raw = (GOLDEN / "report_finished.json").read_bytes().replace(b'"exe": "', b'"exe": "\xff\xfe', 1)
        (self.folder / "report.json").write_bytes(raw)
        self.assertEqual(self.html("report.json").returncode, run_weir(["show", "report.json"], cwd=self.folder).returncode)

    def test_the_policy_lets_nothing_but_the_page_itself_run(self):
        page = self.page_of("report_cuda.json")
        policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        self.assertEqual({name: rules[name] for name in ("default-src", "base-uri", "form-action")},
                         {"default-src": "'none'", "base-uri": "'none'", "form-action": "'none'"})
        self.assertEqual(rules["img-src"], "data:")
        for name, pattern in (("script-src", r"<script>(.*?)</script>"), ("style-src", r"<style>(.*?)</style>")):
            part = re.search(pattern, page, re.DOTALL)[1].encode()
            self.assertEqual(rules[name], f"'sha256-{base64.b64encode(hashlib.sha256(part).digest()).decode()}'")
        head = page[:page.index("<style>")]
        self.assertNotRegex(head, r"https?:|src=")

    def test_the_script_makes_no_html_of_strings(self):
        sources = [path for pattern in ("*.js", "*.jsx") for path in (REPOSITORY / "src" / "html").glob(pattern)]
        self.assertGreater(len(sources), 8)
        for path in sources:
            self.assertNotRegex(path.read_text(), r"(?i)innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|\bfetch\b|XMLHttp", path.name)

    def test_the_largest_stacks_are_kept_and_the_others_summed_up(self):
        report = large_report(1000)
        whole, data = data_of(self.page_of(report)), data_of(self.page_of(report, "--stacks", "100"))
        self.assertEqual(whole["left_out"], [])
        self.assertEqual(min(data["lists"]["leaks"]["bytes"]), min(row["bytes"] for row in report["leaks"][:100]))
        for name in ("leaks", "peak"):
            left = [row for row in data["left_out"] if row["list"] == name]
            for key in ("bytes", "count"):
                self.assertEqual(sum(data["lists"][name][key]) + sum(row[key] for row in left), sum(row[key] for row in report[name]))
            self.assertEqual(sum(row["stack_count"] for row in left), 900)
        self.assertEqual({row["kind"] for row in data["left_out"]}, {"definite", "indirect", "possible", "reachable", ""})

    def peak_kilobytes(self, *arguments):
        process = subprocess.Popen([command(), "html", *arguments], cwd=self.folder, env=clean_environment(), stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        return usage.ru_maxrss

    def test_memory_is_that_of_the_stacks_kept(self):
        (self.folder / "small.json").write_text(json.dumps(large_report(1000)))
        (self.folder / "large.json").write_text(json.dumps(large_report(30_000)))
        small, part = self.peak_kilobytes("small.json"), self.peak_kilobytes("large.json", "--stacks", "1000")
        file_kilobytes = (self.folder / "large.json").stat().st_size // 1024
        self.assertGreater(file_kilobytes, 15_000)
        self.assertLess(part, small + 8_000)  # whole, it would be five times the file's size

    def test_where_the_page_goes(self):
        self.page_of("report_finished.json")
        self.assertEqual(stat.S_IMODE((self.folder / "report.html").stat().st_mode), 0o600)
        made = (self.folder / "report.html").read_bytes()
        (self.folder / "other.html").write_text("old")
        self.assertEqual(self.html("report.json", "-o", "other.html").returncode, 0)
        self.assertEqual((self.folder / "other.html").read_bytes(), made)
        self.assertEqual(self.html("report.json", "-o", "/dev/stdout").stdout, made)
        self.assertEqual(self.html("report.json", "-o", "-").stdout, made)
        link = pathlib.Path(self.folder, "link.html")
        link.symlink_to("behind.html")  # as /dev/stdout is one, which is to stay
        self.assertEqual(self.html("report.json", "-o", "link.html").returncode, 0)
        self.assertTrue(link.is_symlink())
        self.assertEqual(link.read_bytes(), made)
        self.assertEqual(self.html("report.json", "-o", "/dev/full").returncode, 125)
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/full").st_mode))
        result = self.html("report.json", "-o", "./report.json")
        self.assertEqual((result.returncode, result.stderr.count(b"\n")), (2, 1))
        self.assertEqual(json.loads((self.folder / "report.json").read_text()), golden("report_finished.json"))
        self.assertEqual(self.html("report.json", "-o", "no/such/folder.html").returncode, 125)

    def test_more_suppressions(self):
        (self.folder / "known.supp").write_text("leak:main\n")
        data = data_of(self.page_of("report_no_leaks.json", "--suppressions", "known.supp"))
        self.assertEqual(data["process"]["pid"], 4712)
        leaks = data_of(self.page_of("report_suppressed.json", "--suppressions", "known.supp"))["lists"]["leaks"]
        self.assertTrue(any(leaks["suppressed"]))
        self.assertEqual(self.html("report.json", "--suppressions", "missing.supp").returncode, 2)


if __name__ == "__main__":
    unittest.main()
