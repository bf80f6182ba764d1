"""The page that `weir html` makes, looked at: light and dark, on a phone's width, without colour, on paper, without scripts; and the pictures
of docs/report-page.md.

WEIR_UPDATE_SCREENSHOTS=1 rewrites docs/images: look at the pictures before you commit them."""

import json
import os
import pathlib
import tempfile
import unittest

from html_browser import Browser, PageCase, make_page, why_no_page_test
from html_report import GOLDEN_PAGES
from weir_test import REPOSITORY, program, run_weir, simulated_driver, system_python

PHONE = (360, 740)
WHY_NOT = why_no_page_test()


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Looks(PageCase):
    def contrasts(self):
        """[ratio, what] of texts against what lies behind them (WCAG 2), the lowest first."""
        return self.browser.run("""
            const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d', {willReadFrequently: true});
            const rgb = color => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); return canvas.getImageData(0, 0, 1, 1).data; };
            const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
                .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
            const ground = el => { for (; el; el = el.parentElement) { const c = getComputedStyle(el).backgroundColor; if (rgb(c)[3] === 255) return rgb(c); } };
            return [...document.querySelectorAll('h1, h2, p, dt, strong, th, td, .frame, .class, nav a, .choice span, .place, .detail, code')]
                .filter(el => el.innerText.trim() && el.offsetParent && !el.classList.contains('above')).map(el => {
                const [a, b] = [light(rgb(getComputedStyle(el).color)), light(ground(el))].sort((x, y) => y - x);
                return [(a + .05) / (b + .05), el.tagName + '.' + el.className + ' ' + el.innerText.slice(0, 30)]; }).sort((a, b) => a[0] - b[0]).slice(0, 3)""")

    def test_theme_follows_the_system_and_the_switch(self):
        ground = lambda: self.browser.run("return getComputedStyle(document.body).backgroundColor")
        self.open("report_cuda")
        light = ground()
        self.assertGreater(self.contrasts()[0][0], 4.5, self.contrasts())
        self.browser.select("#theme", "dark")
        self.browser.wait(lambda: ground() != light)
        dark = ground()
        self.assertGreater(self.contrasts()[0][0], 4.5, self.contrasts())
        self.browser.select("#theme", "system")
        self.browser.wait(lambda: ground() == light)
        emulate = lambda scheme: self.browser.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        emulate("dark")
        self.addCleanup(emulate, "light")
        self.browser.wait(lambda: ground() == dark)
        self.browser.select("#theme", "light")
        self.browser.wait(lambda: ground() == light)
        self.open("report_cuda")
        self.assertEqual((ground(), self.browser.run("return document.getElementById('theme').value")), (light, "light"))
        self.browser.select("#theme", "system")

    def test_a_phones_width_is_enough(self):
        self.browser.resize(*PHONE)
        self.addCleanup(self.browser.resize, 1280, 900)
        for name in GOLDEN_PAGES:
            with self.subTest(page=name):
                self.open(name)
                for button in self.browser.all(".leak .open, .more"):
                    self.browser.click(button)
                self.assertEqual(self.browser.run("return document.documentElement.scrollWidth"), PHONE[0])
                beyond = self.browser.run("""return [...document.querySelectorAll('main *')].filter(el => !el.closest('.choice') && !el.closest('.command')
                    && el.getBoundingClientRect().right > innerWidth + 1).map(el => el.outerHTML.slice(0, 80))""")
                self.assertEqual(beyond, [])

    def test_kinds_of_memory_differ_without_colour(self):
        self.open("report_cuda")
        patterns = self.browser.run("""return ['host', 'mmap', 'device', 'pinned', 'managed', 'other'].map(kind => {
            const box = document.createElement('span'); box.className = 'swatch mem-' + kind; document.body.append(box);
            const image = getComputedStyle(box).backgroundImage; box.remove(); return image; })""")
        self.assertEqual(len(set(patterns)), 6)

    def test_print_has_no_controls(self):
        self.open("report_cuda")
        self.browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        self.addCleanup(self.browser.driver.execute_cdp_cmd, "Emulation.setEmulatedMedia", {"media": ""})
        self.assertEqual([part.is_displayed() for part in self.browser.all("nav, .theme, .controls")].count(True), 0)
        self.assertTrue(self.browser.one(".graph").is_displayed() and self.browser.one(".leaks").is_displayed())


@unittest.skipIf(WHY_NOT, WHY_NOT)
class WithoutScript(unittest.TestCase):
    def test_the_page_says_that_it_needs_it(self):
        with tempfile.TemporaryDirectory(prefix="weir-html-") as folder:
            browser = Browser()
            self.addCleanup(browser.close)
            browser.forbid_scripts()
            browser.driver.get(make_page(folder, "report_finished").as_uri())
            self.assertIn("needs JavaScript", browser.spoken())


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Pictures(unittest.TestCase):
    """Of real programs' reports: Debian's Python with one of its own tools, and scripts/demo's CUDA program on the simulated device."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-html-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def report(self, argv, shown_as, *options, env=None):
        path = pathlib.Path(self.folder, "report.json")
        result = run_weir(["run", *options, "--report", path, "--", *argv], env=env, cwd=REPOSITORY)
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads(path.read_text())
        report["process"].update(host="workstation", argv=shown_as)  # nothing of this machine in the pictures
        report["options"]["WEIR_REPORT"]["value"] = "report.json"
        return report

    def browser(self, page, width, height, **options):
        browser = Browser(width, height, **options)
        self.addCleanup(browser.close)
        browser.open(page)
        self.assertEqual(browser.complaints(), [])
        return browser

    def take(self, browser, name):
        images = REPOSITORY / "docs" / "images" if os.environ.get("WEIR_UPDATE_SCREENSHOTS") else pathlib.Path(self.folder)
        browser.screenshot(images / f"report-{name}.png")
        self.assertGreater((images / f"report-{name}.png").stat().st_size, 20_000)

    def test_of_an_unmodified_program(self):
        rivers = [{"name": f"tributary {n}", "length_km": n * 7 % 900 / 10, "mouth": [n % 90, n % 180], "fed_by": list(range(n % 5))} for n in range(60_000)]
        path = pathlib.Path(self.folder, "rivers.json")
        path.write_text(json.dumps(rivers))
        arguments = ["-m", "json.tool", path, "/dev/null"]
        report = self.report([system_python(), *arguments], ["python3", *arguments[:2], "rivers.json", "/dev/null"], "--python")
        self.assertIn("loads", {site.get("function") for frame in report["frames"] for site in [frame, *(frame.get("inlined") or [])]})
        page = make_page(self.folder, "python", report)
        for name, (width, height) in (("desktop", (1280, 1500)), ("phone", (360, 1500))):
            browser = self.browser(page, width, height, mobile=name == "phone")
            self.assertEqual(browser.text("h1"), "python3.11")
            self.assertEqual(len(browser.all("#timeline canvas")), 1)
            self.take(browser, name)
        browser = self.browser(page, 1280, 900, dark=True)
        browser.choose("metric", "peak")
        browser.one("#flame-search").send_keys("json")
        browser.wait(lambda: browser.all(".frame.match"))
        browser.run("document.getElementById('flame').scrollIntoView()")
        self.take(browser, "dark")

    @unittest.skipUnless(simulated_driver() and program("example_leak_cuda").exists(), "no CUDA toolkit: there is no simulated device")
    def test_of_a_program_with_a_device(self):
        simcuda = simulated_driver()
        report = self.report([program("example_leak_cuda")], ["./example_leak_cuda"], "--track", "host,device,pinned",
                             env={"LD_LIBRARY_PATH": simcuda, "SIMCUDA_KERNELS": simcuda / "libsimcuda_kernels.so"})
        browser = self.browser(make_page(self.folder, "example", report), 1280, 800)
        self.assertEqual({label.get_attribute("value") for label in browser.all("input[name=memory]")}, {"all", "host", "device", "pinned"})
        browser.run("document.getElementById('flame').scrollIntoView()")
        self.take(browser, "cuda")

    def test_of_a_course_over_time(self):
        report = self.report([program("timeline_course"), "spike"], ["./timeline_course", "spike"])
        browser = self.browser(make_page(self.folder, "course", report), 1280, 500)
        self.assertEqual(len(browser.all("#timeline canvas")), 1)
        browser.run("document.getElementById('timeline').scrollIntoView()")
        self.take(browser, "timeline")


if __name__ == "__main__":
    unittest.main()
