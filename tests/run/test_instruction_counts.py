"""A malloc+free pair under Weir costs no more instructions than bench/instruction_ceilings.txt allows.

Counted by valgrind's callgrind, whose counts repeat on any machine. To set new ceilings after a change worth it:
    python3 tests/run/test_instruction_counts.py --update
"""

import concurrent.futures
import dataclasses
import os
import sys
import unittest

import ceilings
from weir_test import REPOSITORY, build_dir, library

sys.path.insert(0, str(REPOSITORY / "bench"))
import instructions  # noqa: E402
import tools  # noqa: E402

ROOM = 1.03  # what another compiler's version may add
ROOM_OF_MANY_STACKS = 1.08  # which of them share a place in a cache, see instructions.PLACES_OF_THE_STACK
CEILINGS = ceilings.Ceilings("instruction_ceilings.txt", """# Instructions of one malloc+free pair of 100 bytes under Weir, at most: shape of the stacks (bench/stack_shapes.h),
# depth in frames, instructions; sampled and pool stand for the stacks' shape where they do not matter. Held by
# tests/run/test_instruction_counts.py; its --update writes what it measures, and 3 %, or 8 % where stacks change.
""")
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


class InstructionCounts(unittest.TestCase):
    def test_pairs(self):
        found = counts()
        # No stack of 55 frames more is known without a look at each of them: that something is tracked at all.
        self.assertGreater(found["same/60"] - found["same/5"], 55)
        CEILINGS.check(self, found)


def room_of(name):
    return ROOM_OF_MANY_STACKS if name.split("/")[0] in ("inner", "all") else ROOM


if __name__ == "__main__":
    CEILINGS.main(counts, room_of)
