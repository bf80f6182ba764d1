"""Runs programs with every capture compared with libunwind's, and sums up what was compared."""

import os
import unittest

import weir_test

# What the report of one program says of its captures; see docs/report.md.
FIGURES = ["captures", "same", "recalled", "spliced", "plain", "walked", "compared", "compared_recalled",
           "compared_spliced", "compared_plain", "mismatches"]


class CaptureComparison(unittest.TestCase):
    """Base of tests; `sums` is of the whole class."""

    @classmethod
    def setUpClass(cls):
        cls.sums = dict.fromkeys(FIGURES, 0)

    def compare(self, argv, **keywords):
        """Runs argv with every capture compared, and returns the report's capture counters."""
        result = weir_test.run_under_weir(argv, weir_options={"DEBUG": "1"}, timeout=800, **keywords)
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
        for part, whole in (("compared_spliced", "spliced"), ("recalled", "spliced"), ("plain", "walked"),
                            ("compared_recalled", "recalled"), ("compared_plain", "plain")):
            self.assertLessEqual(totals[part], totals[whole], (part, whole))
        for name in FIGURES:
            type(self).sums[name] += totals[name]
        return totals
