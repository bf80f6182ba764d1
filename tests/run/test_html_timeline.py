"""The timeline on the page that `weir html` makes, in a browser: its lines, its buttons by keyboard, its marks and its tables."""

import copy
import unittest

from html_browser import PageCase, why_no_page_test
from html_report import golden

try:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys
except ImportError:
    ActionChains = Keys = None

WHY_NOT = why_no_page_test()
HOST, DEVICE = ".course:nth-of-type(1)", ".course:nth-of-type(2)"
LINES = {HOST: ("live_bytes", "reserved_bytes", "mapped_bytes", "rss_bytes", "peak_rss_bytes"),
         DEVICE: ("live_bytes", "reserved_bytes", "idle_bytes", "pinned_bytes")}


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Timeline(PageCase):
    def setUp(self):
        self.open("report_cuda")

    def pixels(self, course, variable):
        """How many pixels of a plot have the colour."""
        return self.browser.run("""
            const plot = document.querySelector(arguments[0] + ' canvas'), probe = document.createElement('canvas').getContext('2d');
            const box = document.createElement('i'); box.style.color = `var(${arguments[1]})`; document.body.append(box);
            probe.fillStyle = getComputedStyle(box).color; probe.fillRect(0, 0, 1, 1); box.remove();
            const [r, g, b] = probe.getImageData(0, 0, 1, 1).data, all = plot.getContext('2d').getImageData(0, 0, plot.width, plot.height).data;
            let count = 0;
            for (let i = 0; i < all.length; i += 4) count += Math.abs(all[i] - r) + Math.abs(all[i + 1] - g) + Math.abs(all[i + 2] - b) < 12 && all[i + 3] > 200;
            return count;""", course, variable)

    def button(self, course, line):
        return self.browser.one(f"{course} [data-line={line}]")

    def is_pressed(self, course, line):
        return self.button(course, line).get_attribute("aria-pressed") == "true"

    def test_host_and_device_have_their_lines(self):
        self.assertEqual(self.browser.complaints(), [])
        self.assertEqual([title.text for title in self.browser.all(".course h3")][0], "host")
        self.assertTrue(self.browser.all(".course h3")[1].text.startswith("device 0"))
        self.assertIn("Timeline", self.browser.text("nav"))
        for course, lines in LINES.items():
            self.assertEqual([button.get_attribute("data-line") for button in self.browser.all(f"{course} .line")], list(lines))
            self.assertGreater(self.pixels(course, "--line-live"), 200)
            self.assertGreater(self.pixels(course, "--line-reserved"), 100)

    def test_lines_are_switched_by_keyboard(self):
        for course, line, color in ((HOST, "reserved_bytes", "--line-reserved"), (HOST, "live_bytes", "--line-live"),
                                    (DEVICE, "idle_bytes", "--line-mapped")):
            with self.subTest(line=line):
                before, was = self.pixels(course, color), self.is_pressed(course, line)
                self.button(course, line).send_keys(Keys.SPACE)
                self.browser.wait(lambda: self.is_pressed(course, line) != was)
                self.browser.wait(lambda: (self.pixels(course, color) > before) != was and self.pixels(course, color) != before)
                self.button(course, line).send_keys(Keys.ENTER)
                self.browser.wait(lambda: self.is_pressed(course, line) == was and self.pixels(course, color) == before)

    def test_the_peak_is_marked_and_told(self):
        marked = self.pixels(DEVICE, "--bad")
        self.assertGreater(marked, 30)
        self.assertEqual(self.browser.text(f"{DEVICE} .plot-told"), "Peak of live memory: 39.1 MiB after 23.1 ms.")
        label = self.browser.one(f"{DEVICE} .plot").get_attribute("aria-label")
        self.assertIn("at most 39.1 MiB after 23.1 ms, and 4.1 MiB at the end", label)
        self.button(DEVICE, "live_bytes").send_keys(Keys.SPACE)
        self.browser.wait(lambda: self.pixels(DEVICE, "--bad") < marked / 4)

    def test_the_pointer_tells_a_point(self):
        self.browser.run("document.getElementById('timeline').scrollIntoView()")
        over = self.browser.one(f"{HOST} .u-over")
        width = over.size["width"]
        ActionChains(self.browser.driver).move_to_element_with_offset(over, width // 2 - 2, 0).perform()
        self.browser.wait(lambda: self.browser.text(f"{HOST} .plot-told").startswith("After 24.5 ms: live 71.0 KiB"))
        ActionChains(self.browser.driver).move_to_element(self.browser.one("h1")).perform()
        self.browser.wait(lambda: self.browser.text(f"{HOST} .plot-told").startswith("Peak"))

    def test_dragging_looks_closer(self):
        self.browser.run("document.getElementById('timeline').scrollIntoView()")
        before = self.pixels(HOST, "--line-reserved")
        over = self.browser.one(f"{HOST} .u-over")
        width = over.size["width"]
        ActionChains(self.browser.driver).move_to_element_with_offset(over, -width // 4, 0).click_and_hold().move_by_offset(30, 0).release().perform()
        picture = lambda: self.browser.run("return document.querySelector(arguments[0] + ' canvas').toDataURL()", HOST)
        closer = picture()
        ActionChains(self.browser.driver).double_click(over).perform()
        self.browser.wait(lambda: picture() != closer)
        ActionChains(self.browser.driver).move_to_element(self.browser.one("h1")).perform()
        self.browser.wait(lambda: self.pixels(HOST, "--line-reserved") == before)

    def test_the_points_are_a_table(self):
        self.browser.one(f"{HOST} summary").send_keys(Keys.ENTER)
        self.browser.wait(lambda: self.browser.all(f"{HOST} tbody tr"))
        rows = [[cell.text for cell in row.find_elements("css selector", "th, td")] for row in self.browser.all(f"{HOST} tbody tr")]
        host = golden("report_cuda.json")["timeline"]["host"]
        self.assertEqual(len(rows), len(host["ns"]))
        self.assertEqual(rows[0], ["580 µs", "2.1 MiB", "32.0 MiB", "0 B", "5.0 MiB", "5.0 MiB", "310"])
        self.assertEqual([row[4] for row in rows], ["5.0 MiB", "5.3 MiB", "–", "–", "–", "6.0 MiB"])
        self.assertIn("2.1 MiB", self.browser.spoken())

    def test_dark_and_light_are_drawn_in_their_own_colours(self):
        light = self.pixels(HOST, "--line-live")
        self.assertGreater(light, 200)
        self.browser.select("#theme", "dark")
        self.addCleanup(self.browser.select, "#theme", "system")
        self.browser.wait(lambda: self.pixels(HOST, "--line-live") > light / 2)
        ratio = self.browser.run("""
            const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d', {willReadFrequently: true});
            const light = color => { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
                .map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4).reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0); };
            const probe = document.createElement('i'); document.body.append(probe);
            const of = name => { probe.style.color = `var(${name})`; return light(getComputedStyle(probe).color); };
            const paper = of('--paper');
            return Math.min(...['live', 'reserved', 'mapped', 'rss'].map(name => of('--line-' + name)).map(l => (Math.max(l, paper) + .05) / (Math.min(l, paper) + .05)))""")
        self.assertGreater(ratio, 3)  # WCAG 2, graphical objects

    def test_on_a_phone_it_has_the_pages_width(self):
        self.browser.resize(360, 740)
        self.addCleanup(self.browser.resize, 1280, 900)
        self.open("report_cuda")
        self.browser.wait(lambda: self.browser.run("return document.querySelector('.u-wrap').offsetWidth") <= 336)
        self.assertEqual(self.browser.run("return document.documentElement.scrollWidth"), 360)
        self.assertGreater(self.pixels(HOST, "--line-live"), 80)
        self.browser.resize(1280, 900)
        self.browser.wait(lambda: self.browser.run("return document.querySelector('.u-wrap').offsetWidth") > 600)

    def test_without_a_course_there_is_no_section(self):
        report = golden("report_cuda.json")
        report["timeline"] = {"peak": report["timeline"]["peak"]}
        self.open("no_course", report)
        self.assertEqual(self.browser.all("#timeline"), [])
        self.assertNotIn("Timeline", self.browser.text("nav"))

    def test_what_is_no_course_does_no_harm(self):
        good = golden("report_cuda.json")["timeline"]
        bad = [{"interval_ns": "x", "host": 7, "devices": {"a": 1}}, {"interval_ns": 1, "host": None, "devices": [None, 3, {"index": -1}]},
               {**good, "host": {**good["host"], "ns": [3, 2, "a", None, 1e30, 7], "live_bytes": [1, "<b>", {}, [], -5]}},
               {**good, "host": {"ns": [1, 2, 2**63]}, "devices": [{"index": 0, "ns": [0, 2**63], "live_bytes": [2**63, 2**64 - 1]}]}]
        for number, timeline in enumerate(bad):
            with self.subTest(number):
                report = copy.deepcopy(golden("report_cuda.json"))
                report["timeline"] = timeline
                self.open(f"bad_course_{number}", report)
                self.assertTrue(self.browser.all("#leaks"))
                self.assertEqual(self.browser.complaints(), [])

    def test_a_sampled_course_says_that_it_is_an_estimate(self):
        report = golden("report_cuda.json")
        report["timeline"]["estimated"] = True
        self.open("estimated", report)
        self.assertIn("an estimate", self.browser.text("#timeline > .note"))


if __name__ == "__main__":
    unittest.main()
