"""Blocks that take known ways through a program have the class that follows: none missed, none wrongly accused.

Each run makes other programs (leak_flows.py): WEIR_SEED=N repeats those of a run, WEIR_FLOW_PROGRAMS=N says how many (300). The source of a
program that fails is kept.
"""

import concurrent.futures
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import leak_flows
import leak_programs
from weir_test import REPOSITORY, call_sites, run_under_weir, symbolise

SEED = int(os.environ.get("WEIR_SEED") or random.SystemRandom().randrange(10**9))
PROGRAMS = int(os.environ.get("WEIR_FLOW_PROGRAMS") or 300)
VARIANTS = [(language, compiler, level) for language in ("c", "cpp") for compiler in leak_programs.COMPILERS[language]
            for level in leak_programs.LEVELS]
STANDARD = {"c": "-std=gnu17", "cpp": "-std=gnu++17"}
HERE = REPOSITORY / "tests" / "run"


def flags(language, compiler, level):
    return [level, "-g1", "-pthread", STANDARD[language], *leak_programs.common_flags(compiler)]


def kinds_by_plant(report):
    """{plant: {class: (count, bytes)}} of a symbolised report: whose blocks were made by made_N, or a function made_N_ and more."""
    found = {}
    for leak in report["leaks"]:
        if leak["memory"] != "host":
            continue
        names = [site[0] or "" for site in call_sites(report, leak["stack"])]
        numbers = [match[1] for match in (re.match(r"made_(\d+)", name) for name in names) if match]
        if numbers:
            kinds = found.setdefault(int(numbers[0]), {})
            before = kinds.get(leak["kind"], (0, 0))
            kinds[leak["kind"]] = (before[0] + leak["count"], before[1] + leak["bytes"])
    return found


class Flows(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"seed: WEIR_SEED={SEED}", file=sys.stderr, flush=True)
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-flows-"))
        cls.addClassCleanup(cls.remove_folder)
        cls.kept = False
        cls.prepare()

    @classmethod
    def remove_folder(cls):
        """What failed stays; its sources are worth more than the room."""
        if cls.kept:
            print(f"kept: {cls.folder}", file=sys.stderr, flush=True)
        else:
            shutil.rmtree(cls.folder, ignore_errors=True)

    @classmethod
    def prepare(cls):
        """The two libraries that each program is given, and the header compiled once for each compiler and level."""
        source = cls.folder / "library.c"
        source.write_text(leak_flows.LIBRARY)
        for name in ("open.so", "closed.so"):
            leak_programs.compile_one(["gcc", "-O1", "-shared", "-fPIC", source, "-o", cls.folder / name])
        for language, compiler, level in VARIANTS:
            header = cls.header(language, compiler, level)
            header.parent.mkdir()
            header.write_text(f'#include "{HERE / "leak_flows.h"}"\n')
            kind = {"c": "c-header", "cpp": "c++-header"}[language]
            target = f"{header}.{'pch' if 'clang' in compiler else 'gch'}"
            leak_programs.compile_one([compiler, *flags(language, compiler, level), "-x", kind, header, "-o", target])

    @classmethod
    def header(cls, language, compiler, level):
        return cls.folder / f"{compiler}{level}" / "leak_flows.h"

    @classmethod
    def run_one(cls, seed, language, compiler, level):
        """What is wrong with the program of a seed: a list of sentences. A program without fault is removed."""
        planted = leak_flows.generate(seed, language == "cpp")
        source = cls.folder / f"{compiler}{level}" / f"flows-{seed}.{language}"
        source.write_text(planted.source)
        binary = source.with_suffix("")
        try:
            leak_programs.compile_one([compiler, *flags(language, compiler, level), "-include", cls.header(language, compiler, level),
                                       source, "-o", binary, "-ldl"])
            result = run_under_weir([binary, cls.folder / "open.so", cls.folder / "closed.so"])
            wrong = cls.faults(planted, result)
        except (leak_programs.Failed, AssertionError) as error:
            wrong = [str(error)]
        if not wrong:
            source.unlink()
        binary.unlink(missing_ok=True)
        return [f"{source}: {sentence}" for sentence in wrong]

    @classmethod
    def faults(cls, planted, result):
        if (result.returncode, result.stdout, result.stderr) != (0, b"planted\n", b"") or len(result.reports) != 1:
            return [f"ended with {result.returncode}, {len(result.reports)} reports: {result.stderr[-500:]!r}"]
        found = kinds_by_plant(symbolise(result.report_texts[0]))
        return [f"{plant}: {leak_programs.show(found.get(plant.number, {}), (*leak_programs.CLASSES, 'live'))} instead of "
                f"{leak_programs.show(plant.expected)}" for plant in planted.plants
                if found.get(plant.number, {}) != plant.expected]

    def test_none_is_missed_and_none_accused(self):
        jobs = [(SEED + number // len(VARIANTS), *VARIANTS[number % len(VARIANTS)]) for number in range(PROGRAMS)]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            outcomes = list(pool.map(lambda job: self.run_one(*job), jobs))
        wrong = [sentence for outcome in outcomes for sentence in outcome]
        type(self).kept = bool(wrong)
        said = f"WEIR_SEED={SEED}: {sum(map(bool, outcomes))} of {PROGRAMS} programs; sources are kept in {self.folder}"
        self.assertFalse(wrong, "\n".join([said, *wrong[:40]]))


class Generator(unittest.TestCase):
    def test_a_seed_gives_one_program(self):
        self.assertEqual(leak_flows.generate(5, True), leak_flows.generate(5, True))
        self.assertNotEqual(leak_flows.generate(5, True).source, leak_flows.generate(6, True).source)

    def test_every_flow_is_drawn(self):
        for cpp in (False, True):
            drawn = {(plant.flow.name, plant.flow.way) for seed in range(100) for plant in leak_flows.generate(seed, cpp).plants}
            listed = {(flow.name, flow.way) for flow in leak_flows.FLOWS if cpp or not flow.cpp}
            self.assertEqual(listed - drawn, set())


if __name__ == "__main__":
    unittest.main(verbosity=2)
