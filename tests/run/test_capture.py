"""Every stack that Weir captures equals libunwind's: on torture programs, python3, git and node; see test_capture_programs.py."""

import shutil
import tempfile
import unittest

import weir_test
from capture_comparison import CaptureComparison

LEAST_SPLICED = 1_000_000
LEAST_RECALLED = 100_000  # found whole among the recent stacks; these count as spliced, too
LEAST_PLAIN = 10_000  # walked without remembering, where stacks do not repeat

PYTHON_WORK = """
import json, re, collections
table = collections.defaultdict(list)
for i in range(6000):
    text = json.dumps({"number": i, "words": ["word%d" % (i % 17)] * (i % 5), "nested": {"a": [i, str(i)]}})
    table[i % 13].append(sorted(json.loads(text).items(), key=lambda pair: pair[0]))
    re.sub(r"(\\d+)", lambda found: "<" + found.group(1) + ">", text)
print(sum(len(entries) for entries in table.values()))
"""


class CaptureEqualsLibunwind(CaptureComparison):
    def test_1_torture(self):
        totals = self.compare([weir_test.program("capture_torture"), "8"])
        self.assertGreaterEqual(totals["truncated"], 1)  # the recursion deeper than WEIR_STACK_DEPTH
        self.assertLessEqual(totals["truncated"], 100)

    def test_1_unlike(self):
        for stacks in ("7", "300"):  # they repeat often, now and then, in any order
            totals = self.compare([weir_test.program("capture_unlike"), "20000", stacks])
            self.assertGreaterEqual(totals["recalled"], 15_000)
        totals = self.compare([weir_test.program("capture_unlike"), "40000", "1000000000"])  # never
        self.assertGreaterEqual(totals["plain"], 20_000)

    def test_2_python(self):
        self.compare([weir_test.system_python(), "-c", PYTHON_WORK], env={"PYTHONMALLOC": "malloc"})

    def test_3_git(self):
        with tempfile.TemporaryDirectory() as folder:
            weir_test.make_git_repository(folder)
            self.compare(["git", "log", "-p", "--stat"], cwd=folder, env={"HOME": folder, "GIT_CONFIG_NOSYSTEM": "1"})

    @unittest.skipUnless(shutil.which("node"), "needs node")
    def test_3_node(self):
        """An executable that is not one contiguous mapping, and generated code with frame pointers."""
        script = "let a = []; for (let i = 0; i < 5000; i++) a.push({i, s: 'q' + i}); JSON.stringify(a)"
        totals = self.compare(["node", "-e", script])
        self.assertLessEqual(totals["truncated"], totals["captures"] // 100)

    def test_4_enough(self):
        """All together; named so that it runs after them."""
        print(f"all: {self.sums}")
        self.assertGreaterEqual(self.sums["compared_spliced"], LEAST_SPLICED)
        self.assertGreaterEqual(self.sums["compared_recalled"], LEAST_RECALLED)
        self.assertGreaterEqual(self.sums["compared_plain"], LEAST_PLAIN)


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
