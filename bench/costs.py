#!/usr/bin/python3 -B
"""What Weir costs where it should cost next to nothing: starting and ending a program, and threads that do little.

Prints JSON. Variants are interleaved, so that a change of the machine's mood meets all alike; figures are medians.
"""

import os
import pathlib
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("WEIR_BUILD") or ROOT / "build").resolve()
LIBRARY = BUILD / "lib" / "libweir.so"
MIMALLOC = "/usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0"
MEGABYTE = 1_000_000


def clean_environment():
    return {k: v for k, v in os.environ.items() if not k.startswith("WEIR") and k != "LD_PRELOAD"}


def run_once(variables, argv):
    """(ms, peak resident MB) of one run."""
    reading, writing = os.pipe()
    launcher = [str(BUILD / "bench" / "run_program"), *(f"{k}={v}" for k, v in variables.items()), *argv]
    # The launcher writes to descriptor 3.
    subprocess.run(["/bin/sh", "-c", f'exec 3>&{writing}; exec "$@"', "sh", *launcher], env=clean_environment(),
                   pass_fds=[writing], check=True)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        ns, peak_bytes, status = map(int, pipe.read().split())
    if status != 0:
        raise RuntimeError(f"{argv} under {variables} ended with status {status}")
    return ns / 1e6, peak_bytes / MEGABYTE


def measure_start(rounds=60, library=LIBRARY):
    """`true` alone, under Weir without a report, and with one: medians of ms and of peak resident MB."""
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        variants = {
            "alone": {},
            "mimalloc": {"LD_PRELOAD": MIMALLOC},
            "report_off": {"LD_PRELOAD": library, "WEIR_REPORT": "off"},
            "report": {"LD_PRELOAD": library, "WEIR_REPORT": f"{folder}/%p.%n.json"},
        }
        runs = {name: [] for name in variants}
        for round_ in range(rounds + 2):
            for name, variables in variants.items():
                figures = run_once(variables, ["/bin/true"])
                if round_ >= 2:  # the first find nothing in the page cache
                    runs[name].append(figures)
        if not os.listdir(folder):
            raise RuntimeError("no report was written")
    return {name: {"ms": round(statistics.median(ms for ms, _ in figures), 3),
                   "peak_rss_mb": round(statistics.median(mb for _, mb in figures), 3)}
            for name, figures in runs.items()}


def measure_idle_threads(threads=1000, rounds=5, library=LIBRARY):
    """Resident MB of a process whose threads sleep after ten allocations each: on mimalloc alone and under Weir."""
    variants = {"mimalloc": {"LD_PRELOAD": MIMALLOC}, "weir": {"LD_PRELOAD": str(library), "WEIR_REPORT": "off"}}
    runs = {name: [] for name in variants}
    for _ in range(rounds):
        for name, variables in variants.items():
            done = subprocess.run([BUILD / "bench" / "idle_threads", str(threads)], env=clean_environment() | variables,
                                  capture_output=True, text=True, check=True)
            runs[name].append(int(done.stdout) * 1024 / MEGABYTE)
    return {"threads": threads} | {f"{name}_rss_mb": round(statistics.median(mb), 2) for name, mb in runs.items()}
