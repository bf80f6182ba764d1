"""Does compute-sanitizer find a planted write out of bounds where Weir is preloaded? A pool could hide it: the block was larger once."""

import json
import os
import pathlib
import re
import shutil
import sys

import programs
import reports

FOUND = re.compile(r"Invalid __global__ write")
EXIT_CODE = 99
# Of a process: its environment, and the files that are mapped.
LOOK_AROUND = """
import json, os
with open("/proc/self/maps") as maps:
    files = {line.split(maxsplit=5)[5].strip() for line in maps if "/" in line}
print(json.dumps({"variables": dict(os.environ), "libraries": sorted(os.path.basename(file) for file in files)}))
"""


def tool(nvcc):
    """compute-sanitizer's path, on PATH or beside the compiler; None where there is none."""
    found = shutil.which("compute-sanitizer")
    if found or nvcc is None:
        return found
    beside = nvcc.parent / "compute-sanitizer"
    return str(beside) if os.access(beside, os.X_OK) else None


def judged(done):
    return {"found": bool(FOUND.search(done.stdout)) or bool(FOUND.search(done.stderr)), "returncode": done.returncode}


def seen_inside(argv, variables, timeout):
    """What a process that is started by argv finds around it; nothing where it does not say."""
    done = programs.run([*argv, sys.executable, "-c", LOOK_AROUND], variables, timeout)
    said = next((line for line in done.stdout.splitlines() if line.startswith('{"variables"')), None)
    return json.loads(said) if said else {"variables": {}, "libraries": []}


def signs(path, variables, timeout):
    """By what a process can tell that the tool has started it: names of variables that it set or changed, and libraries that it brought."""
    alone, under = seen_inside([], variables, timeout), seen_inside([path], variables, timeout)
    changed = {name for name, value in under["variables"].items() if alone["variables"].get(name) != value}
    return {"variables": sorted(changed), "libraries": sorted(set(under["libraries"]) - set(alone["libraries"]))}


def check(path, library, program, variables, timeout):
    """{"alone", "under_weir": {"found", "returncode"}, "limitations": why the pool passed everything on, by the reports, "signs"}"""
    argv = [path, "--tool", "memcheck", "--error-exitcode", str(EXIT_CODE), program]
    alone = programs.run(argv, variables, timeout)
    under_weir = programs.run_under_weir(library, argv, variables, timeout)
    limitations = {reports.limitation(report) for report in under_weir.reports} - {None}
    return {"tool": pathlib.Path(path).name, "alone": judged(alone), "under_weir": judged(under_weir),
            "last_words": under_weir.last_words(), "limitations": sorted(limitations),
            "signs": signs(path, variables, timeout)}
