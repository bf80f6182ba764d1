"""A headless browser for tests of the page that `weir html` makes: Debian's Chromium, driven by Selenium."""

import json
import os
import pathlib
import shutil
import tempfile
import time
import unittest

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select
except ImportError:
    webdriver = None

from html_report import GOLDEN
from weir_test import REPOSITORY, run_weir

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--force-prefers-reduced-motion")


def why_no_page():
    """Why `weir html` makes none; None where it does."""
    said = run_weir(["html", "/dev/null", "-o", "/dev/null"]).stderr.decode()
    return "Weir was built without the page: node or the packages from npm were missing" if "built without" in said else None


def why_no_browser():
    """Why there is no browser to look at a page with; None where there is one."""
    if not CHROMIUM or not DRIVER:
        return "no chromium with chromium-driver"
    return None if webdriver else "no python3-selenium"


def why_no_page_test():
    """Why no page can be looked at; None where one can."""
    return why_no_page() or why_no_browser()


class Browser:
    """One page in one browser. Everything that the page asked for, and everything that the browser complains of, is kept."""

    def __init__(self, width=1280, height=900, dark=False, mobile=False):
        options = Options()
        options.binary_location = CHROMIUM
        for flag in FLAGS:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        self.mobile = mobile
        self.resize(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {
            "source": "addEventListener('securitypolicyviolation', e => (window.refused ??= []).push(e.violatedDirective + ' ' + e.blockedURI))"})

    def close(self):
        self.driver.quit()

    def resize(self, width, height):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": self.mobile})

    def forbid_scripts(self):
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})

    def spoken(self):
        """What a screen reader has of the page; asked of the browser, without a script."""
        nodes = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        return "\n".join(str(node.get("name", {}).get("value", "")) for node in nodes)

    def open(self, path):
        """Seconds until the page is drawn and answers."""
        start = time.monotonic()
        self.driver.get(pathlib.Path(path).resolve().as_uri())
        self.run("return document.querySelectorAll('section').length")
        return time.monotonic() - start

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.one(selector).text

    def select(self, selector, value):
        Select(self.one(selector)).select_by_value(value)

    def click(self, element):
        """With the mouse, where the element is; it fails where something else is in front of it."""
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def choose(self, name, value):
        """A radio button, with the mouse."""
        button = self.one(f"input[name={name}][value={value}]")
        self.click(button)
        assert button.is_selected(), (name, value)

    def press(self, *keys):
        """To whatever has the focus."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def wait(self, condition, seconds=10):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError("the page did not come to it in time")
            time.sleep(0.03)

    def settle(self):
        """Waits until the page has drawn what was done to it, and has nothing left to do: some events come after the click that is their cause."""
        self.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(() => requestIdleCallback(() => arguments[0]())))")

    def requests(self):
        """Addresses that were asked for since the last question."""
        events = [json.loads(row["message"])["message"] for row in self.driver.get_log("performance")]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]

    def complaints(self):
        said = [row["message"] for row in self.driver.get_log("browser")]
        return said + (self.run("return window.refused ?? []") or [])

    def screenshot(self, path):
        path = pathlib.Path(path)
        os.makedirs(path.parent, exist_ok=True)
        path.write_bytes(self.driver.get_screenshot_as_png())


def make_page(folder, name, report=None, *arguments):
    """The page's path. report: parsed; None: the golden one of that name."""
    source = GOLDEN / f"{name}.json"
    if report is not None:
        source = pathlib.Path(folder, f"{name}.json")
        source.write_text(json.dumps(report))
    page = pathlib.Path(folder, f"{name}.html")
    result = run_weir(["html", source, "-o", page, *arguments], cwd=REPOSITORY)
    assert result.returncode == 0, result.stderr
    return page


def human(count):
    """Bytes as the page has them."""
    unit, units = 0, ("B", "KiB", "MiB", "GiB")
    while count >= 1023.95:
        count, unit = count / 1024, unit + 1
    return f"{count} B" if unit == 0 else f"{count:.{1 if count < 99.95 else 0}f} {units[unit]}"


class PageCase(unittest.TestCase):
    """One browser for a class's tests."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="weir-html-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)
        cls.pages = {}

    def open(self, name, report=None, *arguments):
        if name not in self.pages:
            self.pages[name] = make_page(self.folder, name, report, *arguments)
        self.browser.requests(), self.browser.complaints()
        return self.browser.open(self.pages[name])

    def nodes(self, matching=".frame"):
        """The boxes of the flame graph, as (label, level, width, left) from top to bottom."""
        return self.browser.run("""return [...document.querySelectorAll(arguments[0])].map(box => [box.getAttribute('aria-label'),
            Number(box.getAttribute('aria-level')), box.getBoundingClientRect().width, box.getBoundingClientRect().left])""", matching)

    def names(self, matching=".frame"):
        return [label.split(": ")[0] for label, *_ in self.nodes(matching)]

    def click_frame(self, name):
        frame = next(box for box in self.browser.all(".frame") if box.get_attribute("aria-label").startswith(f"{name}: "))
        self.browser.click(frame)

    def tell(self):
        return self.browser.text("#flame-told")
