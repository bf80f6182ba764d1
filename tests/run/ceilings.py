"""Files of bench/ that bound counts of instructions: on each line a name, which may be several words, and the most that is allowed."""

import math
import pathlib
import sys
import unittest

import weir_test


class Ceilings:
    """One such file, held by the test that makes this, whose --update writes it. Names of several words are joined by slashes."""

    def __init__(self, name, head):
        self.path = weir_test.REPOSITORY / "bench" / name
        self.head = head
        self.test = pathlib.Path(sys.argv[0]).name

    def read(self):
        lines = [line.split() for line in self.path.read_text().splitlines() if line and not line.startswith("#")]
        return {"/".join(words): int(ceiling) for *words, ceiling in lines}

    def check(self, case, found):
        """found: {name: instructions a pair}, of exactly those in the file."""
        allowed = self.read()
        case.assertEqual(sorted(allowed), sorted(found), f"{self.path.name} lists other cases")
        for name, count in found.items():
            with case.subTest(name):
                case.assertLessEqual(count, allowed[name],
                                     f"{name}: {count:.0f} instructions a pair, {allowed[name]} allowed "
                                     f"(bench/{self.path.name}; if it must be: {self.test} --update)")

    def update(self, found, room_of):
        """Writes what was found, each times its room_of(name)."""
        lines = [f"{name.replace('/', ' ')} {math.ceil(count * room_of(name))}\n" for name, count in found.items()]
        self.path.write_text(self.head + "".join(lines))
        print("".join(lines), end="")

    def main(self, count, room_of):
        """The test's own main: count() gives what update() takes."""
        if sys.argv[1:] == ["--update"]:
            self.update(count(), room_of)
        else:
            unittest.main(verbosity=2)
