"""The programs tests/programs/leak_* have the leaks that their first lines state: with both compilers, at -O0 and -O2.

Each block counts in the class that Weir gives it; and a function's name must not deny the class of its blocks (tests/run/leak_programs.py).
The first lines themselves are checked against Valgrind.
"""

import concurrent.futures
import os
import pathlib
import shutil
import tempfile
import unittest

import leak_programs
from weir_test import simulated_driver

PROGRAMS = leak_programs.all_programs()
WORKERS = min(8, os.cpu_count() or 1)
# To Valgrind a stale word below main's frame holds a block, be it by chance: which words are there, each environment changes.
VALGRIND_PADDINGS = ("", "x" * 100, "x" * 1000)


def variants(program):
    return [(compiler, level) for compiler in program.compilers for level in leak_programs.LEVELS]


def problem(program, found):
    """What is wrong with what was found, or None."""
    if found.classes != program.of_weir:
        return (f"{leak_programs.show(found.classes)} instead of {leak_programs.show(program.of_weir)}; "
                f"by function: { {name: sorted(kinds) for name, kinds in found.functions.items()} }")
    return "; ".join(found.misnamed()) or None if program.of_weir == program.expected else None


class Programs(unittest.TestCase):
    """One test for each program; all are built and run side by side, by the first test that asks."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-leaks-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.pool = concurrent.futures.ThreadPoolExecutor(WORKERS)
        cls.addClassCleanup(cls.pool.shutdown, True, cancel_futures=True)
        cls.outcomes = {}

    def outcome(self, program, compiler, level):
        """What is wrong, None where nothing is; the next programs' are begun meanwhile."""
        place = PROGRAMS.index(program)
        for ahead in PROGRAMS[place:place + 4 * WORKERS]:
            for variant in variants(ahead):
                if (ahead.name, *variant) not in self.outcomes:
                    self.outcomes[ahead.name, *variant] = self.pool.submit(self.run_one, ahead, *variant)
        return self.outcomes[program.name, compiler, level].result()

    @classmethod
    def run_one(cls, program, compiler, level):
        try:
            words = leak_programs.build(program, compiler, level, cls.folder / (compiler + level))
            return problem(program, leak_programs.under_weir(program, words)[0])
        except (leak_programs.Failed, AssertionError) as error:
            return str(error)

    def check(self, program):
        if program.needs_device and simulated_driver() is None:
            self.skipTest("no CUDA toolkit: there is no simulated driver")
        for compiler, level in variants(program):
            with self.subTest(f"{compiler} {level}"):
                wrong = self.outcome(program, compiler, level)
                self.assertIsNone(wrong, f"{program.path.name}, {compiler} {level}: {wrong}")


class FirstLines(unittest.TestCase):
    """What the programs say of themselves is what Valgrind says, or they tell why not."""

    @unittest.skipUnless(shutil.which("valgrind"), "no valgrind")
    def test_valgrind_agrees(self):
        with tempfile.TemporaryDirectory(prefix="weir-leaks-") as name:
            def run_one(program):
                words = leak_programs.build(program, program.compilers[0], "-O0", pathlib.Path(name))
                for padding in VALGRIND_PADDINGS:
                    found = leak_programs.under_valgrind(program, words, {"PADDING": padding}).classes
                    if found == program.valgrinds[0]:
                        break
                return found

            with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
                compared = [program for program in PROGRAMS
                            if not program.needs_device and program.valgrinds[0] is not None]
                for program, found in zip(compared, pool.map(run_one, compared)):
                    with self.subTest(program.name):
                        self.assertEqual(leak_programs.show(found), leak_programs.show(program.valgrinds[0]))
        self.assertGreater(len(compared), 80)

    def test_a_first_line_without_classes_is_refused(self):
        for line in ("// A list.", "// A list: definite 1.", "// A list: lost 1 x 16.", "// A list: definite 1 x 16"):
            with self.subTest(line), tempfile.NamedTemporaryFile("w", suffix=".c") as file:
                file.write(line + "\nint main(void) { return 0; }\n")
                file.flush()
                with self.assertRaises(leak_programs.Malformed):
                    leak_programs.read(pathlib.Path(file.name))


def add_tests():
    for program in PROGRAMS:
        def test(self, program=program):
            self.check(program)
        setattr(Programs, f"test_{program.name.removeprefix('leak_')}", test)


add_tests()

if __name__ == "__main__":
    unittest.main(verbosity=2)
