"""Runs the measuring programs alone and under Weir in its modes, in turns, and puts their figures together."""

import json
import statistics

import modes
from steps import Failed

# Programs whose rows are answers of the driver, and the modes in which they must be the same.
ANSWERS = {"capture_matrix": modes.ALL, "ipc_reuse": modes.WITH_HANDLES, "rounding": (modes.ALONE, modes.TRACK)}
# Programs whose rows have times: in which modes, and for how many seconds at most rounds are begun.
TIMED = {"loops": (modes.ALL, 40), "churn": (modes.ALL, 30), "call_times": (modes.ALL, 40),
         "context_event": ((modes.ALONE, modes.TRACK), 10), "pinned_cost": (modes.ALL, 20),
         "host_copies": (modes.OF_HOST_BLOCKS, 20)}


def rows_of(done):
    if done.returncode != 0:
        raise Failed(f"it ends with {done.returncode}: {done.last_words()}")
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise Failed(f"what it prints is no JSON: {done.stdout[:200]!r}") from None


class Measuring:
    """timeout(): of the next run, in seconds."""

    def __init__(self, library, variables, timeout):
        self.library, self.variables, self.timeout = library, variables, timeout

    def done(self, mode, argv):
        return modes.run(self.library, mode, argv, self.variables, self.timeout())

    def once(self, mode, argv):
        try:
            return rows_of(self.done(mode, argv))
        except Failed as failed:
            raise Failed(f"{modes.TITLES[mode]}: {failed}") from None

    def answers(self, argv, of):
        """{"alone": what it prints, "comparable", "same": {mode: bool}, "different": {mode: pairs of rows}}; of: the modes, alone the
        first."""
        alone, rows = self.once(modes.ALONE, argv), {mode: self.once(mode, argv) for mode in of[1:]}
        same = {mode: rows[mode] == alone for mode in rows}
        # What changes each time, alone too, is nothing to compare.
        comparable = all(same.values()) or self.once(modes.ALONE, argv) == alone
        return {"alone": alone, "comparable": comparable, "same": same if comparable else {},
                "different": {mode: pairs(alone, rows[mode]) for mode in rows if rows[mode] != alone}}

    def times(self, argv, of, rounds, seconds, left_s):
        """{"modes", "rounds", "rows"}; each time is the median over the rounds, for each mode. No round begins when so many seconds
        are past: the next steps want their time too."""
        runs, first_left = [], left_s()
        while len(runs) < rounds and (not runs or first_left - left_s() < seconds):
            runs.append({mode: self.once(mode, argv) for mode in of})
        return {"modes": list(of), "rounds": len(runs), "rows": together(runs, of)}


def pairs(alone, other):
    if not isinstance(alone, list):
        return [[alone, other]]
    return [[one, two] for one, two in zip(alone, other) if one != two] or [[len(alone), len(other)]]


def is_time(name):
    return name.endswith("_ns") or name.endswith("_ns_per_mib")


def together(runs, of):
    """The rows of all rounds as one: what each is about, and {mode: median} for each time. What is not a time must be the same."""
    rows = []
    for index, first in enumerate(runs[0][of[0]]):
        row = {}
        for name, value in first.items():
            values = {mode: [run[mode][index][name] for run in runs] for mode in of}
            if is_time(name):
                row[name] = {mode: statistics.median(values[mode]) for mode in of}
                continue
            row[name] = value
            for mode, other in ((mode, one) for mode in of for one in values[mode] if one != value):
                raise Failed(f"{name} is {value!r} alone, {other!r} {'alone too' if mode == modes.ALONE else f'under Weir ({mode})'}")
        rows.append(row)
    return rows
