"""The page that `weir html` makes of a merged report, in a browser: that it says so, lists the processes, and calls a sum a sum."""

import unittest

from html_browser import PageCase, human, why_no_page_test
from html_report import hostile_report, merged_report, of_process

WHY_NOT = why_no_page_test()
PROCESSES = 1000
MIB = 1 << 20


def _rank(name, rank, definite, peak_bytes, **process):
    report = of_process(name, peak_bytes, rank=str(rank), **process)
    report["peak"] = [{"memory": "host", "bytes": peak_bytes, "count": 1, "stack": 0}]
    report["leak_check"] = {"done": True, "kinds": {"definite": {"bytes": definite, "count": 3 if definite else 0}}}
    return report


def _three():
    """Of two ranks on one machine and one on another, the second with the highest peak."""
    return [_rank("report_cuda", 0, 700, 3 * MIB, pid=501, host="alpha", exe="/bin/train"),
            _rank("report_cuda", 1, 0, 9 * MIB, pid=502, host="alpha", exe="/bin/train"),
            _rank("report_no_leaks", 2, 64, 5 * MIB, pid=501, host="beta", end="signal SEGV")]


def _large(folder):
    """A thousand ranks, whose figures are all different and in no order."""
    report = merged_report(folder, of_process("report_cuda", rank="0"))
    first = report["processes"][0]
    report["processes"] = []
    for rank in range(PROCESSES):
        figures = {"peak_bytes": (rank * 7919 % PROCESSES + 1) * 4096, "live_bytes": (rank * 104729 % PROCESSES + 1) * 1024}
        lost = {"bytes": (rank * 31 % PROCESSES) * 64, "count": rank * 31 % PROCESSES}
        report["processes"].append(first | {"pid": 50_000 - rank, "rank": str(rank), "host_totals": first["host_totals"] | figures,
                                            "leak_kinds": first["leak_kinds"] | {"definite": lost}})
    report["process"]["merged_count"] = PROCESSES
    return report


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Merged(PageCase):
    def cells(self):
        """The table of processes: {column: text} of each row."""
        return self.browser.run("""return [...document.querySelectorAll('.process-row')].map(row => Object.fromEntries([...row.cells].map(cell =>
            [cell.className.split(' ')[0].slice(5), cell.innerText.trim()])))""")

    def cards(self):
        return {card.text.split("\n")[0]: " ".join(card.text.split("\n")[1:]) for card in self.browser.all(".card")}

    def open_three(self):
        report = merged_report(self.folder, *_three())
        self.open("three", report)
        self.assertEqual(self.browser.complaints(), [])
        return report

    def test_the_header_says_of_whom_it_is(self):
        self.open_three()
        header = self.browser.text(".process")
        self.assertTrue(header.startswith("Merged report of 3 processes, 3 ranks, the longest took "), header)
        self.assertTrue(header.endswith(", on 2 hosts"), header)
        self.assertNotIn("pid", header)
        self.assertEqual(self.browser.text("h1"), "train, tidy")
        self.assertIn("train, tidy", self.browser.driver.title)
        self.assertIn("figures are sums of all its processes", self.browser.text(".limit"))

    def test_the_processes_are_listed(self):
        report = self.open_three()
        self.assertIn("Processes", self.browser.text("nav"))
        rows = self.cells()
        self.assertEqual([(row["rank"], row["pid"], row["host"], row["peak"]) for row in rows],
                         [("1", "502", "alpha", "9.0 MiB"), ("2", "501", "beta", "5.0 MiB"), ("0", "501", "alpha", "3.0 MiB")])
        self.assertEqual([row["live"] for row in rows], [human(report["processes"][int(row["rank"])]["host_totals"]["live_bytes"]) for row in rows])
        self.assertEqual([row["definite"] for row in rows], ["–", "64 B", "700 B"])
        self.assertTrue(rows[1]["end"].startswith("ended by signal SEGV"))
        self.assertEqual([row["program"].split("\n")[0] for row in rows], ["train", "tidy", "train"])
        self.assertIn("it'\\''s", rows[1]["program"])  # their commands differ, so each has its own

    def test_sums_are_called_sums(self):
        report = self.open_three()
        cards = self.cards()
        self.assertEqual(report["host"]["totals"]["peak_bytes"], 17 * MIB)
        self.assertNotIn("Host heap, peak", cards)
        self.assertEqual(cards["Host heap, peaks added up"], "17.0 MiB at most so much was live at once; 9.0 MiB in the largest process")
        self.assertIn(f"peaks added up {human(report['host']['process_memory']['peak_rss_bytes'])}", cards["Resident (RSS)"])
        self.assertIn("peaks added up", cards["Mappings, live at exit"])
        (device,) = [text for label, text in cards.items() if label.startswith("Device 0")]
        self.assertIn("peak of the process with the highest, after", device)
        self.assertIn("Sums of all processes", self.browser.text("#memory"))
        self.browser.choose("metric", "peak")
        self.assertIn("each process's live memory", self.browser.text("#flame > .note"))
        self.assertIn("Of the first process", self.browser.text("#options > .note"))

    def test_the_course_is_said_to_be_of_one_process(self):
        self.open_three()
        self.assertEqual(self.browser.text("#timeline h2"), "Memory over time, of one process")
        self.assertIn("the one with the highest peak (rank 1, pid 502, train)", self.browser.text("#timeline > .note"))
        titles = [title.text for title in self.browser.all(".course h3")]
        self.assertEqual(titles[0], "host of rank 1, pid 502, train")
        self.assertTrue(titles[1].startswith("device 0") and titles[1].endswith(" of rank 1, pid 502, train"), titles)

    def test_a_course_of_nobody_known_is_not_given_to_anybody(self):
        report = merged_report(self.folder, *_three())
        report["timeline"]["peak"]["bytes"] += 1
        self.open("nobody", report)
        self.assertIn("the one with the highest peak (one process).", self.browser.text("#timeline > .note"))
        self.assertEqual(self.browser.text(".course h3"), "host of one process")

    def test_a_report_of_one_process_has_none_of_it(self):
        self.open("report_cuda")
        self.assertEqual(self.browser.all("#processes"), [])
        page = self.browser.text("#page")
        for word in ("Processes", "Merged", "added up", "of one process", "Sums of"):
            self.assertNotIn(word, page)

    def test_programs_of_one_process(self):
        """One that called exec: it has a report of each program, and is one process."""
        first = of_process("report_finished", pid=77, rank=None, end="exec")
        second = of_process("report_no_leaks", pid=77, rank=None)
        second["process"]["start_ns"] += 1
        self.open("exec", merged_report(self.folder, first, second))
        self.assertIn("Merged report of 1 process that ran 2 programs, the longest", self.browser.text(".process"))
        self.assertNotIn("rank", self.cells()[0])

    def test_one_that_lives_on_beside_one_that_ended(self):
        running = of_process("report_cuda", pid=7, rank="1", end="snapshot")
        del running["process"]["exit_status"]
        self.open("running", merged_report(self.folder, of_process("report_cuda", rank="0"), running))
        self.assertEqual({row["pid"]: row["end"].split(" after")[0] for row in self.cells()}, {"7": "still running", "4713": "ended by exit with status 0"})
        self.assertIn("Host heap, live at exit or snapshot", self.cards())

    def test_hostile_names_do_nothing(self):
        self.open("hostile", hostile_report(merged_report(self.folder, *_three())))
        self.assertIsNone(self.browser.run("return window.hostile ?? null"))
        self.assertEqual(self.browser.run("return document.querySelectorAll('img, #page script').length"), 0)
        self.assertIn("<img src=x onerror", self.browser.text("#processes"))
        self.assertEqual(self.browser.complaints(), [])

    def test_processes_that_are_none_do_no_harm(self):
        for number, processes in enumerate(([7], [None, {}], [{"pid": -1, "host_totals": 3, "leak_kinds": {"definite": []}, "end": {}}], {"a": 1}, "x")):
            with self.subTest(number):
                report = merged_report(self.folder, *_three()) | {"processes": processes}
                self.open(f"bad_{number}", report)
                self.assertTrue(self.browser.all("#leaks"))
                self.assertEqual(self.browser.complaints(), [])

    def test_a_thousand_ranks(self):
        self.open("thousand", _large(self.folder))
        self.assertIn("Merged report of 1,000 processes, 1,000 ranks", self.browser.text(".process"))
        command = self.browser.text(".command")  # they have one
        self.assertNotIn(command, self.browser.text("#processes"))
        self.assertEqual(len(self.cells()), 25)
        self.browser.one("#processes .more").click()
        self.browser.wait(lambda: len(self.cells()) == 125)
        order = {"rank": lambda rank: rank, "pid": lambda rank: -rank, "peak": lambda rank: rank * 7919 % PROCESSES,
                 "live": lambda rank: rank * 104729 % PROCESSES, "definite": lambda rank: rank * 31 % PROCESSES}
        self.assertEqual([int(row["rank"]) for row in self.cells()], sorted(range(PROCESSES), key=order["peak"], reverse=True)[:125])
        for column, key in order.items():
            head = self.browser.one(f"#processes th.cell-{column}")
            for _ in range(2):
                head.find_element("tag name", "button").click()
                falls = head.get_attribute("aria-sort") == "descending"
                self.assertEqual([int(row["rank"]) for row in self.cells()], sorted(range(PROCESSES), key=key, reverse=falls)[:125], column)
        self.browser.one("#process-filter").send_keys("RANK 77")
        self.browser.wait(lambda: self.browser.text("#process-count") == "11 processes")
        self.assertEqual({row["rank"] for row in self.cells()}, {"77"} | {str(rank) for rank in range(770, 780)})

    def test_a_phones_width_is_enough(self):
        self.browser.resize(360, 740)
        self.addCleanup(self.browser.resize, 1280, 900)
        for name, report in (("three", merged_report(self.folder, *_three())), ("thousand", _large(self.folder))):
            with self.subTest(name):
                self.open(name, report)
                self.assertEqual(self.browser.run("return document.documentElement.scrollWidth"), 360)
                beyond = self.browser.run("""return [...document.querySelectorAll('#processes *')].filter(el => el.getBoundingClientRect().right > innerWidth)
                    .map(el => el.outerHTML.slice(0, 80))""")
                self.assertEqual(beyond, [])
                self.assertIn("Peak", self.browser.text(".process-row"))


if __name__ == "__main__":
    unittest.main()
