"""Runs the measuring programs with Weir off and tracking, in turns, and puts their figures together."""

import json
import statistics

import programs
from steps import Failed

# The programs whose figures are times; the others' are answers of the driver.
TIMED = ("call_times", "context_event", "pinned_cost")


def rows_of(done):
    if done.returncode != 0:
        raise Failed(f"it ends with {done.returncode}: {done.last_words()}")
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise Failed(f"what it prints is no JSON: {done.stdout[:200]!r}") from None


class Measuring:
    def __init__(self, library, variables):
        self.library, self.variables = library, variables

    def once(self, tracked, argv, timeout):
        if tracked:
            return rows_of(programs.run_under_weir(self.library, argv, self.variables, timeout))
        return rows_of(programs.run(argv, self.variables, timeout))

    def answers(self, argv, timeout):
        """Of a program that asks the driver something: {"off", "tracked", "same"}; its answers must not change under Weir."""
        off = self.once(False, argv, timeout)
        tracked = self.once(True, argv, timeout)
        return {"off": off, "tracked": tracked, "same": off == tracked}

    def times(self, argv, timeout, rounds, left_s):
        """Of a program that measures: {"rounds", "rows"}; each time is the median over the rounds, off and tracked. No round
        begins when a third of the timeout is past: the next steps want their time too."""
        off, tracked, first_left = [], [], left_s()
        while len(off) < rounds and (not off or first_left - left_s() < timeout / 3):
            off.append(self.once(False, argv, timeout))
            tracked.append(self.once(True, argv, timeout))
        return {"rounds": len(off), "rows": [together(*rows) for rows in zip(zip(*off), zip(*tracked))]}


def is_time(name):
    return name.endswith("_ns") or name.endswith("_ns_per_mib")


def together(off, tracked):
    """One row of a program over all rounds: what it is about, and {"off", "tracked"} of every time."""
    row = {name: value for name, value in off[0].items() if not is_time(name)}
    for name in filter(is_time, off[0]):
        row[name] = {"off": statistics.median(one[name] for one in off),
                     "tracked": statistics.median(one[name] for one in tracked)}
    return row
