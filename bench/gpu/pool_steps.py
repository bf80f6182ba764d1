"""The steps of scripts/gpu-check that concern the pools, and the times of frameworks."""

import builds
import framework_times
import machine
import measures
import pools
import sanitizer
from steps import Failed, Skip

POOL_S, SANITIZER_S, FRAMEWORK_S = 60, 120, 60  # at the most, of one run
PLANTED = "compute-sanitizer and a planted error"
# Name in the results, program, what it is, what asks and what judges.
CHECKS = (("never_early", "never_early", "memory given out early", pools.never_early, pools.judge_never_early),
          ("captures", "pool_capture", "captures beside a pool", pools.captures, pools.judge_captures),
          ("traces", "pool_trace", "random traces of a whole device", pools.traces, pools.judge_traces),
          ("differential", "pool_differential", "random calls on two devices", pools.differential, pools.judge_differential))
TWO_DEVICES = ("differential",)


def names():
    """Of all steps here, but for the frameworks'."""
    return [title for _, _, title, _, _ in CHECKS] + [PLANTED]


class PoolSteps:
    """check: the run (run.Check)."""

    def __init__(self, check):
        self.check, self.results = check, check.run.results

    def measuring(self, most_s):
        return measures.Measuring(self.check.library, self.check.variables, lambda: self.check.timeout(most_s))

    def compare(self, name, program, ask, judge):
        self.check.require_built(self.check.builder.measure(program))
        if name in TWO_DEVICES and self.check.gpu.get("count", 1) < 2:
            raise Skip("there is one device")
        self.results["pools"][name] = ask(self.measuring(POOL_S), self.check.builder.measure(program))
        judge(self.results["pools"][name])

    def find_planted(self):
        self.check.require()
        tool = sanitizer.tool(machine.nvcc())
        if tool is None:
            raise Skip("no compute-sanitizer")
        if self.check.asked.simulated:
            raise Skip("compute-sanitizer finds nothing on the simulated device")
        self.check.require_built(self.check.builder.planted())
        found = sanitizer.check(tool, self.check.library, self.check.builder.planted(), self.check.variables,
                                self.check.timeout(SANITIZER_S))
        self.results["pools"]["sanitizer"] = found
        if not found["alone"]["found"]:
            raise Skip(f"compute-sanitizer alone does not find it, and ends with {found['alone']['returncode']}")
        if not found["under_weir"]["found"]:
            raise Failed(f"it is found alone and not under Weir: {found['last_words']}")

    def time_framework(self, framework):
        self.check.require()
        if self.check.asked.simulated:
            raise Skip("no framework runs on the simulated device")
        found = framework_times.measure(self.measuring(FRAMEWORK_S), self.check.asked.python, builds.SOURCES / "frameworks",
                                        framework, self.check.asked.rounds, self.check.run.left_s)
        self.results["frameworks"][framework[0].removesuffix(", timed")] = found

    def step_pools(self):
        for name, program, title, ask, judge in CHECKS:
            self.check.run.step(title, 15, lambda: self.compare(name, program, ask, judge))
        self.check.run.step(PLANTED, 15, self.find_planted)

    def step_frameworks(self, frameworks):
        for framework in frameworks:
            self.check.run.step(framework[0], 30, lambda: self.time_framework(framework))
