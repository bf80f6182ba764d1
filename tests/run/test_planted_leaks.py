"""Planted leaks are found exactly: bytes, count, function and line, through inlined frames and without frame pointers.

Each run makes other programs: WEIR_SEED repeats one. Whatever else a report lists must be a known allocation of a runtime.
"""

import collections
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import leak_generator
from weir_test import call_sites, program, run_under_weir, stack_frames, symbolise

SEED = int(os.environ.get("WEIR_SEED") or random.SystemRandom().randrange(10**9))

COMPILERS = {"c": ["gcc", "clang"], "cpp": ["g++", "clang++"]}

# What the C and C++ runtimes keep until the process ends, by a function on the stack or by the module that asked.
RUNTIME_ALLOCATIONS = [
    ("function", r"^_IO_file_doallocate", "the buffer of stdout"),
    ("function", r"^(_dl_allocate_tls|allocate_dtv|_dl_update_slotinfo|__tls_get_addr|_dl_resize_scopes)",
     "a thread's local storage, kept with its stack for the next thread"),
    ("module", r"/libstdc\+\+\.so", "libstdc++'s emergency pool for exceptions"),
    ("module", r"/ld-linux", "the loader's own tables"),
]


def runtime_allocation(report, leak):
    """Which listed runtime allocation a leak is, or None."""
    for frame in stack_frames(report, leak["stack"]):
        module = frame.get("module")
        path = report["modules"][module]["path"] if module is not None else ""
        for kind, pattern, name in RUNTIME_ALLOCATIONS:
            if re.search(pattern, (frame.get("function") or "") if kind == "function" else path):
                return name
    return None


def plain_name(function):
    """A function's name without scope, arguments, template arguments and the compiler's clone suffixes."""
    name = re.sub(r"<.*>|\(.*\)| const$|\.(constprop|isra|part|cold).*$", "", function or "")
    return name.split("::")[-1].split(" ")[-1]


class PlantedLeaks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"seed: WEIR_SEED={SEED}", file=sys.stderr, flush=True)
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-planted-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)

    def find_planted(self, language, compiler, optimisation):
        planted = leak_generator.generate(SEED, language == "cpp")
        source = self.folder / f"planted.{language}"
        source.write_text(planted.source)
        binary = self.folder / f"planted-{compiler}{optimisation}"
        standard = ["-std=c++17"] if language == "cpp" else ["-D_GNU_SOURCE"]
        subprocess.run([compiler, "-g", optimisation, "-fomit-frame-pointer", "-w", *standard, "-o", binary, source,
                        "-pthread"], check=True)
        result = run_under_weir([binary])
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"planted\n", b""))
        self.check_report(symbolise(result.report_texts[0]), planted, source.name)

    def check_report(self, report, planted, source):
        by_line = {plant.line: plant for plant in planted.plants}
        found = {}
        for leak in report["leaks"]:
            if leak["memory"] != "host":
                continue
            self.assertNotEqual(leak["kind"], "live")
            sites = call_sites(report, leak["stack"])
            own = [site for site in sites if site[1] and os.path.basename(site[1]) == source]
            plant = by_line.get(own[0][2]) if own else None
            if plant is None or plain_name(own[0][0]) != plant.function:
                self.assertIsNotNone(runtime_allocation(report, leak), f"neither planted nor a runtime's: {leak}\n{sites}")
                continue
            chain = [(plain_name(function), line) for function, _, line in own[:len(plant.chain)]]
            self.assertEqual(chain, plant.chain, f"plant {plant.number} ({plant.form})")
            bytes_, count, threads = found.get(plant.number, (0, 0, set()))
            found[plant.number] = (bytes_ + leak["bytes"], count + leak["count"],
                                   threads | {thread["id"] for thread in leak["threads"]})
        for plant in planted.plants:
            self.assertIn(plant.number, found, f"plant {plant.number} ({plant.form}, line {plant.line}) is missing")
            bytes_, count, threads = found[plant.number]
            self.assertEqual((bytes_, count), (plant.total_bytes, plant.count),
                             f"bytes and count of plant {plant.number} ({plant.form}, line {plant.line})")
            self.assertEqual(len(threads), 1, f"threads of plant {plant.number}")

    def test_many_leaks_of_few_stacks_give_a_small_report(self):
        result = run_under_weir([program("leaks_million")], timeout=300)
        self.assertEqual(result.returncode, 0)
        self.assertLess(len(result.report_texts[0]), 100_000)
        mine = collections.Counter()
        for leak in result.report["leaks"]:
            mine[leak["bytes"] // leak["count"]] += leak["count"]
        self.assertEqual({size: mine[size] for size in range(8, 88, 8)}, dict.fromkeys(range(8, 88, 8), 100_000))
        self.assertEqual(result.report["leak_check"]["kinds"]["reachable"]["count"], 1)  # the last one
        self.assertGreaterEqual(result.report["host"]["totals"]["live_count"], 1_000_000)


def add_tests():
    for language, compilers in COMPILERS.items():
        for compiler in compilers:
            for optimisation in ("-O0", "-O2"):
                def test(self, language=language, compiler=compiler, optimisation=optimisation):
                    self.find_planted(language, compiler, optimisation)
                name = f"test_{compiler}{optimisation}".replace("+", "x").replace("-", "_")
                setattr(PlantedLeaks, name, test)


add_tests()

if __name__ == "__main__":
    unittest.main(verbosity=2)
