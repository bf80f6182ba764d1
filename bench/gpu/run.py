"""Checks Weir on a GPU and measures what it costs there: builds, runs programs and frameworks under Weir, asks the driver.

Writes JSON and, after a run on a GPU, docs/benchmarks-gpu.md. Without a GPU it runs to the end and says of each part that it is
skipped; with --simulated it runs what can be run on the simulated device of tests/simcuda. Exits 1 where something is wrong.
"""

import argparse
import json
import os
import pathlib
import sys

import builds
import framework_times
import machine
import measures
import page
import programs
import verdicts
from pool_steps import PoolSteps
from steps import Failed, Run, Skip

ROOT = machine.ROOT
SCHEMA = "weir-gpu-check/2"
COMMITTED = ROOT / "bench" / "results" / "gpu.json"
PAGE = ROOT / "docs" / "benchmarks-gpu.md"
PARTS = ("PROGRAMS", "POOLS", "FRAMEWORKS", "MEASURES", "TIMES")
PROGRAM_S, FRAMEWORK_S, MEASURE_S = 60, 120, 60  # at the most, of one run


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/gpu-check", description=__doc__.split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=9, help="how long it may take (9)")
    parser.add_argument("--out", type=pathlib.Path,
                        help="the JSON file (bench/results/gpu.json; without a GPU the build tree's gpu/gpu.json)")
    parser.add_argument("--page", action="store_true",
                        help="run nothing: write docs/benchmarks-gpu.md from bench/results/gpu.json")
    parser.add_argument("--simulated", action="store_true", help="use the simulated device of the build tree")
    parser.add_argument("--library", type=pathlib.Path, help="a libweir.so that is built already")
    parser.add_argument("--python", default="python3", help="the interpreter that has the frameworks (python3)")
    parser.add_argument("--only", choices=PARTS, type=str.upper, action="append",
                        help="one part (may be given more than once)")
    parser.add_argument("--commit", help="which Weir this is, where git cannot say")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of what is timed (7)")
    return parser.parse_args()


def write_page(results, path):
    path.write_text(page.text(results))


class Check:
    """One run of the script: what was asked, what is here, and the steps."""

    def __init__(self, asked):
        self.asked = asked
        self.tree = pathlib.Path(os.environ.get("WEIR_BUILD") or ROOT / "build").resolve()
        self.simulated_device = self.tree / "simcuda" if asked.simulated else None
        self.variables = machine.environment(self.simulated_device)
        self.gpu = machine.device(self.variables)
        self.why_no_device = self.find_why_no_device()
        self.library = None
        out = asked.out or (COMMITTED if self.on_gpu() else self.tree / "gpu" / "gpu.json")
        here = machine.describe(self.gpu) | ({"weir": asked.commit} if asked.commit else {})
        self.run = Run(asked.minutes, out, {"schema": SCHEMA, "simulated": asked.simulated, "machine": here,
                                            "programs": {}, "pools": {}, "measured": {}, "frameworks": {}})
        self.builder = builds.Builder(self.run, self.tree, machine.nvcc(), self.gpu, asked.simulated)
        if asked.simulated:
            self.variables["SIMCUDA_KERNELS"] = str(self.builder.host_kernels())

    def find_why_no_device(self):
        if self.asked.simulated and not (self.simulated_device / "libcuda.so.1").exists():
            return f"no simulated device: build {self.simulated_device}/libcuda.so.1 first"
        return "no GPU" if "why" in self.gpu else None

    def on_gpu(self):
        return self.why_no_device is None and not self.asked.simulated

    def wants(self, part):
        return not self.asked.only or part in self.asked.only

    def timeout(self, most_s):
        return max(5, min(most_s, self.run.left_s()))

    def require(self):
        """Skips the step where what every step needs is not there."""
        if self.why_no_device:
            raise Skip(self.why_no_device)
        if self.library is None:
            raise Skip("no libweir.so")

    def require_built(self, path):
        self.require()
        if not path.exists():
            raise Skip("it was not built")

    # ---- steps ----

    def build_library(self):
        if self.why_no_device:
            raise Skip(self.why_no_device)
        self.builder.prepare()
        return self.builder.library(self.asked.library)

    def build_programs(self):
        if self.why_no_device:
            raise Skip(self.why_no_device)
        self.builder.prepare()
        self.builder.build_all()

    def judge(self, name, result):
        """Keeps the result; the step fails where something is wrong with it."""
        self.run.results["programs"][name] = result
        if result["wrong"]:
            raise Failed("; ".join(result["wrong"][:4]))
        if not result["cuda"]:
            raise Skip("its figures: this libweir.so knows nothing of CUDA (it did the same as alone)")

    def check_program(self, name, kind):
        self.require_built(self.builder.program(name, kind))
        self.judge(f"{name}, {kind}", programs.check(self.library, [self.builder.program(name, kind)], self.variables,
                                                     self.timeout(PROGRAM_S)))

    def check_framework(self, framework):
        self.require()
        if self.asked.simulated:
            raise Skip("no framework runs on the simulated device")
        scripts = builds.SOURCES / "frameworks"
        self.judge(framework[0], programs.check_framework(self.library, self.asked.python, scripts, framework, self.variables,
                                                          self.timeout(FRAMEWORK_S)))

    def measure(self, name):
        self.require_built(self.builder.measure(name))
        measuring = measures.Measuring(self.library, self.variables, lambda: self.timeout(MEASURE_S))
        argv, measured = [self.builder.measure(name)], self.run.results["measured"]
        if name in measures.TIMED:
            of, seconds = measures.TIMED[name]
            measured[name] = measuring.times(argv, of, self.asked.rounds, seconds, self.run.left_s)
            return
        measured[name] = measuring.answers(argv, measures.ANSWERS[name])
        if not measured[name]["comparable"]:
            raise Skip("its comparison: the answers are others each time, alone too")
        if measured[name]["different"]:
            raise Failed(f"the driver's answers are others under Weir: {', '.join(measured[name]['different'])}")

    def step_programs(self):
        for kind in ("static", "shared"):
            for name in builds.PROGRAMS:
                self.run.step(f"{kind} nvcc program {name}", 5, lambda: self.check_program(name, kind))

    def step_frameworks(self, frameworks):
        for framework in frameworks:
            self.run.step(framework[0], 20, lambda: self.check_framework(framework))

    def step_measures(self):
        for name, title in builds.MEASURES.items():
            self.run.step(title, 15, lambda: self.measure(name))

    def everything(self):
        """What matters most comes first: time may run out."""
        self.library = self.run.step("build of libweir.so", 5, self.build_library)
        self.run.step("build of the nvcc programs", 5, self.build_programs)
        pools = PoolSteps(self)
        parts = (("PROGRAMS", self.step_programs),
                 ("POOLS", pools.step_pools),
                 ("FRAMEWORKS", lambda: self.step_frameworks(programs.FRAMEWORKS)),
                 ("MEASURES", self.step_measures),
                 ("TIMES", lambda: pools.step_frameworks(framework_times.DEFAULTS + framework_times.WITHOUT_POOL)),
                 ("FRAMEWORKS", lambda: self.step_frameworks(programs.OTHER_ALLOCATORS)))
        for part, steps in parts:
            if self.wants(part):
                steps()

    def say_verdicts(self):
        words = {True: "holds", False: "DOES NOT HOLD", None: "not measured"}
        self.run.results["verdicts"] = verdicts.of(self.run.results)
        self.run.save()
        for verdict in self.run.results["verdicts"]:
            self.run.say(f"{words[verdict['holds']]}: {verdict['claim']}{': ' + verdict['found'] if verdict['found'] else ''}")


def main():
    asked = arguments()
    if asked.page:
        write_page(json.loads(COMMITTED.read_text()) if COMMITTED.exists() else None, PAGE)
        return
    check = Check(asked)
    run = check.run
    run.say(f"device: {check.gpu.get('name') or 'none: ' + check.gpu['why']}")
    check.everything()
    check.say_verdicts()
    if run.out == COMMITTED:
        write_page(run.results, PAGE)
    run.say(f"{run.count('done')} done, {run.count('skipped')} skipped, {run.count('failed')} failed; wrote {run.out}")
    sys.exit(1 if run.count("failed") else 0)
