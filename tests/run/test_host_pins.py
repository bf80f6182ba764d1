"""Big blocks of the heap that are page-locked behind the program's back (WEIR_HOST_PIN_ABOVE): the program cannot tell, the report can.

PIN_SEEDS=N tries so many seeds; PIN_SEED=N that one."""

import itertools
import json
import pathlib
import re
import tempfile
import unittest

import jsonschema

import cuda_pool
from weir_test import REPOSITORY, run_weir

SEEDS = cuda_pool.number_from_environment("PIN_SEEDS", 3)
SEED = cuda_pool.number_from_environment("PIN_SEED", 0)
CALLS = 500
MIB = 1 << 20
SCHEMA = jsonschema.Draft202012Validator(json.loads((REPOSITORY / "docs" / "report.schema.json").read_text()))


def run(arguments, above=None, mode=cuda_pool.STRICT, options=None, **settings):
    """Under Weir with blocks of that size page-locked; None: without Weir."""
    if above is None:
        return cuda_pool.run("cuda_host_pins", arguments, None, **settings)
    return cuda_pool.run("cuda_host_pins", arguments, mode, {"HOST_PIN_ABOVE": above, **(options or {})}, report=True, **settings)


def report_of(result):
    """The program's: its forked children have reports too."""
    pids = {report["process"]["pid"] for report in result.reports}
    return next(report for report in result.reports if report["process"]["ppid"] not in pids)


def pins_of(result):
    return report_of(result)["cuda"]["pool"]["host_pins"]


def shown_of(result):
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        pathlib.Path(file.name).write_text(json.dumps(report_of(result)))
        return run_weir(["show", file.name]).stdout.decode()


def first_difference(expected, found):
    for number, (one, other) in enumerate(itertools.zip_longest(expected.splitlines(), found.splitlines())):
        if one != other:
            return f"line {number}: expected\n  {one}\nfound\n  {other}"
    return None


@unittest.skipUnless(cuda_pool.SIMCUDA.exists(), "no CUDA toolkit: there is no simulated driver")
class Case(unittest.TestCase):
    def assert_same(self, arguments, above, **how):
        """The run under Weir."""
        expected, found = run(arguments), run(arguments, above, **how)
        self.assertEqual((expected.returncode, expected.stderr), (0, b""))
        self.assertEqual((found.returncode, found.stderr), (0, b""))
        difference = first_difference(expected.stdout.decode(), found.stdout.decode())
        if difference is not None:
            self.fail(f"{arguments} above {above} {how}: {difference}")
        return found


class Differential(Case):
    def assert_all_same(self, above, *more, **how):
        """The last run under Weir."""
        for seed in [SEED] if SEED else range(1, SEEDS + 1):
            with self.subTest(seed=seed):
                found = self.assert_same(["random", seed, CALLS, *more], above, **how)
                self.assertGreater(pins_of(found)["register_count"], 0)
        return found

    def test_the_program_is_the_same_each_time(self):
        for seed in range(1, 3):
            with self.subTest(seed=seed):
                self.assertEqual(run(["random", seed, CALLS, "graphs"]).stdout, run(["random", seed, CALLS, "graphs"]).stdout)

    def test_all_blocks_that_may_be(self):
        self.assert_all_same("1B")

    def test_blocks_above_a_size(self):
        pins = pins_of(self.assert_all_same("2MiB"))
        self.assertGreaterEqual(pins["register_bytes"], 2 * MIB * pins["register_count"])

    def test_with_graphs(self):
        self.assertEqual(pins_of(self.assert_all_same("1B", "graphs"))["limitation"], "the program makes graphs")

    def test_with_a_pool_that_does_not_wait(self):
        self.assert_all_same("1B", mode=cuda_pool.ON)

    def test_without_a_pool_of_device_memory(self):
        self.assert_all_same("1B", mode=cuda_pool.OFF)

    def test_with_segments(self):
        self.assert_all_same("1B", mode=cuda_pool.VMM)

    def test_where_little_may_be_kept_aside(self):
        pins = pins_of(self.assert_all_same("1B", options={"PINNED_POOL_MAX": "1MiB"}))
        self.assertGreater(pins["unregister_count"], 0)

    def test_where_the_heap_is_sampled(self):
        self.assert_all_same("1B", options={"SAMPLE": "1MiB"})

    def test_where_the_heap_is_not_tracked(self):
        self.assert_all_same("1B", options={"TRACK": "device"})

    def test_with_self_checks(self):
        self.assert_all_same("1B", options={"DEBUG": "on"})

    def test_where_each_other_registration_is_refused(self):
        faults = ",".join(f"cuMemHostRegister_v2:{number}=2" for number in range(2, 400, 2))
        seed = ["random", 1, CALLS]
        # The program's own registrations are refused as well, another one: they are left out.
        self.assertGreater(pins_of(run(seed, "1B", SIMCUDA_FAIL=faults))["refused_count"], 3)


class Cases(Case):
    def test_what_is_changed_after_an_asynchronous_copy_is_copied_as_it_was(self):
        pins = pins_of(self.assert_same(["loop"], "1MiB"))
        self.assertEqual((pins["wait_count"], pins["copy_count"], pins["copy_bytes"]), (50, 50, 50 * 2 * MIB))
        # One registration serves them all: the block is handed out again as it is.
        self.assertEqual((pins["register_count"], pins["reuse_count"], pins["refused_count"]), (1, 49, 0))

    def test_little_is_copied_without_waiting_for_the_stream(self):
        self.assertEqual(pins_of(self.assert_same(["small"], "1MiB"))["register_count"], 1)

    def test_what_is_freed_goes_back_beyond_the_limit(self):
        pins = pins_of(self.assert_same(["many"], "1MiB", options={"PINNED_POOL_MAX": "100MiB"}))
        self.assertEqual(pins["register_count"], 24)
        self.assertLessEqual(pins["aside_bytes"], 100 * MIB)
        self.assertEqual(pins["unregister_count"], 24 - pins["aside_count"])

    def test_a_graph_is_made_of_pageable_memory(self):
        pins = pins_of(self.assert_same(["graph"], "1MiB"))
        self.assertEqual((pins["register_count"], pins["unregister_count"], pins["limitation"]), (1, 1, "the program makes graphs"))

    def test_a_registration_ends_with_its_context(self):
        pins = pins_of(self.assert_same(["contexts"], "1MiB"))
        self.assertEqual((pins["register_count"] + pins["reuse_count"], pins["unregister_count"]), (4, 0))

    def test_a_block_is_freed_in_a_signal_handler(self):
        self.assertGreater(pins_of(self.assert_same(["handler"], "1MiB"))["register_count"], 0)

    def test_the_driver_has_everything_back_when_it_is_out_of_memory(self):
        pins = pins_of(self.assert_same(["out of memory"], "1MiB"))
        self.assertEqual((pins["register_count"], pins["unregister_count"], pins["registered_bytes"]), (2, 2, 0))

    def test_threads(self):
        for mode in (cuda_pool.STRICT, cuda_pool.ON):
            with self.subTest(mode=mode):
                result = self.assert_same(["threads"], "1MiB", mode=mode)
                self.assertIn(b"\n0 wrong\n", b"\n" + result.stdout)

    def test_where_the_driver_refuses_nothing_changes(self):
        result = self.assert_same(["loop"], "1MiB", SIMCUDA_FAIL="cuMemHostRegister_v2:0=2")
        pins = pins_of(result)
        self.assertEqual((pins["register_count"], pins["copy_count"], pins["registered_bytes"]), (0, 0, 0))
        self.assertEqual(pins["refused_count"], 50)  # each is another block

    def test_where_a_device_reads_pageable_memory_nothing_is_registered(self):
        pins = pins_of(self.assert_same(["loop"], "1MiB", SIMCUDA_READS_PAGEABLE=1))
        self.assertEqual((pins["register_count"], pins["limitation"]), (0, "a device reads pageable memory itself"))

    def test_it_needs_the_pool(self):
        result = run(["loop"], "1MiB", options={"HOST_POOL": "off"})
        self.assertEqual(result.stderr, b"weir: WEIR_HOST_PIN_ABOVE needs the pool: with WEIR_HOST_POOL=off no block is registered\n")
        self.assertIsNone(pins_of(result))

    def test_off_by_default(self):
        result = cuda_pool.run("cuda_host_pins", ["loop"], cuda_pool.STRICT, report=True, counts=True)
        self.assertIsNone(pins_of(result))
        self.assertNotIn("cuMemHostRegister_v2", result.counts["calls"])

    def test_smaller_blocks_stay_as_they_are(self):
        self.assertEqual(pins_of(self.assert_same(["loop"], "3MiB"))["register_count"], 0)


class Report(Case):
    def test_it_is_no_allocation_of_the_programs(self):
        report = report_of(run(["many"], "1MiB"))
        self.assertEqual([error.message[:300] for error in SCHEMA.iter_errors(report)], [])
        self.assertNotIn("registered", report["devices"][0]["kinds"])
        self.assertEqual({t["host_memory"] for t in report["cuda"]["transfers"] if t["direction"] == "host_to_device"}, {"pageable"})
        self.assertEqual(report["cuda"]["pool"]["options"]["WEIR_HOST_PIN_ABOVE"], "1MiB")

    def test_weir_show_says_what_was_registered(self):
        result = run(["loop"], "1MiB")
        shown = shown_of(result)
        self.assertRegex(shown, r"\n  host blocks 1 registered \(2\.\d MiB\), 49 handed out again; 50 copies of 100 MiB; driver: \d")

    def test_weir_show_says_why_nothing_was(self):
        result = run(["loop"], "1MiB", SIMCUDA_READS_PAGEABLE=1)
        shown = shown_of(result)
        self.assertTrue(re.search(r"host blocks 0 registered.*\n +limited: a device reads pageable memory itself\n", shown), shown)


if __name__ == "__main__":
    unittest.main()
