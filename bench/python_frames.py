#!/usr/bin/python3 -B
"""What Python frames in stacks cost: CPU of a Python program alone, under Weir, and under Weir with WEIR_PYTHON=on, per allocation.

Usage: bench/python_frames.py [--rounds N] [--python PATH]. WEIR_BUILD names the build tree (default: build/). Every run has
PYTHONMALLOC=malloc, but for those that say pymalloc. Prints a table; of the rounds the fastest counts.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("WEIR_BUILD") or ROOT / "build").resolve()

# Objects, containers, text and calls as deep as programs have them; the second one from 60 functions further in.
WORK = """
import json, sys
class Node:
    def __init__(self, depth):
        self.depth = depth
        self.name = "node %d" % depth
        self.children = [Node(depth - 1) for _ in range(3)] if depth else []
    def total(self):
        return len(self.name) + sum(child.total() for child in self.children)
def texts(tree):
    return json.dumps(tree, default=lambda node: {"name": node.name, "children": node.children})
def work():
    for _ in range(12):
        tree = Node(7)
        tree.total()
        json.loads(texts(tree))
def deep(levels):
    return work() if levels == 0 else deep(levels - 1)
deep(int(sys.argv[1]))
"""


def cpu_seconds(argv, environment):
    """User and system CPU of a run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def environments(report):
    """{name: what a run's environment has beside this process's}."""
    preload = {"LD_PRELOAD": str(BUILD / "lib" / "libweir.so"), "WEIR_REPORT": str(report), "WEIR_OVERWRITE": "on"}
    malloc = {"PYTHONMALLOC": "malloc"}
    return {"alone": malloc, "Weir": {**malloc, **preload}, "Weir, Python frames": {**malloc, **preload, "WEIR_PYTHON": "on"},
            "alone, pymalloc": {}, "Weir, Python frames, pymalloc": {**preload, "WEIR_PYTHON": "on"}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", default="/usr/bin/python3")
    options = parser.parse_args()
    clean = {k: v for k, v in os.environ.items() if not k.startswith("WEIR") and k not in ("LD_PRELOAD", "PYTHONMALLOC")}
    with tempfile.TemporaryDirectory() as folder:
        report, script = pathlib.Path(folder) / "report.json", pathlib.Path(folder) / "work.py"
        script.write_text(WORK)
        for levels in (0, 60):
            print(f"{levels} functions further in")
            base = {}
            for name, added in environments(report).items():
                seconds = min(cpu_seconds([options.python, script, str(levels)], clean | added) for _ in range(options.rounds))
                if "LD_PRELOAD" not in added:
                    base[added.get("PYTHONMALLOC")] = seconds
                    print(f"  {name:30} {seconds:6.2f} s")
                    continue
                host = json.loads(report.read_text())["host"]
                count, figures = host["totals"]["alloc_count"], host["capture"].get("python")
                more = seconds - base[added.get("PYTHONMALLOC")]
                known = f", {figures['repeated'] / figures['captures']:.1%} of the stacks known" if figures else ""
                print(f"  {name:30} {seconds:6.2f} s  {more / count * 1e9:6.0f} ns more for each of {count:,} allocations{known}; "
                      f"metadata {host['metadata_bytes'] / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
