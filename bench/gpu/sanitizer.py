"""Does compute-sanitizer find a planted write out of bounds where Weir is preloaded? A pool could hide it: the block was larger once."""

import os
import pathlib
import re
import shutil

import programs
import reports

FOUND = re.compile(r"Invalid __global__ write")
EXIT_CODE = 99


def tool(nvcc):
    """compute-sanitizer's path, on PATH or beside the compiler; None where there is none."""
    found = shutil.which("compute-sanitizer")
    if found or nvcc is None:
        return found
    beside = nvcc.parent / "compute-sanitizer"
    return str(beside) if os.access(beside, os.X_OK) else None


def judged(done):
    return {"found": bool(FOUND.search(done.stdout)) or bool(FOUND.search(done.stderr)), "returncode": done.returncode}


def check(path, library, program, variables, timeout):
    """{"alone", "under_weir": {"found", "returncode"}, "limitations": why the pool passed everything on, by the reports}"""
    argv = [path, "--tool", "memcheck", "--error-exitcode", str(EXIT_CODE), program]
    alone = programs.run(argv, variables, timeout)
    under_weir = programs.run_under_weir(library, argv, variables, timeout)
    limitations = {reports.limitation(report) for report in under_weir.reports} - {None}
    return {"tool": pathlib.Path(path).name, "alone": judged(alone), "under_weir": judged(under_weir),
            "last_words": under_weir.last_words(), "limitations": sorted(limitations)}
