"""What the report says of CUDA's memory: a program that uses the driver, run on the simulated device under Weir. Each function of the
program is named for what becomes of its memory, so that stacks can be told by names."""

import json
import unittest

import jsonschema

from weir_test import REPOSITORY, build_dir, call_sites, program, run_alone, run_under_weir, symbolise

PROGRAM = program("cuda_device_memory")
SIMCUDA = build_dir() / "simcuda"
MIB = 1 << 20
SCHEMA = json.loads((REPOSITORY / "docs" / "report.schema.json").read_text())


def run(case, options=None, **environment):
    return run_under_weir([PROGRAM, case], env={"LD_LIBRARY_PATH": SIMCUDA, **environment}, weir_options=options)


def functions_of(report, stack):
    names = [site[0] or "" for site in call_sites(report, stack)]
    return [name.replace("(anonymous namespace)::", "").split("(")[0] for name in names]


@unittest.skipUnless(PROGRAM.exists(), "no CUDA toolkit: there is no simulated driver")
class Tracking(unittest.TestCase):
    def report_of(self, case, options=None, **environment):
        result = run(case, options, **environment)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        report = symbolise(result.report_texts[0])
        problems = [error.message[:300] for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(report)]
        self.assertEqual(problems[:3], [])
        return report

    def device_leaks(self, report):
        return [leak for leak in report["leaks"] if leak["memory"] not in ("host", "mmap")]

    def assert_called_from(self, report, stack, function):
        self.assertIn(function, functions_of(report, stack))

    def test_a_leak_of_each_kind_is_told_once_with_its_stack(self):
        report = self.report_of("leaks")
        found = {(leak["memory"], leak["bytes"]): leak for leak in self.device_leaks(report)}
        expected = {("vmm", 2 * MIB): "leak_physical", ("device", 10000): "leak_pitched",
                    ("registered", 8192): "leak_registration", ("array", 64 * 8 * 2 * 8): "leak_array",
                    ("graph", 7000): "leave_by_graph", ("async", 6000): "leak_in_stream", ("pinned", 4000): "leak_pinned",
                    ("managed", 3000): "leak_managed", ("device", 1000): "leak_device"}
        self.assertEqual(set(found), set(expected))
        for key, function in expected.items():
            self.assertEqual((found[key]["count"], found[key]["device"]), (1, 0), key)
            self.assert_called_from(report, found[key]["stack"], function)
        self.assertGreater(found["device", 10000]["taken_bytes"], 10000)
        self.assertIn("stream", found["async", 6000]["samples"][0])

    def test_totals_of_a_device_count_each_byte_on_it_once(self):
        device, of_none = self.report_of("leaks")["devices"]
        on_device = 2 * MIB + 10000 + 8192 + 7000 + 6000 + 1000  # not managed, pinned, registered memory, and no mapping twice
        self.assertEqual(device["live_bytes"], on_device)
        self.assertEqual(device["peak_bytes"], on_device + 5000)
        self.assertEqual(device["kinds"]["device"]["free_bytes"], 5000)
        self.assertEqual(device["kinds"]["mapping"]["live_bytes"], 2 * MIB)
        self.assertEqual(device["kinds"]["graph_node"]["alloc_count"], 2)
        self.assertEqual((of_none["index"], set(of_none["kinds"]), of_none["live_bytes"]), (None, {"reservation"}, 0))
        driver = device["driver"]  # as it was when the driver was asked last
        self.assertTrue(1000 <= driver["known_bytes"] <= on_device + 5000, driver)
        self.assertEqual(driver["driver_and_context_bytes"], driver["used_bytes"] - driver["known_bytes"] - driver["pool_idle_bytes"])

    def test_each_device_has_figures_of_its_own(self):
        report = self.report_of("two_devices", SIMCUDA_DEVICES="2")
        self.assertEqual([(d["index"], d["live_bytes"]) for d in report["devices"]], [(0, 1000), (1, 2000)])
        self.assertEqual(sorted((leak["device"], leak["bytes"]) for leak in self.device_leaks(report)), [(0, 1000), (1, 2000)])

    def test_what_ends_with_its_context_is_no_leak_but_listed(self):
        for case, left in (("context_end", 100), ("primary_reset", 300)):
            with self.subTest(case):
                report = self.report_of(case)
                self.assertEqual([(leak["memory"], leak["bytes"]) for leak in self.device_leaks(report)], [("device", left)])
                freed = {f["memory"]: f for f in report["cuda"]["freed_with_context"]}
                self.assertEqual({m: (f["bytes"], f["count"]) for m, f in freed.items()}, {"device": (2000, 1), "pinned": (4000, 1)})
                self.assert_called_from(report, freed["device"]["stack"], "left_in_context")
                self.assertEqual(report["devices"][0]["kinds"]["device"]["context_freed_bytes"], 2000)
                self.assertEqual(report["devices"][0]["live_bytes"], left)

    def test_wrong_frees_are_answered_by_the_driver_and_told_with_both_stacks(self):
        alone = run_alone([PROGRAM, "errors"], env={"LD_LIBRARY_PATH": SIMCUDA})
        self.assertEqual(run("errors").stdout, alone.stdout)
        report = self.report_of("errors")
        double, interior, foreign, mismatched = report["errors"]
        kinds = [error["kind"] for error in report["errors"]]
        self.assertEqual(kinds, ["double_free", "interior_free", "foreign_free", "mismatched_free"])
        for error in report["errors"]:
            self.assert_called_from(report, error["stack"], "free_again")
            self.assertEqual(error["result"], 1)
        self.assert_called_from(report, double["alloc_stack"], "leak_device")
        self.assert_called_from(report, double["free_stack"], "free_first")
        self.assertEqual((interior["bytes"], interior["offset_bytes"]), (2000, 512))
        self.assertNotIn("alloc_stack", foreign)
        self.assertEqual((mismatched["memory"], mismatched["alloc_call"]), ("pinned", "cuMemHostAlloc"))

    def test_an_earlier_asynchronous_error_is_no_wrong_free(self):
        report = self.report_of("late_free", SIMCUDA_FAIL="cuMemFree_v2:1=700")
        self.assertEqual(report["errors"], [])

    def test_a_free_after_the_end_of_its_context_is_no_wrong_free(self):
        report = self.report_of("late_free")
        self.assertEqual((report["errors"], self.device_leaks(report)), ([], []))
        self.assertEqual(report["cuda"]["freed_with_context"][0]["bytes"], 1000)

    def test_physical_memory_lives_as_long_as_it_is_mapped(self):
        report = self.report_of("mapped_only")
        leak, = self.device_leaks(report)
        self.assertEqual((leak["memory"], leak["bytes"], leak["count"]), ("vmm", 2 * MIB, 1))
        figures = report["devices"][0]["kinds"]["vmm"]
        self.assertEqual((figures["alloc_count"], figures["free_count"]), (3, 2))

    def test_a_capture_goes_on_where_another_one_could_not_be_ended(self):
        report = self.report_of("wrong_end")
        self.assertEqual(self.device_leaks(report), [])
        self.assertNotIn("async", report["devices"][0]["kinds"])

    def test_a_report_is_wanted_for_a_devices_leaks(self):
        self.assertEqual(len(run("device_only", {"REPORT_IF": "leaks", "TRACK": "device"}).reports), 1)
        self.assertEqual(len(run("wrong_end", {"REPORT_IF": "leaks", "TRACK": "device"}).reports), 0)

    def test_a_request_too_large_tells_who_holds_the_memory(self):
        report = self.report_of("out_of_memory")
        event, = report["out_of_memory"]
        self.assertEqual((event["bytes"], event["device"], event["live_bytes"], event["live_count"]), (1 << 40, 0, 30 * MIB, 3))
        self.assertEqual(sum(holder["bytes"] for holder in event["holders"]), 30 * MIB)
        self.assert_called_from(report, event["holders"][0]["stack"], "hoard")
        self.assertEqual(self.report_of("out_of_memory", {"OOM_REPORT": "off"})["out_of_memory"], [])

    def test_transfers_are_told_by_direction_and_stack(self):
        report = self.report_of("transfers")
        told = {(t["direction"], t["host_memory"], t["call"]): t for t in report["cuda"]["transfers"]
                if "copy_many_small" not in functions_of(report, t["stack"])}
        expected = {("host_to_device", "pageable", "cuMemcpyHtoD_v2"): MIB, ("device_to_host", "pinned", "cuMemcpyDtoHAsync_v2"): MIB,
                    ("device_to_device", "none", "cuMemcpyDtoD_v2"): MIB, ("host_to_device", "pinned", "cuMemcpy"): MIB,
                    ("fill", "none", "cuMemsetD32_v2"): MIB, ("host_to_device", "pageable", "cuMemcpy2D_v2"): 1000}
        self.assertEqual({key: t["bytes"] for key, t in told.items()}, expected)
        timed = {key for key, t in told.items() if "bytes_per_second" in t}
        self.assertEqual(timed, {key for key in expected if key[0] == "host_to_device"})
        small, = [t for t in report["cuda"]["transfers"] if "copy_many_small" in functions_of(report, t["stack"])]
        self.assertEqual((small["count"], small["bytes"], small["small_count"]), (200, 200, 200))

    def test_a_forked_child_reports_nothing_of_its_parents(self):
        result = run("forked")
        parent, child = result.reports
        self.assertEqual(len(self.device_leaks(parent)), 1)
        self.assertEqual((child["devices"], self.device_leaks(child), child["cuda"]["calls"]), ([], [], []))

    def test_threads_are_told(self):
        leak, = self.device_leaks(self.report_of("threads"))
        self.assertEqual((leak["count"], leak["bytes"], leak["thread_count"]), (3, 3000, 3))

    def test_kinds_left_out_are_not_tracked(self):
        memories = {leak["memory"] for leak in self.device_leaks(self.report_of("leaks", {"TRACK": "host,pinned"}))}
        self.assertEqual(memories, {"pinned", "registered"})
        memories = {leak["memory"] for leak in self.device_leaks(self.report_of("leaks", {"TRACK": "device"}))}
        self.assertEqual(memories, {"vmm", "device", "array", "graph", "async", "managed"})

    def test_switched_off_nothing_is_seen_and_nothing_differs(self):
        result = run("errors", {"CUDA": "off"})
        self.assertEqual(result.stdout, run_alone([PROGRAM, "errors"], env={"LD_LIBRARY_PATH": SIMCUDA}).stdout)
        self.assertEqual((result.report["devices"], result.report["errors"], result.report["cuda"]["calls"]), ([], [], []))
        self.assertFalse(result.report["cuda"]["tracked"])


class Host(unittest.TestCase):
    def test_a_request_too_large_tells_who_holds_the_hosts_memory(self):
        result = run_under_weir([program("out_of_memory")])
        self.assertEqual((result.returncode, result.stdout), (0, b"malloc new realloc\n"))
        report = symbolise(result.report_texts[0])
        self.assertEqual([event["call"] for event in report["out_of_memory"]], ["malloc", "new", "malloc"])
        for event in report["out_of_memory"]:
            self.assertEqual(event["memory"], "host")
            self.assertGreaterEqual(event["bytes"], 4 << 30)
            self.assertGreaterEqual(event["live_bytes"], 50 * MIB)
            self.assertIn("hoard", functions_of(report, event["holders"][0]["stack"]))
            self.assertEqual(event["holders"][0]["bytes"], 50 * MIB)

    def test_a_program_without_cuda_has_an_empty_part(self):
        report = run_under_weir(["/bin/true"]).report
        self.assertEqual(report["devices"], [])
        self.assertFalse(report["cuda"]["present"])
        for key in ("calls", "transfers", "freed_with_context"):
            self.assertEqual(report["cuda"][key], [])


if __name__ == "__main__":
    unittest.main()
