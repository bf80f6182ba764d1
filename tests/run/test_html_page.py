"""The page that `weir html` makes, in a browser: that its controls do what is right, by mouse and by keyboard, with no request outside.

That every control is used is test_html_controls.py's part; how it looks is test_html_looks.py's. HTML_STACKS: how many stacks the test of many has."""

import json
import os
import unittest

from html_browser import PageCase, human, why_no_page_test
from html_report import GOLDEN, GOLDEN_PAGES, golden, hostile_report, large_report
from weir_test import run_weir

try:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys
except ImportError:
    ActionChains = Keys = None

STACKS = int(os.environ.get("HTML_STACKS", "100000"))
SECONDS_TO_OPEN = 3
WHY_NOT = why_no_page_test()


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Flame(PageCase):
    def setUp(self):
        self.open("report_cuda")

    def test_each_figure_of_each_memory_has_the_reports_sum(self):
        report = golden("report_cuda.json")
        rows = report["leaks"] + [dict(report["leaks"][0], memory=memory, bytes=bytes_) for memory, bytes_ in (("host", 777), ("mmap", 8192), ("ipc", 70))]
        report["leaks"] = [dict(row, kind=kind) for row in rows for kind in ("definite", "indirect", "possible", "reachable", "live")]
        report["peak"] = [{key: row[key] for key in ("memory", "bytes", "count", "stack")} for row in rows]
        report["hot_sites"] = [{"memory": row["memory"], "alloc_bytes": 3 * row["bytes"], "alloc_count": 5 + i, "temporary_count": 2 + i % 3,
                                "live_count": 0, "live_bytes": 0, "peak_bytes": 0, "stack": row["stack"]} for i, row in enumerate(rows)]
        totals = report["host"]["totals"]  # more than the stacks that are listed have
        not_listed = {key: totals[key] - sum(row[key] for row in report["hot_sites"] if row["memory"] == "host")
                      for key in ("alloc_bytes", "alloc_count", "temporary_count")}
        self.assertGreater(min(not_listed.values()), 0)
        hot = report["hot_sites"] + [not_listed | {"memory": "host"}]
        self.open("figures", report)
        lost = [row for row in report["leaks"] if row["kind"] in ("definite", "indirect", "possible") and not row.get("runtime")
                and not row.get("suppressed")]
        lists = {"leaked": (lost, "bytes", "count"), "live": (report["leaks"], "bytes", "count"), "peak": (report["peak"], "bytes", "count"),
                 "total": (hot, "alloc_bytes", "alloc_count"), "temporary": (hot, None, "temporary_count")}
        self.assertEqual({box.get_attribute("value") for box in self.browser.all("input[name=metric]")}, set(lists))
        whole = lambda: self.browser.run("return document.querySelector('.frame').ariaLabel")
        for metric in sorted(lists):
            self.browser.choose("metric", metric)
            rows, bytes_key, count_key = lists[metric]
            memories = [box.get_attribute("value") for box in self.browser.all("input[name=memory]")]
            self.assertGreater(len(memories), 3)
            for memory in memories:
                self.browser.choose("memory", memory)
                kinds = {"host": ["host"], "mmap": ["mmap"], "pinned": ["pinned"], "managed": ["managed"],
                         "device": ["device", "async", "graph", "vmm", "array"]}
                known = sum(kinds.values(), [])
                mine = [row for row in rows if memory == "all" or row["memory"] in kinds.get(memory, []) or
                        (memory == "other" and row["memory"] not in known)]
                if bytes_key:
                    self.browser.choose("unit", "bytes")
                    self.assertIn(f": {human(sum(row[bytes_key] for row in mine))}, 100 %", whole(), (metric, memory))
                    self.browser.choose("unit", "count")
                else:
                    self.assertEqual(self.browser.all("input[name=unit]"), [])
                noun = "allocation" if rows is hot else "block"
                count = sum(row[count_key] for row in mine)
                self.assertIn(f": {count:,} {noun}{'' if count == 1 else 's'}, 100 %", whole(), (metric, memory))

    def test_children_lie_within_their_parents(self):
        self.open("report_finished")
        rows = {}
        for _, level, width, left in self.nodes():
            rows.setdefault(level, []).append((left, left + width))
        for level in range(2, max(rows) + 1):
            for left, right in rows[level]:
                self.assertTrue(any(outer_left - 1 <= left and right <= outer_right + 1 for outer_left, outer_right in rows[level - 1]))
            ordered = sorted(rows[level])
            self.assertTrue(all(first[1] <= second[0] + 1 for first, second in zip(ordered, ordered[1:])))

    def test_zoom_and_reset_by_mouse(self):
        self.open("report_finished")
        narrow = min(self.nodes(), key=lambda node: node[2])
        name, whole = narrow[0].split(": ")[0], max(node[2] for node in self.nodes())
        reset = self.browser.one("#flame-reset")
        self.assertFalse(reset.is_enabled())
        self.click_frame(name)
        self.browser.wait(lambda: reset.is_enabled())
        self.assertAlmostEqual(next(node[2] for node in self.nodes() if node[0].startswith(f"{name}: ")), whole, delta=2)
        self.assertTrue(self.nodes(".frame.above"))
        reset.click()
        self.browser.wait(lambda: not reset.is_enabled())
        self.assertAlmostEqual(next(node[2] for node in self.nodes() if node[0].startswith(f"{name}: ")), narrow[2], delta=2)

    def test_by_keyboard(self):
        self.open("report_finished")
        self.browser.run("document.querySelector('.graph [tabindex=\"0\"]').focus()")
        focused = lambda: self.browser.run("return document.activeElement.ariaLabel")
        level = lambda: self.browser.run("return Number(document.activeElement.getAttribute('aria-level'))")

        def press(key, expected):
            self.browser.press(key)
            self.browser.wait(lambda: focused().split(": ")[0] == expected.split(": ")[0])

        root, nodes = focused(), self.nodes()
        deepest = max(node[1] for node in nodes)
        for step in range(2, deepest + 1):  # the largest child of each comes first
            self.browser.press(Keys.ARROW_DOWN)
            self.browser.wait(lambda: level() == step or not any(node[1] == step and node[3] == 0 for node in nodes))
        self.assertGreater(level(), 3)
        self.assertEqual(self.browser.run("const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth]"), ["solid", "3px"])
        press(Keys.HOME, root)
        row = [label for label, its_level, *_ in nodes if its_level == 2]
        self.assertGreater(len(row), 1)
        press(Keys.ARROW_DOWN, row[0])
        press(Keys.ARROW_RIGHT, row[1])
        press(Keys.ARROW_LEFT, row[0])
        press(Keys.ARROW_UP, root)
        press(Keys.ARROW_DOWN, row[0])
        self.browser.press(Keys.ENTER)
        self.browser.wait(lambda: self.nodes(".frame.above"))
        self.assertTrue(self.browser.one("#flame-reset").is_enabled())
        self.assertEqual(focused().split(": ")[0], row[0].split(": ")[0])
        press(Keys.ESCAPE, root)
        self.browser.wait(lambda: not self.nodes(".frame.above"))
        self.assertFalse(self.browser.one("#flame-reset").is_enabled())

    def test_inverted_begins_at_the_allocating_functions(self):
        report = golden("report_finished.json")
        self.open("report_finished")
        self.browser.choose("metric", "peak")
        upright = self.names()
        self.browser.one("#inverted").click()
        self.browser.wait(lambda: self.names() != upright)
        top = [label.split(": ")[0] for label, level, *_ in self.nodes() if level == 2]
        leaf = report["frames"][report["stacks"][report["peak"][0]["stack"]][0]]
        innermost = (leaf.get("inlined") or [leaf])[0]["function"]
        self.assertIn(innermost, top + [label.split(": ")[0] for label, level, *_ in self.nodes() if level == 3])
        self.assertIn(100, [round(100 * width / max(node[2] for node in self.nodes())) for _, level, width, _ in self.nodes() if level == 1])
        self.browser.one("#inverted").click()
        self.browser.wait(lambda: self.names() == upright)

    def test_search_marks_and_sums(self):
        self.open("report_finished")
        self.browser.choose("metric", "live")
        function = self.names()[-1]
        self.browser.one("#flame-search").send_keys(function.upper())
        self.browser.wait(lambda: self.nodes(".frame.match"))
        self.assertTrue(all(function.lower() in name.lower() for name in self.names(".frame.match")))
        report = golden("report_finished.json")
        frames_with = {i for i, frame in enumerate(report["frames"]) if function in json.dumps(frame)}
        share = sum(row["bytes"] for row in report["leaks"] if frames_with & set(report["stacks"][row["stack"]]))
        self.assertIn(human(share), self.browser.text("#flame-matched"))
        self.browser.press(Keys.ESCAPE)
        self.browser.wait(lambda: not self.nodes(".frame.match"))
        self.browser.one("#flame-search").send_keys("no such function")
        self.browser.wait(lambda: "hold 0 B" in self.browser.text("#flame-matched"))

    def test_what_the_pointer_is_on_is_told(self):
        frame = self.browser.all(".frame")[-1]
        self.browser.run("arguments[0].scrollIntoView({block: 'center'})", frame)
        ActionChains(self.browser.driver).move_to_element(frame).perform()
        name = frame.get_attribute("aria-label").split(": ")[0]
        self.browser.wait(lambda: self.tell().startswith(name))


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Tables(PageCase):
    def bytes_shown(self):
        return [int(title.split(" ")[0].replace(",", "")) for title in self.browser.run(
            "return [...document.querySelectorAll('.leak td.cell-bytes .figure')].map(cell => cell.title)")]

    def rows(self):
        return self.browser.run("return [...document.querySelectorAll('.leak')].map(row => [...row.cells].map(cell => cell.innerText))")

    def test_leaks_by_class(self):
        report = golden("report_cuda.json")
        changes = ({"kind": "definite"}, {"kind": "definite", "framework_cache": "PyTorch"}, {"kind": "possible"},
                   {"kind": "indirect", "suppressed": "leak:known"})
        report["leaks"] = [row | change for row, change in zip(report["leaks"][1:], changes)]  # the first has the second's functions
        self.open("classes", report)
        classes = [option.get_attribute("value") for option in self.browser.all("#leak-class option")]
        for wanted in classes:
            self.browser.select("#leak-class", wanted)
            kinds = {"lost": {"definite", "indirect", "possible"}, "all": None}.get(wanted, {wanted})
            rows = [row for row in report["leaks"] if kinds is None or ("runtime" if row.get("runtime") else
                    "framework" if row.get("framework_cache") else "suppressed" if row.get("suppressed") else row["kind"]) in kinds]
            self.browser.wait(lambda: self.browser.text("#leak-count").startswith(f"{len(rows):,} place"))
            self.assertEqual(sorted(self.bytes_shown()), sorted(row["bytes"] for row in rows))
        self.assertEqual(set(classes), {"all", "lost", "definite", "possible", "suppressed", "framework"})

    def test_leaks_sorted_by_each_column(self):
        self.open("large", large_report(400))
        self.browser.select("#leak-class", "all")
        for column, (cell, number) in {"bytes": (0, True), "count": (1, True), "leakClass": (2, False), "place": (4, False)}.items():
            button = self.browser.one(f"th.cell-{column} button")
            states = []
            for _ in range(2):
                self.browser.click(button)
                states.append(self.browser.one(f"th.cell-{column}").get_attribute("aria-sort"))
                values = self.bytes_shown() if column == "bytes" else [row[cell] for row in self.rows()]
                if number:
                    values = [int(str(value).replace(",", "").split()[0]) for value in values]
                elif column == "leakClass":
                    values = [("definite", "indirect", "possible", "reachable").index(value) for value in values]
                else:
                    values = [value.split()[1] for value in values]
                self.assertEqual(values, sorted(values, reverse=states[-1] == "descending"), (column, states))
            self.assertEqual(set(states), {"ascending", "descending"})
        self.browser.one("th.cell-memory button").click()
        self.assertEqual(self.browser.one("th.cell-memory").get_attribute("aria-sort"), "ascending")

    def test_leaks_filtered_and_more_of_them(self):
        self.open("large", large_report(400))
        self.browser.select("#leak-class", "all")
        self.assertEqual(len(self.rows()), 25)
        self.browser.one(".more").click()
        self.browser.wait(lambda: len(self.rows()) == 125)
        report = large_report(400)
        frames_with = {i for i, frame in enumerate(report["frames"]) if "part7.cpp" in frame["file"]}
        wanted = [row for row in report["leaks"] if frames_with & set(report["stacks"][row["stack"]])]
        self.browser.one("#leak-filter").send_keys("PART7.cpp")
        places = len({tuple(report["stacks"][row["stack"]]) + (row["kind"],) for row in wanted})
        self.browser.wait(lambda: self.browser.text("#leak-count").startswith(f"{places:,} place"))
        self.assertEqual(max(self.bytes_shown()), max(row["bytes"] for row in wanted))

    def test_a_leaks_stack_opens_and_closes(self):
        self.open("report_finished")
        report = golden("report_finished.json")
        button = self.browser.one(".leak .open")
        self.assertEqual((button.get_attribute("aria-expanded"), self.browser.all(".details")), ("false", []))
        button.send_keys(Keys.ENTER)
        self.browser.wait(lambda: self.browser.all(".details"))
        self.assertEqual(button.get_attribute("aria-expanded"), "true")
        stack = report["stacks"][max(report["leaks"], key=lambda row: row["bytes"])["stack"]]
        functions = [site["function"] for frame in stack for site in (report["frames"][frame].get("inlined") or []) +
                     [report["frames"][frame]] if "function" in site]
        shown = [item.text for item in self.browser.all(".details .stack b")]
        self.assertEqual(shown, functions[:len(shown)])
        self.assertGreater(len(shown), 1)
        button.send_keys(Keys.SPACE)
        self.browser.wait(lambda: not self.browser.all(".details"))

    def test_heap_errors(self):
        self.open("report_errors")
        shown = run_weir(["show", "--full", "--top", "100", GOLDEN / "report_errors.json"]).stdout.decode()
        errors = self.browser.all(".error")
        count, = [int(line.split()[-1]) for line in shown.splitlines() if line.startswith("Heap errors: ")]
        card, = [card.text for card in self.browser.all(".card") if card.text.startswith("Heap errors")]
        self.assertEqual(card.split("\n")[1], str(count))
        self.assertGreater(len(errors), 10)
        for error in errors:
            self.assertIn(error.find_element("tag name", "strong").text.split(" after ")[0].replace("  ", " "), shown.replace("  ", " "))
        closed = [part for part in self.browser.all(".error details") if part.get_attribute("open") is None][0]
        closed.find_element("tag name", "summary").click()
        self.browser.wait(lambda: closed.find_element("css selector", ".stack").is_displayed())

    def test_options_and_warnings(self):
        self.open("report_cuda")
        options = golden("report_cuda.json")["options"]
        changed = [name for name, option in options.items() if not option["default"]]
        names = lambda: [cell.text for cell in self.browser.all(".options tbody th")]
        self.assertEqual(names(), changed)
        self.browser.one("#all-options").click()
        self.browser.wait(lambda: names() == list(options))
        self.open("report_finished")
        self.assertEqual([item.text for item in self.browser.all(".warnings li")],
                         [warning["text"] for warning in golden("report_finished.json")["warnings"]])

    def test_memory_table_is_that_of_show(self):
        self.open("report_cuda")
        shown = run_weir(["show", GOLDEN / "report_cuda.json"]).stdout.decode()
        table = shown[shown.index("Where the memory was"):].split("\n\n")[0]
        for row in self.browser.run("return [...document.querySelectorAll('.with-bar')].map(row => [...row.cells].map(cell => cell.innerText))"):
            line, = [line for line in table.splitlines() if line.strip().startswith(row[0] + " ")]
            for value in row[1:]:
                if value != "–":
                    self.assertIn(value, line)
        self.assertEqual(len(self.browser.all(".bar")), len(self.browser.all(".with-bar")))


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Whole(PageCase):
    def test_nothing_is_asked_for_and_nothing_complained_of(self):
        for name in GOLDEN_PAGES:
            with self.subTest(page=name):
                self.open(name)
                self.assertEqual([url for url in self.browser.requests() if url != "data:,"], [self.pages[name].as_uri()])
                self.assertEqual(self.browser.complaints(), [])

    def test_hostile_names_do_nothing(self):
        for name in GOLDEN_PAGES:
            with self.subTest(page=name):
                self.open(f"hostile_{name}", hostile_report(f"{name}.json"))
                for button in self.browser.all(".leak .open"):
                    self.browser.click(button)
                self.assertIsNone(self.browser.run("return window.hostile ?? null"))
                self.assertEqual(self.browser.run("return document.querySelectorAll('img, #page script').length"), 0)
                self.assertIn("<img src=x onerror", self.browser.text("h1"))
                self.assertEqual(self.browser.complaints(), [])

    def test_a_script_that_comes_in_would_not_run(self):
        self.open("report_finished")
        self.browser.run("""const s = document.createElement('script'); s.textContent = 'window.hostile = 1'; document.body.append(s);
            const i = document.createElement('img'); i.src = 'http://127.0.0.1:9/x.png'; document.body.append(i);
            return fetch('http://127.0.0.1:9/').catch(() => 0)""")
        self.assertIsNone(self.browser.run("return window.hostile ?? null"))
        self.browser.wait(lambda: len(self.browser.run("return window.refused ?? []")) >= 3)

    def test_many_stacks_open_in_time(self):
        report = large_report(STACKS)
        for _ in range(3):  # others may be at work on the machine
            seconds = self.open("many", report, "--stacks", str(STACKS))
            if seconds < SECONDS_TO_OPEN:
                break
        self.assertTrue(self.browser.all(".leak") and len(self.nodes()) > 100)
        self.assertLess(seconds, SECONDS_TO_OPEN)
        self.browser.one("#inverted").click()
        for _ in range(8):  # too narrow to be drawn at first
            named = [name for name in self.names() if "::step_" in name]
            if named:
                break
            before = self.names()
            self.click_frame(next(name for name in reversed(before) if "narrow ones" in name))
            self.browser.wait(lambda: self.names() != before)
        self.browser.one("#flame-search").send_keys(named[0])
        self.browser.wait(lambda: self.nodes(".frame.match"), 20)
        self.assertIn(named[0], self.names(".frame.match"))

    def test_what_is_left_out_is_said_and_in_the_sum(self):
        self.open("cut", large_report(400), "--stacks", "50")
        report = large_report(400)
        for name, what in (("leaks", "live at exit"), ("peak", "live at the peak")):
            self.assertIn(f"350 smaller stacks with {human(sum(row['bytes'] for row in report[name][50:]))} {what}", self.browser.text(".limit"))
        self.assertIn("weir html --stacks", self.browser.text(".limit"))
        self.browser.choose("metric", "live")
        self.assertIn(human(sum(row["bytes"] for row in report["leaks"])), self.nodes()[0][0])
        self.assertIn("(350 smaller stacks)", self.names())

    def test_a_process_that_lives_on(self):
        for name in ("report_finished", "report_cuda", "report_no_leaks"):
            with self.subTest(page=name):
                report = golden(f"{name}.json")
                report["process"]["end"] = "snapshot"
                del report["process"]["exit_status"]
                self.open(f"snapshot_{name}", report, "--stacks", "2")
                text = self.browser.text("#page")
                self.assertNotIn("at exit", text)
                self.assertIn("still running after", self.browser.text(".process"))
                for part in ("Host heap, live at the snapshot", "Mappings, live at the snapshot", "Where the memory was at the snapshot",
                             "Still allocated at the snapshot", "Live at the snapshot"):
                    self.assertIn(part, text)
                if name == "report_cuda":
                    self.assertRegex(text, "[0-9] [KM]iB live at the snapshot; ")
                if name != "report_no_leaks":
                    self.assertRegex(self.browser.text(".limit"), "[0-9] [KM]iB live at the snapshot")
                self.assertEqual(self.browser.complaints(), [])

    def test_a_report_of_nothing(self):
        report = golden("report_no_leaks.json")
        for key in ("leaks", "peak", "hot_sites", "stacks", "frames", "warnings"):
            report[key] = []
        report["host"]["totals"] = {key: 0 for key in report["host"]["totals"]}
        self.open("nothing", report)
        self.assertEqual(self.browser.complaints(), [])
        self.assertEqual(self.browser.all("#flame"), [])
        self.assertNotIn("Flame graph", self.browser.text("nav"))

    def test_every_link_leads_somewhere(self):
        self.open("report_errors")
        for link in self.browser.all("nav a"):
            link.click()
            target = link.get_attribute("href").split("#")[1]
            self.browser.wait(lambda: self.browser.run(
                "const r = document.getElementById(arguments[0]).getBoundingClientRect(); return r.top < innerHeight && r.bottom > 0", target))

    def test_every_control_has_a_name_and_is_reached_by_tab(self):
        self.open("report_cuda")
        controls = self.browser.all("a, button:not(:disabled), select, summary, input:not([type=radio]), input[type=radio]:checked, .graph [tabindex='0']")
        self.assertEqual([control.get_attribute("outerHTML")[:80] for control in controls if not control.accessible_name], [])
        reached = set()
        for _ in range(len(controls) + 10):
            self.browser.press(Keys.TAB)
            key, style = self.browser.run("""const a = document.activeElement; const shown = a.type === 'radio' ? a.nextElementSibling : a;
                return [[...document.querySelectorAll('*')].indexOf(a), a === document.body ? '' : getComputedStyle(shown).outlineStyle]""")
            reached.add(key)
            self.assertNotEqual(style, "none", self.browser.run("return document.activeElement.outerHTML.slice(0, 80)"))
        places = {self.browser.run("return [...document.querySelectorAll('*')].indexOf(arguments[0])", control) for control in controls}
        self.assertEqual(places - reached, set())


if __name__ == "__main__":
    unittest.main()
