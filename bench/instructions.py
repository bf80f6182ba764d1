"""Instruction counts by valgrind's callgrind: unlike times they repeat, on any machine."""

import concurrent.futures
import os
import re
import statistics
import subprocess
import tempfile

import measuring
import tools as tools_module

CALLGRIND = ("/usr/bin/valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
PAIRS = [("same", 5), ("same", 20), ("same", 60), ("inner", 20), ("inner", 60), ("all", 20), ("all", 60)]
BYTES_ABOVE_THE_STACK = 16_384  # of the environment; with less room for it the padding is empty
FEW, MANY = 5_000, 15_000  # rounds; the difference leaves out what is done once
# Which of many stacks share a place in a cache is decided by where the thread's stack lies, and that by the size of the
# environment: their count, 454 to 587 instructions for inner/20, is the median over so many sizes.
PLACES_OF_THE_STACK = {"same": 1, "inner": 5, "all": 5}
COUNTED = ("glibc", "mimalloc", "weir-exact", "weir-sampled", "weir-pool")


def collected(said):
    found = re.search(r"Collected : (\d+)", said)
    if not found:
        raise RuntimeError(f"callgrind counted nothing: {said[-300:]}")
    return int(found[1])


def of_command(tool, argv, step=0):
    """Instructions of the whole program; step moves its stack."""
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        environment = placed(tool.environment(folder, tools_module.clean_environment()), argv, step)
        run = subprocess.run([*CALLGRIND, *map(str, argv)], env=environment, cwd=folder, capture_output=True, text=True,
                             timeout=600)
    if run.returncode != 0:
        raise RuntimeError(f"{argv[0]} ended with {run.returncode}: {run.stderr[-300:]}")
    return collected(run.stderr)


def placed(environment, argv, step):
    """The same stack whatever the length of this machine's paths and variables, but for `step`: see execve(2), which
    lays name=value of each variable, and the program's path twice, above the first frame."""
    variables = sum(len(os.fsencode(f"{name}={value}")) + 1 + 8 for name, value in environment.items())
    taken = variables + 2 * len(os.fsencode(str(argv[0])))
    return environment | {"PADDING": "x" * (BYTES_ABOVE_THE_STACK - taken + 16 * step)}


def of_pair(counted, tool, shape, depth):
    """Instructions of one malloc+free pair, a number with a fraction: counted is the program's path."""
    return statistics.median(of_pair_at(counted, tool, shape, depth, step) for step in range(PLACES_OF_THE_STACK[shape]))


def of_pair_at(counted, tool, shape, depth, step):
    few, many = (of_command(tool, [counted, shape, depth, f"{rounds:05}"], step) for rounds in (FEW, MANY))
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
