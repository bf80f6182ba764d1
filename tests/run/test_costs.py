"""Weir's own costs stay within their bounds: the start and end of `true`, and a thousand idle threads."""

import sys
import unittest

from weir_test import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "bench"))
import costs  # noqa: E402

START_MS, START_MB = 5, 4
REPORT_MS = 10
THREADS_MB = 32


class Costs(unittest.TestCase):
    def test_start(self):
        start = costs.measure_start()
        print(start, file=sys.stderr)
        alone, off, report = start["alone"], start["report_off"], start["report"]
        self.assertLessEqual(off["ms"] - alone["ms"], START_MS)
        self.assertLessEqual(off["peak_rss_mb"] - alone["peak_rss_mb"], START_MB)
        self.assertLessEqual(report["ms"] - alone["ms"], REPORT_MS)

    def test_idle_threads(self):
        threads = costs.measure_idle_threads(rounds=3)
        print(threads, file=sys.stderr)
        self.assertLessEqual(threads["weir_rss_mb"] - threads["mimalloc_rss_mb"], THREADS_MB)


if __name__ == "__main__":
    unittest.main(verbosity=2)
