"""How scripts/gpu-check judges what it measures of the pools: which results hold and which do not, and that it says so for a framework, for
compute-sanitizer and for a driver that are other than hoped for. Stand-ins take their places."""

import copy
import os
import pathlib
import stat
import sys
import tempfile
import unittest

import weir_test

sys.path.insert(0, str(weir_test.REPOSITORY / "bench" / "gpu"))

import framework_times
import measures
import modes
import page
import pools
import sanitizer
import verdicts
from steps import Failed, Skip

EMPTY = {"programs": {}, "pools": {}, "measured": {}, "frameworks": {}}


def rounding_row(size, taken, count=100):
    return {"kind": "device", "bytes": size, "block_count": count, "mean_block_bytes": float(taken)}


class Verdicts(unittest.TestCase):
    def of(self, judge, part, name, found):
        results = copy.deepcopy(EMPTY)
        results[part][name] = found
        return judge(results)

    def test_granule(self):
        mib = 1 << 20
        rows = [rounding_row(1, 512, 16384), rounding_row(513, 1024, 16384), rounding_row(mib, mib), rounding_row(mib + 1, 2 * mib)]
        self.assertTrue(self.of(verdicts.granule, "measured", "rounding", {"alone": rows})[0])
        for wrong in (rounding_row(1, 256, 16384), rounding_row(mib + 1, mib + 512), rounding_row(2 * mib, 4 * mib)):
            holds, found = self.of(verdicts.granule, "measured", "rounding", {"alone": [*rows, wrong]})
            self.assertFalse(holds)
            self.assertIn(f"{wrong['bytes']:,} B take {wrong['mean_block_bytes']:,.0f}", found)

    def test_granule_allows_for_the_piece_that_the_driver_takes_at_once(self):
        rows = [rounding_row(512, 512 + (2 << 20) / 16384, 16384)]
        self.assertTrue(self.of(verdicts.granule, "measured", "rounding", {"alone": rows})[0])

    def event(self, after_ns):
        row = {"long_kernel_ns": {"alone": 5e6}, "short_kernel_ns": {"alone": 3e4}, "short_kernel_after_event_ns": {"alone": after_ns}}
        return self.of(verdicts.event_does_not_serialise, "measured", "context_event", {"rows": [{"streams": 1}, row]})

    def test_event(self):
        self.assertTrue(self.event(4e4)[0])
        self.assertFalse(self.event(5.1e6)[0])

    def loss(self, under_weir_ns):
        row = {"step_ns": {"alone": 1000.0, "strict": under_weir_ns}}
        return self.of(verdicts.no_loss, "frameworks", "CuPy", {"defaults": True, "rows": [row]})

    def test_loss(self):
        self.assertEqual(self.loss(1009.0), (True, "CuPy +0.90 %"))
        self.assertEqual(self.loss(1011.0), (False, "CuPy +1.10 %"))
        self.assertEqual(self.loss(900.0)[0], True)

    def test_loss_of_a_framework_without_its_pool_is_not_judged(self):
        row = {"step_ns": {"alone": 1000.0, "strict": 2000.0}}
        self.assertIsNone(self.of(verdicts.no_loss, "frameworks", "CuPy without its pool", {"defaults": False, "rows": [row]}))

    def test_another_answer(self):
        holds, found = self.of(verdicts.answers_are_the_same, "measured", "ipc_reuse", {"same": {"track": True, "on": False}})
        self.assertEqual((holds, found), (False, "ipc_reuse (on)"))

    def traces(self, strict_failures, reserved):
        alone = {"out_of_memory": 0, "peak_live_bytes": 1000, "reserved_peak_bytes": None}
        found = {"alone": alone, "strict": {"out_of_memory": strict_failures, "peak_live_bytes": 1000, "reserved_peak_bytes": reserved}}
        return {"modes": found, "percent": 95, "operations": 10}

    def test_room(self):
        judge = verdicts.there_is_room
        self.assertTrue(self.of(judge, "pools", "traces", self.traces(0, 1150))[0])
        self.assertFalse(self.of(judge, "pools", "traces", self.traces(0, 1151))[0])
        self.assertFalse(self.of(judge, "pools", "traces", self.traces(1, 1000))[0])
        with self.assertRaises(Failed):
            pools.judge_traces(self.traces(1, 1000))

    def test_nothing_measured(self):
        self.assertEqual({one["holds"] for one in verdicts.of(EMPTY)}, {None})


class Judges(unittest.TestCase):
    def test_memory_given_out_early(self):
        wrong = {"mode": "on", "way": "a graph", "memory": "device", "changed": 1, "spoiled": 0}
        with self.assertRaisesRegex(Failed, "on, a graph, device"):
            pools.judge_never_early({"ways": ["a graph, device"], "wrong": [wrong]})
        with self.assertRaisesRegex(Failed, "shows nothing"):
            pools.judge_never_early({"ways": [], "wrong": []})
        pools.judge_never_early({"ways": ["a graph, device"], "wrong": []})

    def test_a_spoilt_capture(self):
        race = {mode: {"spoilt": 0, "refused": 0} for mode in modes.ALL}
        found = {"same": dict.fromkeys(modes.UNDER_WEIR, True), "different": {}, "race": race}
        pools.judge_captures(found)
        race["strict"] = {"spoilt": 1, "refused": 0}
        with self.assertRaisesRegex(Failed, "strict: spoilt 1"):
            pools.judge_captures(found)
        race["alone"] = {"spoilt": 3, "refused": 0}  # then it is the driver's
        pools.judge_captures(found)

    def test_another_answer_while_capturing(self):
        found = {"same": {"on": False}, "different": {"on": [["free: 0", "free: 900"]]}, "race": {}}
        with self.assertRaisesRegex(Failed, "'free: 900', alone 'free: 0'"):
            pools.judge_captures(found)

    def test_what_is_no_time_must_be_the_same(self):
        runs = [{"alone": [{"result": "a", "step_ns": 1}], "on": [{"result": "b", "step_ns": 1}]}]
        with self.assertRaisesRegex(Failed, "result is 'a' alone, 'b' under Weir"):
            measures.together(runs, ("alone", "on"))

    def test_times_are_medians_of_the_rounds(self):
        runs = [{"alone": [{"bytes": 4, "alloc_ns": time}], "on": [{"bytes": 4, "alloc_ns": 2 * time}]} for time in (5, 1, 3)]
        self.assertEqual(measures.together(runs, ("alone", "on")), [{"bytes": 4, "alloc_ns": {"alone": 3, "on": 6}}])


class StandIns(unittest.TestCase):
    """Programs that stand for what is not on this machine."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def script(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def variables(self):
        return {name: value for name, value in os.environ.items() if not name.startswith(("WEIR", "LD_PRELOAD"))}

    def sanitized(self, condition):
        tool = self.script("compute-sanitizer", "#!/bin/sh\nshift 4\n\"$@\" || exit\n"
                           f"if {condition}; then echo '===== Invalid __global__ write of size 4 bytes'; exit 99; fi\n")
        return sanitizer.check(str(tool), weir_test.library(), "/bin/true", self.variables(), 60)

    def test_a_sanitizer_that_finds_it(self):
        found = self.sanitized("true")
        self.assertEqual((found["alone"], found["under_weir"]), ({"found": True, "returncode": 99},) * 2)

    def test_a_sanitizer_that_is_kept_from_finding_it(self):
        found = self.sanitized('[ -z "$LD_PRELOAD" ]')
        self.assertEqual((found["alone"]["found"], found["under_weir"]["found"]), (True, False))
        self.assertFalse(verdicts.sanitizer({"pools": {"sanitizer": found}})[0])

    def test_what_a_sanitizer_leaves_in_a_process(self):
        tool = self.script("compute-sanitizer", "#!/bin/sh\nNV_SANITIZER_INJECTION_PORT_BASE=49152 LANG=other exec \"$@\"\n")
        found = sanitizer.signs(str(tool), self.variables() | {"LANG": "C"}, 60)
        self.assertIn("NV_SANITIZER_INJECTION_PORT_BASE", found["variables"])
        self.assertIn("LANG", found["variables"])
        self.assertNotIn("PATH", found["variables"])

    def test_a_sanitizer_has_a_section(self):
        text = page.page_pools.sanitizer_text(copy.deepcopy(EMPTY) | {"pools": {"sanitizer": self.sanitized("true")}})
        self.assertIn("| under Weir | yes | 99 |", text)

    def framework(self, module, script, result):
        (self.folder / f"{module}.py").write_text("")
        (self.folder / script).write_text(f"import json, os\nprint(json.dumps([{{'result': {result}, 'step_ns': 1000}}]))\n")
        measuring = measures.Measuring(weir_test.library(), self.variables() | {"PYTHONPATH": str(self.folder)}, lambda: 60)
        one = next(one for one in framework_times.WITHOUT_POOL if one[1] == (module, script))
        return framework_times.measure(measuring, weir_test.system_python(), self.folder, one, 1, lambda: 100)

    def test_a_framework_in_each_mode(self):
        found = self.framework("torch", "pytorch_loop.py", "os.environ['PYTORCH_NO_CUDA_MEMORY_CACHING']")
        self.assertEqual(found["rows"], [{"result": "1", "step_ns": dict.fromkeys(modes.ALL, 1000)}])
        self.assertFalse(found["defaults"])
        results = copy.deepcopy(EMPTY) | {"frameworks": {"PyTorch without its cache": found}}
        self.assertIn("| PyTorch without its cache | 1 | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 | +0.00 % |",
                      page.page_pools.frameworks_text(results))

    def test_a_framework_that_comes_to_another_result(self):
        with self.assertRaisesRegex(Failed, "under Weir \\(on\\)"):
            self.framework("jax", "jax_loop.py", "os.environ.get('WEIR_CUDA_POOL') == 'on'")

    def answers(self, text):
        measuring = measures.Measuring(weir_test.library(), self.variables(), lambda: 60)
        return measuring.answers([self.script("asks", f"#!/bin/sh\n{text}\n")], (modes.ALONE, modes.TRACK, modes.ON))

    def test_answers_that_are_others_under_weir(self):
        found = self.answers('echo "[1, \\"$WEIR_CUDA_POOL\\"]" | sed s/off//')
        self.assertEqual((found["comparable"], found["same"]), (True, {modes.TRACK: True, modes.ON: False}))
        self.assertEqual(found["different"], {modes.ON: [["", "on"]]})

    def test_answers_that_are_others_each_time(self):
        found = self.answers('echo "[$$]"')
        self.assertEqual((found["comparable"], found["same"]), (False, {}))

    def test_a_framework_that_is_not_there(self):
        measuring = measures.Measuring(weir_test.library(), self.variables(), lambda: 60)
        with self.assertRaisesRegex(Skip, "has no no_such_module"):
            framework_times.measure(measuring, weir_test.system_python(), self.folder, ("None", ("no_such_module", ""), {}), 1, lambda: 1)


if __name__ == "__main__":
    unittest.main()
