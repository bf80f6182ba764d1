"""Instruction counts by valgrind's callgrind: unlike times they repeat, on any machine."""

import concurrent.futures
import os
import re
import subprocess
import tempfile

import measuring
import tools as tools_module

CALLGRIND = ("/usr/bin/valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
PAIRS = [("same", 5), ("same", 20), ("same", 60), ("inner", 20), ("inner", 60), ("all", 20), ("all", 60)]
FEW, MANY = 5_000, 15_000  # rounds; the difference leaves out what is done once
COUNTED = ("glibc", "mimalloc", "weir-exact", "weir-sampled", "weir-pool")


def collected(said):
    found = re.search(r"Collected : (\d+)", said)
    if not found:
        raise RuntimeError(f"callgrind counted nothing: {said[-300:]}")
    return int(found[1])


def of_command(tool, argv):
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        environment = tool.environment(folder, tools_module.clean_environment())
        run = subprocess.run([*CALLGRIND, *map(str, argv)], env=environment, cwd=folder, capture_output=True, text=True,
                             timeout=600)
    if run.returncode != 0:
        raise RuntimeError(f"{argv[0]} ended with {run.returncode}: {run.stderr[-300:]}")
    return collected(run.stderr)


def of_pair(counted, tool, shape, depth):
    """Instructions of one malloc+free pair, a number with a fraction: counted is the program's path."""
    few, many = (of_command(tool, [counted, shape, depth, rounds]) for rounds in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def of_program(bench, tool, program):
    said = []
    measuring.run_program(bench, tool, program, "short", wrap=CALLGRIND, timeout=900, said=said)
    return collected(said[0])


def measure(bench, tools, programs, say):
    """{"pairs": {"shape/depth": {tool: instructions}}, "real": {program: {tool: instructions}}, "failed": [...]}."""
    tools = [tool for tool in tools if tool.name in COUNTED]
    counts = {"pairs": {f"{shape}/{depth}": {} for shape, depth in PAIRS},
              "real": {program.name: {} for program in programs}, "failed": []}
    # Counts do not mind neighbours.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {}
        for tool in tools:
            for shape, depth in PAIRS:
                job = pool.submit(of_pair, bench.programs / "counted", tool, shape, depth)
                jobs[job] = ("pairs", f"{shape}/{depth}", tool)
            for program in programs:
                jobs[pool.submit(of_program, bench, tool, program)] = ("real", program.name, tool)
        for job in concurrent.futures.as_completed(jobs):
            kind, name, tool = jobs[job]
            try:
                counts[kind][name][tool.name] = job.result()
            except Exception as error:  # shown with the results
                counts["failed"].append(f"{name} under {tool.name}: {error}"[:300])
                say(f"counting {name} under {tool.name} failed: {error}")
    say("instructions counted")
    return counts
