"""Makes reports of any size, as a program with very many stacks would leave them: finished, with every key that the schema asks for.

    large_reports.py TARGET --megabytes 200 [--seed N] [--growth PERCENT]

The commands that read them have only so much memory to themselves: run_limited(). LARGE_MEGABYTES=1000 makes the tests' long run.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess

from weir_test import REPOSITORY, clean_environment, command

ROW_BYTES = 512  # about what a leak and its stack take, a sample and a thread included
FRAMES = 40000
MODULES = 40
TYPES = ["cache", "index", "table", "parser", "session", "codec", "graph", "query"]


def frame(number, moved):
    function = f"{TYPES[number % len(TYPES)]}::Part{number % 997}::step_{number}(std::vector<int> const&, unsigned long)"
    entry = {"module": number % MODULES, "offset": 4096 + number * 16 + moved, "function": function,
             "file": f"/src/project/lib{number % MODULES}/{TYPES[number % len(TYPES)]}/part{number % 997}.cpp", "line": 1 + number % 3000}
    if number % 5 == 0:
        entry["inlined"] = [{"function": f"helper_{number % 211}<int>", "file": "/src/project/helper.h", "line": 1 + number % 300}]
    return entry


def stacks(count, seed):
    """Walks that share their outer calls, as a program's do."""
    choose = random.Random(seed)
    path = [0]
    for _ in range(count):
        keep = choose.randint(max(1, len(path) - 3), len(path))
        path = path[:keep] + [choose.randrange(FRAMES) for _ in range(choose.randint(1, 4))]
        if len(path) > 40:
            path = path[:choose.randint(8, 20)]
        yield path[::-1]


def leak(number, growth):
    count = 1 + number % 7
    blocks = count + (count * growth // 100 + 1 if growth and number % 10 == 0 else 0)
    kind = ("reachable", "reachable", "reachable", "definite", "possible")[number % 5]
    return {"memory": "host", "kind": kind, "bytes": blocks * (16 + number % 4096), "count": blocks, "stack": number, "first_ns": number * 1000,
            "last_ns": number * 1000 + 777, "thread_count": 1, "threads": [{"id": 1, "tid": 4711, "name": "worker"}],
            "samples": [{"address": hex(0x7f0000000000 + number * 64), "bytes": 16 + number % 4096, "ns": number * 1000, "thread": 1, "family": "malloc"}]}


def write_list(file, key, entries):
    file.write(f',\n"{key}": [')
    separator = "\n"
    for entry in entries:
        file.write(separator + json.dumps(entry))
        separator = ",\n"
    file.write("\n]")


def write_report(target, megabytes, seed=1, growth=0, pid=4711, moved=0):
    """growth: per cent by which every tenth stack holds more. moved: how much further on all code lies. The number of stacks."""
    template = json.loads((REPOSITORY / "tests" / "golden" / "report_no_leaks.json").read_text())
    count = max(1, megabytes * 1_000_000 // ROW_BYTES)
    template["process"]["pid"] = pid
    with open(target, "w", encoding="utf-8") as file:
        head = {key: template[key] for key in ("schema", "process", "options", "host")}
        head["devices"] = []
        file.write(json.dumps(head)[:-1])
        write_list(file, "leaks", (leak(number, growth) for number in range(count)))
        write_list(file, "errors", [])
        write_list(file, "peak", [])
        write_list(file, "hot_sites", [])
        write_list(file, "large", [])
        file.write(',\n"timeline": ' + json.dumps(template["timeline"]))
        write_list(file, "stacks", stacks(count, seed))
        write_list(file, "frames", (frame(number, moved) for number in range(FRAMES)))
        write_list(file, "modules", ({"path": f"/usr/lib/project/lib{number}.so", "build_id": f"{number + moved:040x}", "base": "0x7f0000000000",
                                      "loaded": True, "symbols": "debug_info"} for number in range(MODULES)))
        write_list(file, "warnings", [])
        file.write("\n}\n")
    return count


MEGABYTES = int(os.environ.get("LARGE_MEGABYTES") or 60)
MOST_MEGABYTES = 256  # for a report of 1 GB
FIXED_MEGABYTES = 40  # of these the command itself, and the names of 40,000 frames


def run_limited(*arguments, megabytes=MEGABYTES):
    """What the command prints, which fails where it needs more memory than reports of so many megabytes may take."""
    most = FIXED_MEGABYTES + (MOST_MEGABYTES - FIXED_MEGABYTES) * min(1, megabytes / 1000)
    limited = f'ulimit -d {int(most * 1e6 / 1024)}; exec "$@"'
    return subprocess.run(["bash", "-c", limited, "bash", command(), *arguments], stdout=subprocess.PIPE, env=clean_environment(), check=True).stdout


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("target", type=pathlib.Path)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--growth", type=int, default=0)
    parser.add_argument("--pid", type=int, default=4711)
    arguments = parser.parse_args()
    print(write_report(arguments.target, arguments.megabytes, arguments.seed, arguments.growth, arguments.pid), "stacks")
