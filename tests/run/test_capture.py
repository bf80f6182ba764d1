"""Every stack that Weir captures equals libunwind's: on the torture program, python3 and git, at least a million spliced ones."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import weir_test

LEAST_SPLICED = 1_000_000


def make_repository(folder):
    """A git repository with some history, for git to read."""
    environment = {**os.environ, "HOME": folder, "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*arguments):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments], cwd=folder,
                       env=environment, check=True, stdout=subprocess.DEVNULL)

    git("init", "-q")
    for number in range(30):
        for name in range(5):
            lines = [f"line {line} of file {name}, change {number if line % 7 == number % 7 else 0}\n" for line in range(200)]
            pathlib.Path(folder, f"file{name}.txt").write_text("".join(lines))
        git("add", ".")
        git("commit", "-q", "-m", f"Change {number}")


PYTHON_WORK = """
import json, re, collections
table = collections.defaultdict(list)
for i in range(6000):
    text = json.dumps({"number": i, "words": ["word%d" % (i % 17)] * (i % 5), "nested": {"a": [i, str(i)]}})
    table[i % 13].append(sorted(json.loads(text).items(), key=lambda pair: pair[0]))
    re.sub(r"(\\d+)", lambda found: "<" + found.group(1) + ">", text)
print(sum(len(entries) for entries in table.values()))
"""


class CaptureEqualsLibunwind(unittest.TestCase):
    spliced = 0

    def compare(self, argv, **keywords):
        """Runs argv with every capture compared, and returns the report's capture counters."""
        result = weir_test.run_under_weir(argv, weir_options={"DEBUG": "1"}, timeout=600, **keywords)
        self.assertEqual(result.returncode, 0, result.stderr[-3000:])
        self.assertGreaterEqual(len(result.reports), 1)
        totals = {}
        for report in result.reports:
            for name, value in report["host"]["capture"].items():
                totals[name] = totals.get(name, 0) + value
        print(f"{os.path.basename(str(argv[0]))}: {totals}")
        self.assertEqual(totals["mismatches"], 0, result.stderr[-3000:])
        # Each capture is compared, unless libunwind could not be asked.
        self.assertGreaterEqual(totals["compared"], 0.99 * totals["captures"])
        self.assertEqual(totals["captures"], totals["same"] + totals["spliced"] + totals["walked"])
        self.assertLessEqual(totals["compared_spliced"], totals["spliced"])
        type(self).spliced += totals["compared_spliced"]
        return totals

    def test_1_torture(self):
        totals = self.compare([weir_test.program("capture_torture"), "8"])
        self.assertGreaterEqual(totals["truncated"], 1)  # the recursion deeper than WEIR_STACK_DEPTH
        self.assertLessEqual(totals["truncated"], 100)

    def test_2_python(self):
        self.compare([weir_test.system_python(), "-c", PYTHON_WORK], env={"PYTHONMALLOC": "malloc"})

    def test_3_git(self):
        with tempfile.TemporaryDirectory() as folder:
            make_repository(folder)
            self.compare(["git", "log", "-p", "--stat"], cwd=folder, env={"HOME": folder, "GIT_CONFIG_NOSYSTEM": "1"})

    @unittest.skipUnless(shutil.which("node"), "needs node")
    def test_3_node(self):
        """An executable that is not one contiguous mapping, and generated code with frame pointers."""
        script = "let a = []; for (let i = 0; i < 5000; i++) a.push({i, s: 'q' + i}); JSON.stringify(a)"
        totals = self.compare(["node", "-e", script])
        self.assertLessEqual(totals["truncated"], totals["captures"] // 100)

    def test_4_enough(self):
        """All together; named so that it runs after them."""
        self.assertGreaterEqual(type(self).spliced, LEAST_SPLICED)


class CaptureSettings(unittest.TestCase):
    def test_stack_depth_keeps_the_innermost_frames(self):
        result = weir_test.run_under_weir([weir_test.program("capture_torture"), "0"], weir_options={"STACK_DEPTH": "5"})
        self.assertEqual(result.returncode, 0, result.stderr)
        depths = [sum(not frame.get("truncated") for frame in weir_test.stack_frames(result.report, stack))
                  for stack in range(len(result.report["stacks"]))]
        self.assertGreater(len(depths), 0)
        self.assertLessEqual(max(depths), 5)
        self.assertGreater(result.report["host"]["capture"]["truncated"], 0)


if __name__ == "__main__":
    unittest.main()
