"""A malloc+free pair under Weir costs no more instructions than bench/instruction_ceilings.txt allows.

Counted by valgrind's callgrind, whose counts repeat on any machine. To set new ceilings after a change worth it:
    python3 tests/run/test_instruction_counts.py --update
"""

import concurrent.futures
import dataclasses
import math
import os
import pathlib
import sys
import unittest

from weir_test import REPOSITORY, build_dir, library

sys.path.insert(0, str(REPOSITORY / "bench"))
import instructions  # noqa: E402
import tools  # noqa: E402

CEILINGS = REPOSITORY / "bench" / "instruction_ceilings.txt"
ROOM = 1.03  # what another compiler's version may add
ROOM_OF_MANY_STACKS = 1.08  # which of them share a place in a cache, see instructions.PLACES_OF_THE_STACK
HEAD = """# Instructions of one malloc+free pair of 100 bytes under Weir, at most: shape of the stacks (bench/stack_shapes.h),
# depth in frames, instructions; sampled and pool stand for the stacks' shape where they do not matter. Held by
# tests/run/test_instruction_counts.py; its --update writes what it measures, and 3 %, or 8 % where stacks change.
"""
UNTRACKED = {"sampled": "weir-sampled", "pool": "weir-pool"}


def counts():
    """{"shape/depth": instructions a pair}."""
    by_name = {tool.name: tool for tool in tools.all_tools(library())}
    # Which blocks a sampling run draws, and so whose stacks it takes, differs from run to run: here it draws none.
    sampled = by_name["weir-sampled"]
    by_name["weir-sampled"] = dataclasses.replace(sampled, variables=sampled.variables | {"WEIR_SAMPLE": "1TiB"})
    program = build_dir() / "bench" / "counted"
    wanted = [(shape, depth, "weir-exact", shape) for shape, depth in instructions.PAIRS]
    wanted += [(name, 20, tool, "same") for name, tool in UNTRACKED.items()]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {f"{name}/{depth}": pool.submit(instructions.of_pair, program, by_name[tool], shape, depth)
                for name, depth, tool, shape in wanted}
        return {name: job.result() for name, job in jobs.items()}


def ceilings():
    lines = [line.split() for line in CEILINGS.read_text().splitlines() if line and not line.startswith("#")]
    return {f"{shape}/{depth}": int(ceiling) for shape, depth, ceiling in lines}


class InstructionCounts(unittest.TestCase):
    def test_pairs(self):
        allowed, found = ceilings(), counts()
        self.assertEqual(sorted(allowed), sorted(found), f"{CEILINGS.name} lists other cases")
        # No stack of 55 frames more is known without a look at each of them: that something is tracked at all.
        self.assertGreater(found["same/60"] - found["same/5"], 55)
        for name, count in found.items():
            with self.subTest(name):
                self.assertLessEqual(count, allowed[name],
                                     f"{name}: {count:.0f} instructions a pair, {allowed[name]} allowed "
                                     f"(bench/{CEILINGS.name}; if it must be: {pathlib.Path(__file__).name} --update)")


def update():
    rooms = {"inner": ROOM_OF_MANY_STACKS, "all": ROOM_OF_MANY_STACKS}
    lines = []
    for name, count in counts().items():
        shape, depth = name.split("/")
        lines.append(f"{shape} {depth} {math.ceil(count * rooms.get(shape, ROOM))}\n")
    CEILINGS.write_text(HEAD + "".join(lines))
    print("".join(lines), end="")


if __name__ == "__main__":
    if sys.argv[1:] == ["--update"]:
        update()
    else:
        unittest.main(verbosity=2)
