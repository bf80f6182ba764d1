"""Every control on the page that `weir html` makes is used here, with the mouse and by keyboard, and must do something: what the browser says can
be used, by its kind or because the page listens to it, is looked for on pages that have between them all there is; a control that nothing
here uses is a failure, and so is a use whose control has gone.

Whether what they do is right is the part of test_html_page.py, test_html_timeline.py, test_html_merged.py and test_html_looks.py."""

import copy
import re
import unittest

from html_browser import PageCase, why_no_page_test
from html_report import GOLDEN_PAGES, golden, large_report, merged_report, of_process

try:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
    from selenium.webdriver.common.keys import Keys
except ImportError:
    ActionChains = ScrollOrigin = Keys = None

WHY_NOT = why_no_page_test()
# What can be used: by what it is, or as the page listens to it. getEventListeners is the browser's own, of its developers' tools.
FIND = """(() => {
  const KINDS = 'a, button, input, select, textarea, summary, option, [tabindex], [contenteditable], [draggable=true], audio, video, iframe, object, embed';
  const USES = ['click', 'dblclick', 'mousedown', 'mouseup', 'mousemove', 'pointerdown', 'pointermove', 'touchstart', 'wheel', 'keydown', 'keyup', 'keypress',
                'input', 'change', 'submit', 'drop', 'dragstart', 'paste', 'copy', 'contextmenu'];
  const hears = element => Object.keys(getEventListeners(element)).filter(type => USES.includes(type)).length > 0;
  const keyOf = element => {
    const place = element.closest('section, nav, header')?.id ?? '';
    const course = element.closest('.course');
    const group = course ? `${place} ${[...course.parentElement.querySelectorAll('.course')].indexOf(course) === 0 ? 'host' : 'device'}` : place;
    if (element.id) return `#${element.id}`;
    if (element.type === 'radio') return `${element.name}=${element.value}`;
    if (element.tagName === 'A') return `link ${element.getAttribute('href')}`;
    if (element.dataset.line) return `${group} line ${element.dataset.line}`;
    if (element.classList.contains('sort')) return `${place} sort ${element.closest('th').className.slice(5)}`;
    return `${group} ${element.tagName.toLowerCase()}${element.classList.length > 0 ? '.' + element.classList[0] : ''}`;
  };
  const found = [...document.querySelectorAll('body *')].filter(element => element.tagName !== 'OPTION' && (element.matches(KINDS) || hears(element)));
  const whole = [document, document.documentElement, document.body].filter(hears).map(() => 'the whole page');
  return [...new Set([...found.map(keyOf), ...whole])];
})()"""
POINTS = 400


def _everything():
    """A report in which there is every figure of every kind of memory, and a long course over time."""
    report = golden("report_cuda.json")
    memories = ("host", "mmap", "device", "pinned", "managed", "ipc")
    kinds = ("definite", "indirect", "possible", "reachable", "live")
    report["leaks"] = [dict(report["leaks"][0], memory=memory, kind=kind, bytes=1000 + 100 * i + 10 * j, count=1 + i + j)
                       for i, memory in enumerate(memories) for j, kind in enumerate(kinds)]
    report["peak"] = [{"memory": memory, "bytes": 5000 + i, "count": 3, "stack": i} for i, memory in enumerate(memories)]
    report["hot_sites"] = [{"memory": memory, "alloc_bytes": 9000 + i, "alloc_count": 90 + i, "temporary_count": 40 + i, "live_count": 0, "live_bytes": 0,
                            "peak_bytes": 0, "stack": i} for i, memory in enumerate(memories)]
    for course in (report["timeline"]["host"], *report["timeline"]["devices"]):
        for name, values in course.items():
            if isinstance(values, list):
                course[name] = [1000 * i if name == "ns" else (1 << 20) * (1 + (i * 7 + len(name)) % 50) for i in range(POINTS)]
    return report


def _many_ranks(folder):
    report = merged_report(folder, of_process("report_cuda", rank="0"))
    report["processes"] = [dict(copy.deepcopy(report["processes"][0]), rank=str(rank), pid=900 - rank, host=f"node{rank % 4}", exe=f"/bin/part{rank % 3}")
                           for rank in range(300)]
    for rank, process in enumerate(report["processes"]):
        process["host_totals"].update(peak_bytes=4096 * (rank * 7 % 300), live_bytes=64 * (rank * 11 % 300))
        process["leak_kinds"] = {"definite": {"bytes": rank * 13 % 300, "count": 1}}
        process["end"] = "exit" if rank % 2 else "signal TERM"
    return report


class Uses(PageCase):
    """One method for each kind of control. element: the selector of the one that is used."""

    def state(self, part="body"):
        """All that a part of the page shows."""
        return self.browser.run("""const part = document.querySelector(arguments[0]);
            return [part.innerText, [...part.querySelectorAll('[aria-label]')].map(e => e.ariaLabel + e.style.cssText).join(), scrollY,
                    [...part.querySelectorAll('canvas')].map(c => c.toDataURL()).join(), [...part.querySelectorAll('*')].map(e =>
                    [e.checked, e.value, e.open, e.ariaPressed, e.ariaSort, e.ariaExpanded, e.className]).join(), getComputedStyle(document.body).backgroundColor]""", part)

    def changes(self, use, part="body"):
        """Does it, and waits until the page has another look than before."""
        before = self.state(part)
        use()
        self.browser.wait(lambda: self.state(part) != before)

    def hit(self, selector):
        self.browser.click(self.browser.one(selector))

    def key(self, selector, *keys):
        """As after Tab has led there: no click."""
        self.browser.run("arguments[0].focus()", self.browser.one(selector))
        self.browser.press(*keys)

    def use_radio(self, name, value):
        choices = [button.get_attribute("value") for button in self.browser.all(f"input[name={name}]")]
        chosen = lambda: self.browser.run(f"return document.querySelector('input[name={name}]:checked').value")
        before = choices[choices.index(value) - 1]
        self.browser.choose(name, before)
        self.changes(lambda: self.browser.choose(name, value), "#flame")
        self.changes(lambda: self.browser.choose(name, before), "#flame")
        self.changes(lambda: self.key(f"input[name={name}][value={before}]", Keys.ARROW_RIGHT), "#flame")
        self.assertEqual(chosen(), value)

    def use_toggle(self, selector, part, key=None):
        """What one use switches the next switches back; then once more, for what may come with it."""
        first = self.state(part)
        self.changes(lambda: self.hit(selector), part)
        self.changes(lambda: self.key(selector, key or Keys.SPACE), part)
        ActionChains(self.browser.driver).move_to_element(self.browser.one("h1")).perform()
        self.browser.run("scrollTo(0, 0)")
        self.browser.wait(lambda: self.state(part)[:2] == first[:2] and self.state(part)[3:] == first[3:])
        self.hit(selector)

    def use_button(self, selector, part):
        self.changes(lambda: self.hit(selector), part)
        self.changes(lambda: self.key(selector, Keys.ENTER), part)

    def use_field(self, selector, part):
        self.hit(selector)
        self.assertTrue(self.browser.run("return document.activeElement.matches(arguments[0])", selector))
        self.changes(lambda: self.browser.press("1"), part)
        self.changes(lambda: self.browser.press(Keys.ESCAPE), part)
        self.assertEqual(self.browser.one(selector).get_attribute("value"), "")

    def use_select(self, selector):
        values = [option.get_attribute("value") for option in self.browser.all(f"{selector} option")]
        now = self.browser.one(selector).get_attribute("value")
        for value in [value for value in values if value != now] + [now]:
            self.browser.select(selector, value)
            self.assertEqual(self.browser.one(selector).get_attribute("value"), value)
        self.browser.select(selector, values[0])
        self.changes(lambda: self.key(selector, Keys.ARROW_DOWN))
        self.assertEqual(self.browser.one(selector).get_attribute("value"), values[1])
        self.browser.select(selector, now)

    def use_link(self, target):
        seen = lambda: self.browser.run("""const box = document.getElementById(arguments[0]).getBoundingClientRect();
            return location.hash === '#' + arguments[0] && box.top < innerHeight && box.bottom > 0""", target)
        away = lambda: self.browser.run("history.replaceState(null, '', ' '); scrollTo(0, 0)")
        for use in (lambda: self.browser.one(f"nav a[href='#{target}']").click(), lambda: self.key(f"nav a[href='#{target}']", Keys.ENTER)):
            away()
            self.assertFalse(seen())
            use()
            self.browser.wait(seen)

    def use_reset(self):
        for use in (lambda: self.hit("#flame-reset"), lambda: self.key("#flame-reset", Keys.ENTER)):
            self.assertFalse(self.browser.one("#flame-reset").is_enabled())
            self.hit(".frame[aria-level='3']")
            self.browser.wait(lambda: self.browser.one("#flame-reset").is_enabled())
            self.changes(use, "#flame")

    def use_graph(self):
        frame = ".frame[aria-level='2']"
        self.changes(lambda: ActionChains(self.browser.driver).move_to_element(self.browser.one(frame)).perform(), "#flame")
        self.changes(lambda: self.hit(frame), "#flame")
        self.key(".graph [tabindex='0']", Keys.ESCAPE)
        self.browser.wait(lambda: not self.browser.one("#flame-reset").is_enabled())
        focused = lambda: self.browser.run("return document.activeElement.ariaLabel")
        for pressed in (Keys.ARROW_DOWN, Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.ARROW_UP, Keys.ARROW_DOWN, Keys.HOME):
            before = focused()
            self.browser.press(pressed)
            self.browser.wait(lambda: focused() != before)
        for zooms_in in (Keys.ENTER, Keys.SPACE):
            self.browser.press(Keys.ARROW_DOWN)
            for pressed in (zooms_in, Keys.ESCAPE):
                self.changes(lambda: self.key(".graph [tabindex='0']", pressed), "#flame")

    def use_more(self, part):
        rows = lambda: len(self.browser.all(f"#{part} tbody tr"))
        for use in (lambda: self.hit(f"#{part} .more"), lambda: self.key(f"#{part} .more", Keys.ENTER)):
            before = rows()
            use()
            self.browser.wait(lambda: rows() == before + 100)

    def use_points(self, course):
        """The frame in which the table of points scrolls."""
        self.hit(f"{course} summary")
        self.browser.wait(lambda: self.browser.all(f"{course} .points-frame"))
        frame = self.browser.one(f"{course} .points-frame")
        top = lambda: self.browser.run("return arguments[0].scrollTop", frame)
        self.browser.run("arguments[0].scrollIntoView({block: 'center'})", frame)
        ActionChains(self.browser.driver).scroll_from_origin(ScrollOrigin.from_element(frame), 0, 200).perform()
        self.browser.wait(lambda: top() > 100)
        self.key(f"{course} .points-frame", Keys.END)
        self.browser.wait(lambda: self.browser.run("return arguments[0].scrollHeight - arguments[0].scrollTop - arguments[0].clientHeight < 2", frame))

    def use_plot(self, course):
        """A plot, by the mouse alone: its buttons and its table are there for the keyboard."""
        over = self.browser.one(f"{course} .u-over")
        self.browser.run("arguments[0].scrollIntoView({block: 'center'})", over)
        mouse = lambda: ActionChains(self.browser.driver)
        self.changes(lambda: mouse().move_to_element(over).perform(), course)
        self.changes(lambda: mouse().move_to_element_with_offset(over, -200, 0).click_and_hold().move_by_offset(150, 0).release().perform(), course)
        closer = self.state(course)[3]
        mouse().double_click(over).perform()
        self.browser.wait(lambda: self.state(course)[3] != closer)


def _course(name):
    return ".course:nth-of-type(1)" if name == "host" else ".course:nth-of-type(2)"


# What a control is called in FIND -> how it is used.
USES = {
    r"(metric|memory|unit)=(\w+)": lambda case, name, value: case.use_radio(name, value),
    r"#inverted": lambda case: case.use_toggle("#inverted", "#flame"),
    r"#all-options": lambda case: case.use_toggle("#all-options", "#options"),
    r"#(flame)-search": lambda case, part: case.use_field(f"#{part}-search", f"#{part}"),
    r"#leak-filter": lambda case: case.use_field("#leak-filter", "#leaks"),
    r"#process-filter": lambda case: case.use_field("#process-filter", "#processes"),
    r"#theme": lambda case: case.use_select("#theme"),
    r"#leak-class": lambda case: case.use_select("#leak-class"),
    r"#flame-reset": lambda case: case.use_reset(),
    r"link #(\w+)": lambda case, target: case.use_link(target),
    r"(leaks|processes) sort (\w+)": lambda case, part, column: case.use_button(f"#{part} th.cell-{column} button", f"#{part}"),
    r"(leaks|processes) button.more": lambda case, part: case.use_more(part),
    r"leaks button.open": lambda case: case.use_toggle("#leaks .open", "#leaks", Keys.ENTER),
    r"flame div.(graph|frame)": lambda case, _: case.use_graph(),
    r"timeline (host|device) line (\w+)": lambda case, course, line: case.use_toggle(f"{_course(course)} [data-line={line}]", _course(course)),
    r"timeline (host|device) summary": lambda case, course: case.use_toggle(f"{_course(course)} summary", _course(course), Keys.ENTER),
    r"timeline (host|device) div.points-frame": lambda case, course: case.use_points(_course(course)),
    r"timeline (host|device) div.u-(?:over|wrap)": lambda case, course: case.use_plot(_course(course)),
    r"errors summary": lambda case: case.use_toggle("#errors summary", "#errors", Keys.ENTER),
}


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Controls(Uses):
    def controls(self):
        self.browser.settle()
        found = self.browser.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": FIND, "includeCommandLineAPI": True, "returnByValue": True})
        self.assertNotIn("exceptionDetails", found)
        return found["result"]["value"]

    def use(self, control):
        """The pattern by which it was used."""
        fitting = [(pattern, re.fullmatch(pattern, control)) for pattern in USES if re.fullmatch(pattern, control)]
        self.assertEqual(len(fitting), 1, f"{control}: a control that no test uses")
        pattern, match = fitting[0]
        USES[pattern](self, *match.groups())
        return pattern

    def test_every_control_is_used(self):
        pages = {"everything": _everything(), "large": large_report(400), "ranks": _many_ranks(self.folder), **{name: None for name in GOLDEN_PAGES}}
        used, patterns = set(), set()
        for page, report in pages.items():
            self.open(page, report)
            waiting = [control for control in self.controls() if control not in used]
            while waiting:
                control = waiting.pop(0)
                with self.subTest(page=page, control=control):
                    used.add(control)
                    self.open(page, report)
                    patterns.add(self.use(control))
                    waiting += [new for new in self.controls() if new not in used and new not in waiting]  # that came with it
            self.assertEqual(self.browser.complaints(), [])
        self.assertEqual(sorted(set(USES) - patterns), [], "no page has these")
        self.assertGreater(len(used), 50)


if __name__ == "__main__":
    unittest.main()
