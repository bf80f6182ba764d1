"""Holds Weir's pools of CUDA's memory against the driver on the device itself: is memory given out early, is a capture spoilt, is
there always room. Each function takes a Measuring (measures.py) and where a program is, and returns what is kept in the results."""

import json

import modes
from steps import Failed, Skip

WRONG = ("changed", "spoiled")
TRACE_OPERATIONS, TRACE_SEED = 2000, 1
TRACE_PERCENTS = (95, 90, 80)  # of the device: as much as the driver alone has room for
DIFFERENTIAL_SEEDS, DIFFERENTIAL_CALLS = (1, 2, 3), 1000


def said_of(done, mode):
    """The object that a program prints as its last line."""
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        raise Failed(f"{modes.TITLES[mode]}: it ends with {done.returncode}: {done.last_words()}") from None


# ---- memory that is given out early ----

def way_of(row):
    return f"{row['way']}, {row['memory']}"


def is_wrong(row):
    return any(row[name] for name in WRONG)


def never_early(measuring, program):
    """{"ways", "unseen", "left_out", "modes": {mode: {"allocations", "reused", "changed", "spoiled"}}, "wrong": rows}. ways: those in
    which the program tells that it reuses memory early itself; of the others (unseen) it shows nothing. Left out is where the driver
    alone is wrong."""
    control = measuring.once(modes.ALONE, [program, "3", "early"])
    found = {mode: measuring.once(mode, [program]) for mode in modes.ALL}
    left_out = [way_of(row) for row in found[modes.ALONE] if is_wrong(row)]
    ways = [way_of(row) for row in control if is_wrong(row) and way_of(row) not in left_out]
    unseen = [way_of(row) for row in control if not is_wrong(row)]
    result = {"ways": ways, "unseen": unseen, "left_out": left_out, "modes": {}, "wrong": []}
    for mode in modes.ALL:
        rows = [row for row in found[mode] if way_of(row) not in left_out]
        result["modes"][mode] = {name: sum(row[name] for row in rows) for name in ("allocations", "reused", *WRONG)}
        result["wrong"] += [{"mode": mode} | row for row in rows if is_wrong(row)]
    return result


def judge_never_early(result):
    if not result["ways"]:
        raise Failed("it does not see memory that is reused early: it shows nothing")
    if result["wrong"]:
        first = result["wrong"][0]
        raise Failed(f"memory was given out early: {first['mode']}, {first['way']}, {first['memory']}")


# ---- captures ----

def captures(measuring, program):
    """{"same": {mode: bool}, "different": {mode: pairs of lines}, "race": {mode: {"spoilt", "refused", ...}}}"""
    lines = {mode: capture_lines(measuring, program, mode) for mode in modes.ALL}
    alone = lines[modes.ALONE]
    race = {mode: said_of(measuring.done(mode, [program, "race"]), mode) for mode in modes.ALL}
    return {"cells": len(alone), "same": {mode: lines[mode] == alone for mode in modes.UNDER_WEIR},
            "different": {mode: [list(pair) for pair in zip(alone, lines[mode]) if pair[0] != pair[1]]
                          for mode in modes.UNDER_WEIR if lines[mode] != alone}, "race": race}


def capture_lines(measuring, program, mode):
    done = measuring.done(mode, [program, "matrix"])
    if done.returncode != 0:
        raise Failed(f"{modes.TITLES[mode]}: it ends with {done.returncode}: {done.last_words()}")
    return done.stdout.splitlines()


def judge_captures(result):
    different = [mode for mode, same in result["same"].items() if not same]
    if different:
        first = result["different"][different[0]][0]
        raise Failed(f"another answer under Weir ({different[0]}): {first[1]!r}, alone {first[0]!r}")
    alone = result["race"][modes.ALONE]
    for mode, race in result["race"].items():
        for name in ("spoilt", "refused"):
            if race[name] > 0 and alone[name] == 0:
                raise Failed(f"{mode}: {name} {race[name]} in a race with captures, alone none")


# ---- room ----

def reserved_peak(done):
    """Bytes that the pool of device memory held at its peak, by the report; None where it served nothing."""
    peaks = [device.get("pools", {}).get("device", {}).get("reserved_peak_bytes")
             for report in done.reports for device in report.get("devices", [])]
    return max((peak for peak in peaks if peak), default=None)


def trace(measuring, program, mode, percent):
    done = measuring.done(mode, [program, TRACE_OPERATIONS, TRACE_SEED, percent])
    said = said_of(done, mode)
    return {"out_of_memory": said["out_of_memory"], "peak_live_bytes": said["peak_live_bytes"],
            "operation_ns": said["ns_per_operation"], "reserved_peak_bytes": reserved_peak(done)}


def traces(measuring, program):
    """{"percent", "operations", "modes": {mode: {"out_of_memory", "peak_live_bytes", "reserved_peak_bytes", "operation_ns"}}}"""
    for percent in TRACE_PERCENTS:
        alone = trace(measuring, program, modes.ALONE, percent)
        if alone["out_of_memory"] == 0:
            break
    found = {modes.ALONE: alone} | {mode: trace(measuring, program, mode, percent) for mode in modes.UNDER_WEIR}
    return {"percent": percent, "operations": TRACE_OPERATIONS, "modes": found}


def judge_traces(result):
    alone = result["modes"][modes.ALONE]
    if alone["out_of_memory"] > 0:
        raise Skip(f"the driver alone is out of memory at {result['percent']} % of the device: something else uses it")
    for mode, found in result["modes"].items():
        if found["out_of_memory"] > 0:
            raise Failed(f"{mode}: out of memory {found['out_of_memory']} times, the driver alone never")


# ---- the same calls ----

def differential(measuring, program):
    """{"same": {mode: bool}, "different": {mode: [seed, line alone, line]}} of random calls."""
    result = {"seeds": list(DIFFERENTIAL_SEEDS), "calls": DIFFERENTIAL_CALLS, "same": {}, "different": {}}
    for seed in DIFFERENTIAL_SEEDS:
        alone = lines_of_calls(measuring, program, modes.ALONE, seed)
        if lines_of_calls(measuring, program, modes.ALONE, seed) != alone:
            raise Skip("its output is another one each time, alone too: nothing to compare")
        for mode in modes.UNDER_WEIR:
            # Segments differ in what concerns other processes.
            lines = lines_of_calls(measuring, program, mode, seed, *(["whole"] if mode == modes.VMM else []))
            expected = alone if mode != modes.VMM else lines_of_calls(measuring, program, modes.ALONE, seed, "whole")
            result["same"][mode] = result["same"].get(mode, True) and lines == expected
            if lines != expected and mode not in result["different"]:
                first = next((pair for pair in zip(expected, lines) if pair[0] != pair[1]), ("(end)", "(end)"))
                result["different"][mode] = [seed, *first]
    return result


def lines_of_calls(measuring, program, mode, seed, *more):
    done = measuring.done(mode, [program, seed, DIFFERENTIAL_CALLS, *more])
    return [*done.stdout.splitlines(), f"exit status {done.returncode}"]


def judge_differential(result):
    for mode, (seed, alone, found) in result["different"].items():
        raise Failed(f"{mode}, seed {seed}: {found!r}, alone {alone!r}")
