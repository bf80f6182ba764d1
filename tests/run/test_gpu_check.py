"""scripts/gpu-check: where there is no GPU it runs to the end and names what it skips, on the simulated device it runs the programs;
how it holds a report against a program's account; and docs/benchmarks-gpu.md is what the recorded results say."""

import contextlib
import copy
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import weir_test

sys.path.insert(0, str(weir_test.REPOSITORY / "bench" / "gpu"))

import builds
import framework_times
import machine
import measures
import modes
import page
import pool_steps
import programs
import reports
import verdicts
from steps import Run, Skip

SCRIPT = weir_test.REPOSITORY / "scripts" / "gpu-check"
SIMULATED = weir_test.build_dir() / "simcuda" / "libcudart_sim.a"
NVCC_PROGRAMS = [(kind, name) for kind in ("static", "shared") for name in builds.PROGRAMS]


def run_script(*words, **variables):
    """(what it did, the results it wrote)"""
    with tempfile.TemporaryDirectory(prefix="weir-test-") as folder:
        out = pathlib.Path(folder) / "gpu.json"
        done = subprocess.run([sys.executable, SCRIPT, "--out", out, *words], capture_output=True, text=True, timeout=600,
                              env=weir_test.clean_environment() | {"WEIR_BUILD": str(weir_test.build_dir())} | variables)
        return done, json.loads(out.read_text())


class WithoutGpu(unittest.TestCase):
    def test_runs_to_the_end_and_names_each_skip(self):
        done, results = run_script(CUDA_VISIBLE_DEVICES="")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        names = [f"{kind} nvcc program {name}" for kind, name in NVCC_PROGRAMS]
        names += [one[0] for one in programs.FRAMEWORKS + programs.OTHER_ALLOCATORS]
        names += [one[0] for one in framework_times.DEFAULTS + framework_times.WITHOUT_POOL]
        for name in [*names, *pool_steps.names(), *builds.MEASURES.values()]:
            self.assertIn(f"skipped: {name}: no GPU\n", done.stdout)
        self.assertEqual({step["outcome"] for step in results["steps"]}, {"skipped"})
        self.assertEqual([results[part] for part in ("programs", "pools", "measured", "frameworks")], [{}] * 4)

    def test_says_of_everything_that_it_is_not_measured(self):
        done, results = run_script("--only", "POOLS", CUDA_VISIBLE_DEVICES="")
        self.assertEqual([one["holds"] for one in results["verdicts"]], [None] * len(verdicts.CLAIMS))
        for claim in verdicts.CLAIMS:
            self.assertIn(f"not measured: {claim}\n", done.stdout)
            self.assertIn(f"| {claim} | not measured |", page.text(None))

    def test_has_a_page_for_what_it_did(self):
        _, results = run_script("--only", "PROGRAMS", CUDA_VISIBLE_DEVICES="")
        self.assertIn("| static nvcc program linear | skipped | 0.0 | no GPU |", page.text(results))


@unittest.skipUnless(SIMULATED.exists() and machine.nvcc(), "no CUDA toolkit: no simulated device, or no nvcc")
class Simulated(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.done, cls.results = run_script("--simulated", "--rounds", "1", "--library", weir_test.library())

    def test_ends_well(self):
        self.assertEqual(self.done.returncode, 0, self.done.stdout + self.done.stderr)
        self.assertNotIn("FAILED", self.done.stdout)
        for name in ("PyTorch", "PyTorch, timed", "JAX, platform allocator, timed"):
            self.assertIn(f"skipped: {name}: no framework runs on the simulated device\n", self.done.stdout)
        self.assertIn(f"skipped: {pool_steps.PLANTED}: ", self.done.stdout)

    def test_programs_do_the_same_under_weir(self):
        self.assertEqual(set(self.results["programs"]), {f"{name}, {kind}" for kind, name in NVCC_PROGRAMS})
        for name, result in self.results["programs"].items():
            with self.subTest(name):
                self.assertTrue(result["stdout_identical"])
                self.assertEqual(result["returncode"], 0)

    def test_reports_agree_with_programs(self):
        results = self.results["programs"]
        if not any(result["cuda"] for result in results.values()):
            self.skipTest("this libweir.so has no CUDA part: its reports have no key \"cuda\"")
        for name, result in results.items():
            with self.subTest(name):
                self.assertEqual(result["wrong"], [])
                self.assertGreater(len(result["figures"]), 6)

    def test_measures_everything(self):
        self.assertEqual(set(self.results["measured"]), set(builds.MEASURES))
        self.assertEqual(set(builds.MEASURES), set(measures.ANSWERS) | set(measures.TIMED))

    def test_answers_are_the_same_in_each_mode(self):
        for name, of in measures.ANSWERS.items():
            with self.subTest(name):
                measured = self.results["measured"][name]
                self.assertGreater(len(measured["alone"]), 2)
                self.assertEqual(measured["same"], dict.fromkeys(of[1:], True))

    def test_times_are_there_for_each_mode(self):
        rows = {"loops": 12, "churn": 3, "call_times": 60, "context_event": 9, "pinned_cost": 5, "host_copies": 3}
        for name, (of, _) in measures.TIMED.items():
            measured = self.results["measured"][name]
            self.assertEqual(len(measured["rows"]), rows[name], name)
            for row in measured["rows"]:
                with self.subTest(name, row=row):
                    times = [time for key, time in row.items() if measures.is_time(key)]
                    self.assertGreater(len(times), 1)
                    for time in times:
                        self.assertEqual(list(time), list(of))
                        self.assertGreaterEqual(min(time.values()), 0)

    def test_no_memory_is_given_out_early(self):
        found = self.results["pools"]["never_early"]
        self.assertEqual((found["wrong"], found["unseen"], found["left_out"]), ([], [], []))
        for way in ("the legacy default stream", "the per-thread default stream", "a graph", "a context of its own", "a green context",
                    "a stream of another device"):
            self.assertIn(f"{way}, device", found["ways"])
            self.assertIn(f"{way}, pinned", found["ways"])
        for mode in modes.ALL:
            self.assertGreater(found["modes"][mode]["reused"], found["modes"][mode]["allocations"] // 4, mode)

    def test_captures_are_as_alone(self):
        found = self.results["pools"]["captures"]
        self.assertEqual(found["cells"], 3 * 2 * 3 * 16)
        self.assertEqual(found["same"], dict.fromkeys(modes.UNDER_WEIR, True))
        self.assertEqual(set(found["race"]), set(modes.ALL))

    def test_there_is_room_for_each_trace(self):
        found = self.results["pools"]["traces"]
        self.assertEqual([found["modes"][mode]["out_of_memory"] for mode in modes.ALL], [0] * 5)
        for mode in (modes.STRICT, modes.ON, modes.VMM):
            self.assertGreaterEqual(found["modes"][mode]["reserved_peak_bytes"], found["modes"][mode]["peak_live_bytes"])
        self.assertIsNone(found["modes"][modes.TRACK]["reserved_peak_bytes"])

    def test_random_calls_are_the_same(self):
        self.assertEqual(self.results["pools"]["differential"]["same"], dict.fromkeys(modes.UNDER_WEIR, True))

    def test_says_what_holds(self):
        holds = [one["holds"] for one in self.results["verdicts"]]
        self.assertEqual(holds, [True] * 5 + [None] * 2, self.results["verdicts"])
        self.assertIn("holds: No memory is given out while work queued before its free is pending: 20 ways", self.done.stdout)

    def test_has_a_page_for_it(self):
        text = page.text(self.results)
        self.assertIn("**The device is simulated: no figure below is a GPU's.**", text)
        for heading in ("What should hold", "Loops that allocate, use and free", "Churn in threads", "Times of calls", "Pinned memory",
                        "Memory that is given out again", "Random traces", "Captures beside a pool", "How the driver rounds",
                        "Calls while a stream is capturing", "IPC handles across reuse"):
            self.assertIn(f"## {heading}\n", text)


ACCOUNT = """some warning
figure device 3 700 2 600
figure pinned 1 50 1 50
live graph 0 0
pool 100 1
used 1000 1100
"""
REPORT = {
    "cuda": {"present": True, "calls": []},
    "devices": [{
        "index": 0,
        "kinds": {"device": {"alloc_count": 3, "alloc_bytes": 700, "free_count": 2, "free_bytes": 600, "live_count": 1,
                             "live_bytes": 100},
                  "pinned": {"alloc_count": 1, "alloc_bytes": 50, "free_count": 1, "free_bytes": 50, "live_count": 0,
                             "live_bytes": 0}},
        "driver": {"used_bytes": 1100, "known_bytes": 100, "pool_idle_bytes": 0, "driver_and_context_bytes": 1000}}],
    "leaks": [{"memory": "device", "bytes": 100, "count": 1, "stack": 0},
              {"memory": "host", "bytes": 7, "count": 1, "stack": 1}],
    "stacks": [[0, 1], [1]],
    "frames": [{"module": 0, "offset": 8}, {"module": None, "address": "0x5"}],
    "modules": [{"path": "/opt/framework/liballocator.so"}],
}


class Figures(unittest.TestCase):
    """What is found wrong with a report beside a program's account."""

    def wrong(self, change=None, account=ACCOUNT):
        report = copy.deepcopy(REPORT)
        if change:
            change(report)
        return programs.compare({}, reports.Account(account), [{"devices": [], "cuda": {}}, report], "liballocator")

    def test_agree(self):
        self.assertEqual(self.wrong(), [])

    def test_an_allocation_seen_twice(self):
        def twice(report):
            report["devices"][0]["kinds"]["device"]["alloc_count"] = 4
        self.assertEqual(self.wrong(twice), ["device alloc_count: the program says 3, the report 4"])

    def test_a_leak_too_many(self):
        found = self.wrong(lambda report: report["leaks"].append({"memory": "pinned", "bytes": 9, "count": 1, "stack": 1}))
        self.assertEqual(found, ["pinned bytes of leaks: the program says 0, the report 9",
                                 "pinned count of leaks: the program says 0, the report 1"])

    def test_memory_that_is_not_the_allocators(self):
        found = self.wrong(lambda report: report["stacks"].__setitem__(0, [1]))
        self.assertEqual(found, ["held by the framework's allocator, bytes: the program says 100, the report 0"])

    def test_memory_of_a_library_beside_the_allocators(self):
        def beside(report):
            report["modules"].append({"path": "/opt/framework/libcublas.so.13"})
            report["frames"].append({"module": 1, "offset": 4})
            report["stacks"].append([2, 0])
            report["leaks"][0]["bytes"] = 60
            report["leaks"] += [{"memory": "device", "bytes": 40, "count": 1, "stack": 0}]
            report["leaks"] += [{"memory": "vmm", "bytes": 500, "count": 1, "stack": 2}]
        found = self.wrong(beside)
        self.assertEqual([line for line in found if "bytes: " in line and "leaks" not in line], [])

    def test_another_use_of_the_device(self):
        found = self.wrong(account=ACCOUNT.replace("used 1000 1100", f"used 1000 {1 << 30}"))
        self.assertEqual(len(found), 2)
        self.assertIn("used by cuMemGetInfo", found[0])

    def test_a_reading_of_the_driver_from_before_the_last_allocations(self):
        def older(report):
            report["devices"][0]["driver"] |= {"used_bytes": 1020, "known_bytes": 20}
        framework = "\n".join(line for line in ACCOUNT.splitlines() if "used" not in line) + "\nused 1100\n"
        self.assertEqual(self.wrong(older, framework), [])
        self.assertEqual(self.wrong(older), [])

    def test_idle_memory_of_the_pool_is_free_to_the_program(self):
        idle = 1 << 30

        def more(report, used):
            report["devices"][0]["driver"] |= {"used_bytes": used, "pool_idle_bytes": idle}
        self.assertEqual(self.wrong(lambda report: more(report, 1100 + idle)), [])
        self.assertEqual(len(self.wrong(lambda report: more(report, 1100))), 2)

    def test_a_reading_while_streams_had_memory_to_free(self):
        account = "\n".join(line for line in ACCOUNT.splitlines() if "used" not in line) + "\nused 1100\n"

        def during(report, free_count):
            report["devices"][0]["driver"] |= {"used_bytes": 1 << 30, "known_bytes": 50, "driver_and_context_bytes": (1 << 30) - 50}
            report["devices"][0]["kinds"]["async"] = {"live_bytes": 0, "alloc_count": 3, "free_count": free_count}
        self.assertEqual(self.wrong(lambda report: during(report, 3), account), [])
        self.assertEqual(len(self.wrong(lambda report: during(report, 0), account)), 1)

    def test_each_missing_key_is_named(self):
        for path, name in ((("devices", 0, "kinds", "pinned"), "devices[0].kinds.pinned"),
                           (("devices", 0, "kinds", "device", "free_bytes"), "devices[0].kinds.device.free_bytes"),
                           (("devices", 0, "driver"), "devices[0].driver"),
                           (("leaks",), "leaks")):
            with self.subTest(name):
                def remove(report):
                    for key in path[:-1]:
                        report = report[key]
                    del report[path[-1]]
                self.assertIn(f"the report has no {name}", self.wrong(remove))

    def test_no_device(self):
        found = self.wrong(lambda report: report["devices"].clear())
        self.assertEqual(found, ["no report speaks of a device: devices is empty"])


class Steps(unittest.TestCase):
    def test_a_step_without_time_is_skipped_and_a_mistake_costs_only_its_step(self):
        with tempfile.TemporaryDirectory(prefix="weir-test-") as folder, open(os.devnull, "w") as nowhere, \
                contextlib.redirect_stdout(nowhere):
            run = Run(1, pathlib.Path(folder) / "out.json", {})
            run.step("long", 3600, lambda: None)
            run.step("mistaken", 1, lambda: {}["none"])
            self.assertEqual(run.step("good", 1, lambda: 5), 5)
            steps = json.loads(run.out.read_text())["steps"]
        self.assertEqual([step["outcome"] for step in steps], ["skipped", "failed", "done"])
        self.assertEqual(steps[0]["why"], "no time left of 1 minutes")

    def test_a_framework_that_is_not_there_is_skipped(self):
        with self.assertRaises(Skip) as skipped:
            programs.check_framework(None, sys.executable, None, ("None", ("no_such_module", "", ""), {}), dict(os.environ), 60)
        self.assertIn("has no no_such_module", str(skipped.exception))


class Page(unittest.TestCase):
    def test_is_what_the_recorded_results_say(self):
        recorded = weir_test.REPOSITORY / "bench" / "results" / "gpu.json"
        wanted = page.text(json.loads(recorded.read_text()) if recorded.exists() else None)
        self.assertEqual((weir_test.REPOSITORY / "docs" / "benchmarks-gpu.md").read_text(), wanted,
                         "stale: scripts/gpu-check --page")


if __name__ == "__main__":
    unittest.main()
