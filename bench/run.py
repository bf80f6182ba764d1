#!/usr/bin/python3 -B
"""Measures what Weir costs beside what people use today, in one run: see docs/benchmarks.md, which this writes.

A full run writes bench/results/results.json and docs/benchmarks.md; with --quick, --only, --programs or --tools the
same two files go to the build tree, bench/results.json and bench/benchmarks.md there.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

import exits
import instructions
import measuring
import memory
import micro
import page
import programs as programs_module
import real
import tools as tools_module

ROOT = pathlib.Path(__file__).resolve().parents[1]
PARTS = ("REAL", "MICRO", "MEMORY", "EXIT", "INSTRUCTIONS")
STARTED = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - STARTED:6.0f} s] {text}", file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds: minutes, not the better part of an hour")
    parser.add_argument("--only", choices=PARTS, type=str.upper, action="append",
                        help="one part (may be given more than once)")
    parser.add_argument("--programs", help="real programs to run, such as cc1plus,perl")
    parser.add_argument("--tools", help="tools to run, such as glibc,mimalloc,weir-exact")
    parser.add_argument("--page", action="store_true",
                        help="measure nothing: write docs/benchmarks.md anew from bench/results/results.json and the notes")
    parser.add_argument("--rounds", type=int, help="rounds of the real programs")
    parser.add_argument("--library", type=pathlib.Path, help="measure this libweir.so")
    parser.add_argument("--publish", action="store_true", help="write the committed files even after a partial run")
    return parser.parse_args()


def first_match(path, prefix):
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith(prefix):
            return line.split(":" if ":" in line else "=", 1)[1].strip().strip('"')
    return "unknown"


def machine():
    memory = int(first_match("/proc/meminfo", "MemTotal").split()[0])
    return {"cpu": first_match("/proc/cpuinfo", "model name"), "cores": os.cpu_count(),
            "memory_gib": round(memory / 2**20, 1), "kernel": platform.release(),
            "distribution": first_match("/etc/os-release", "PRETTY_NAME"),
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "weir": subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True,
                                   text=True).stdout.strip()}


def chosen(everything, names, what):
    """Those of `everything` that --what names, in its own order."""
    if names is None:
        return list(everything)
    wanted = names.split(",")
    unknown = set(wanted) - {one.name for one in everything}
    if unknown:
        known = ", ".join(one.name for one in everything)
        sys.exit(f"bench: no {what} named {', '.join(sorted(unknown))}; there are: {known}")
    return [one for one in everything if one.name in wanted]


def without_absent(everything, why_absent, left_out):
    there = []
    for one in everything:
        why = why_absent(one)
        if why:
            left_out[one.name] = why
            say(f"left out: {one.name}: {why}")
        else:
            there.append(one)
    return there


def write_page(results, path):
    path.write_text(page.text(results, (ROOT / "bench" / "notes.md").read_text()))


def main():
    asked = arguments()
    if asked.page:
        write_page(json.loads((ROOT / "bench" / "results" / "results.json").read_text()), ROOT / "docs" / "benchmarks.md")
        return
    build = pathlib.Path(os.environ.get("WEIR_BUILD") or ROOT / "build").resolve()
    library = (asked.library or build / "lib" / "libweir.so").resolve()
    bench = measuring.Bench(build)
    parts = asked.only or PARTS
    partial = bool(asked.quick or asked.only or asked.programs or asked.tools) and not asked.publish

    left_out = {}
    tools = chosen(tools_module.all_tools(library), asked.tools, "tool")
    if asked.tools is None:
        tools = [tool for tool in tools if tool.default]
    tools = without_absent(tools, tools_module.why_absent, left_out)
    results = {"machine": machine(), "quick": asked.quick, "left_out": left_out,
               "tools": {tool.name: tool.title for tool in tools}}

    if "REAL" in parts or "INSTRUCTIONS" in parts:
        say("inputs")
        programs = chosen(programs_module.all_programs(build / "bench" / "inputs"), asked.programs, "program")
        programs = without_absent(programs, programs_module.why_absent, left_out)
    if "MICRO" in parts:
        results["micro"] = micro.measure(bench, tools, 2 if asked.quick else 5, 0.01 if asked.quick else 0.03,
                                         not asked.quick, say)
    if "REAL" in parts:
        rounds = asked.rounds or (2 if asked.quick else 7)
        results["real"] = real.measure(bench, tools, programs, rounds, 1 if asked.quick else 3, say)
    if "MEMORY" in parts:
        results["memory"] = memory.measure(bench, tools, 1 if asked.quick else 3, say)
    if "EXIT" in parts:
        command = library.parent.parent / "bin" / "weir"
        results["exit"] = exits.measure(bench, tools, command, 2 if asked.quick else 5, say)
    if "INSTRUCTIONS" in parts:
        results["instructions"] = instructions.measure(bench, tools, programs, say)

    folder = build / "bench" if partial else ROOT / "bench" / "results"
    text = build / "bench" / "benchmarks.md" if partial else ROOT / "docs" / "benchmarks.md"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    write_page(results, text)
    print(page.summary(results))
    say(f"wrote {folder / 'results.json'} and {text}")


if __name__ == "__main__":
    main()
