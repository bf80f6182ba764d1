"""What weir show and weir run say of CUDA, beside the golden files of test_command_show: parts that a report lacks, equal places of
several processes, damaged tables, and programs that nvcc built, on the simulated device."""

import json
import os
import pathlib
import shutil
import tempfile
import unittest

from weir_test import REPOSITORY, build_dir, program, run_under_weir, run_weir

GOLDEN = REPOSITORY / "tests" / "golden" / "report_cuda.json"
SIMCUDA = build_dir() / "simcuda"
STATIC = program("cuda_runtime_calls_static")
SHARED = program("cuda_runtime_calls_shared")
ENVIRONMENT = {"LD_LIBRARY_PATH": str(SIMCUDA), "SIMCUDA_KERNELS": str(SIMCUDA / "libsimcuda_kernels.so")}
PARTS = ["CUDA device", "CUDA memory", "CUDA copies", "Heap errors", "Out of memory", "Freed with its context",
         "Many small copies", "Large copies of pageable memory"]


class Shown(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.report = json.loads(GOLDEN.read_text())

    def show(self, *arguments, reports=None):
        paths = []
        for i, report in enumerate(reports or [self.report]):
            paths.append(pathlib.Path(self.folder, f"{i}.json"))
            paths[i].write_text(json.dumps(report))
        return run_weir(["show", *arguments, *map(str, paths)])

    def text(self, *arguments, **named):
        result = self.show(*arguments, **named)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        return result.stdout.decode()

    def test_a_report_of_before_shows_as_before(self):
        for key in ("devices", "cuda", "errors", "out_of_memory", "large"):
            del self.report[key]
        self.report["leaks"] = []
        text = self.text()
        self.assertIn("\nNo leaks.\n", text)
        self.assertEqual([part for part in PARTS if part in text], [])

    def test_a_program_that_left_nothing_shows_nothing(self):
        self.report.update(devices=[], leaks=[], errors=[], out_of_memory=[])
        self.report["cuda"].update(transfers=[], freed_with_context=[], present=False)
        text = self.text()
        self.assertIn("\nNo leaks.\n", text)
        self.assertEqual([part for part in PARTS if part in text], [])

    def test_what_ended_with_its_context_is_no_leak(self):
        self.report.update(leaks=[])
        text = self.text()
        self.assertIn("\nNo leaks.\n\nFreed with its context: 3.0 MiB in 2 allocations\n", text)

    def test_what_was_not_tracked_is_said(self):
        self.report["devices"] = []
        self.report["cuda"]["tracked"] = False
        self.assertIn("\nCUDA memory\n  allocated   not tracked: ", self.text())

    def test_memory_of_no_device(self):
        self.report["devices"][0].update(index=None, name=None, driver=None)
        text = self.text()
        self.assertIn("\nCUDA memory of no device\n  device ", text)
        self.assertNotIn("  driver ", text)

    def test_a_device_without_a_driver_that_answers(self):
        self.report["devices"][0].update(name=None, driver=None)
        self.assertIn("\nCUDA device 0\n  peak ", self.text())

    def test_equal_errors_are_one_entry(self):
        self.report["errors"] = [self.report["errors"][0]] * 3
        self.report["cuda"]["errors_left_out_count"] = 7
        text = self.text()
        self.assertIn("\nHeap errors: 10\n", text)
        self.assertEqual(text.count("double free: "), 1)
        self.assertIn(", the first of 3  (device memory, device 0)\n", text)
        self.assertIn("\n  and 7 more that the report does not list\n", text)

    def test_copies_are_hinted_at_from_a_hundred_and_from_16_mib(self):
        template = {"direction": "host_to_device", "host_memory": "pageable", "synchronous": False, "call": "cudaMemcpyAsync",
                    "stack": 0}
        for change, small, large in [
                ({"count": 100, "bytes": 400, "small_count": 51}, True, False),
                ({"count": 99, "bytes": 400, "small_count": 99}, False, False),
                ({"count": 100, "bytes": 400, "small_count": 50}, False, False),
                ({"count": 100, "bytes": 400, "small_count": 100, "direction": "fill", "host_memory": "none"}, False, False),
                ({"count": 1, "bytes": 16 << 20, "small_count": 0}, False, True),
                ({"count": 1, "bytes": (16 << 20) - 1, "small_count": 0}, False, False),
                ({"count": 1, "bytes": 16 << 20, "small_count": 0, "host_memory": "pinned"}, False, False)]:
            with self.subTest(change=change):
                self.report["cuda"]["transfers"] = [{**template, **change}]
                text = self.text()
                self.assertEqual("\nMany small copies" in text, small)
                self.assertEqual("\nLarge copies of pageable memory" in text, large)

    def test_several_processes_on_one_device_are_added_up(self):
        other = json.loads(json.dumps(self.report))
        other["process"]["pid"] += 1
        text = self.text(reports=[self.report, other])
        self.assertIn("\nCUDA device 0, Simulated device 0, 2 processes\n  peak        39.1 MiB live in the largest process\n", text)
        self.assertIn("\n  8.0 MiB in 4 blocks  (device memory, device 0, cuMemAlloc_v2)  in 2 processes\n", text)
        self.assertIn("\nFreed with its context: 6.0 MiB in 4 allocations\n", text)

    def test_devices_of_one_stack_are_told_apart(self):
        second = dict(self.report["leaks"][0], device=1)
        self.report["leaks"].append(second)
        text = self.text()
        self.assertIn("\n  4.0 MiB in 2 blocks  (device memory, device 0, cuMemAlloc_v2)\n", text)
        self.assertIn("\n  3.0 MiB in 1 block  (device memory, device 1, cuMemAlloc_v2)\n", text)

    def test_damaged_tables_are_refused(self):
        for change, expected in [
                (lambda r: r["errors"][0].update(alloc_stack=999), '"errors" to hold indices into stacks'),
                (lambda r: r["errors"][0].pop("stack"), '"errors" to hold entries with an index into stacks'),
                (lambda r: r["out_of_memory"][0]["holders"][0].update(stack=-1), '"holders" to hold entries with an index'),
                (lambda r: r["cuda"]["transfers"][0].update(stack="0"), '"transfers" to hold entries with an index'),
                (lambda r: r["cuda"].update(freed_with_context={}), '"freed_with_context" to hold an array'),
                (lambda r: r.update(cuda=[]), '"cuda" to hold an object'),
                (lambda r: r.update(devices=[7]), '"devices" to hold objects')]:
            report = json.loads(GOLDEN.read_text())
            change(report)
            result = self.show(reports=[report])
            self.assertEqual((result.returncode, result.stdout), (2, b""), expected)
            self.assertIn(expected, result.stderr.decode())


@unittest.skipUnless(STATIC.exists() and SIMCUDA.exists(), "no CUDA toolkit: there is no simulated device")
class Run(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def finished_report(self, path):
        raw = run_under_weir([path], env=ENVIRONMENT).report_texts[0]
        file = pathlib.Path(self.folder, "raw.json")
        file.write_bytes(raw)
        return json.loads(run_weir(["show", "--json", str(file)]).stdout)

    def test_a_static_runtimes_calls_have_its_names(self):
        def named(report):
            device_leaks = [leak for leak in report["leaks"] if leak["memory"] not in ("host", "mmap")]
            return ([leak["call"] for leak in device_leaks], [s["family"] for leak in device_leaks for s in leak["samples"]],
                    sorted(transfers["call"] for transfers in report["cuda"]["transfers"]),
                    [(error["call"], error["alloc_call"]) for error in report["errors"]],
                    [event["call"] for event in report["out_of_memory"]])

        static = named(self.finished_report(STATIC))
        self.assertEqual(static, named(self.finished_report(SHARED)))
        self.assertEqual((static[0], static[3], static[4]), (["cudaMalloc"], [("cudaFree", "cudaMalloc")], ["cudaMalloc"]))

    def test_the_finished_report_meets_the_schema(self):
        import jsonschema
        schema = json.loads((REPOSITORY / "docs" / "report.schema.json").read_text())
        problems = jsonschema.Draft202012Validator(schema).iter_errors(self.finished_report(STATIC))
        self.assertEqual([error.message[:300] for error in problems], [])

    def test_the_summary_of_a_run_says_what_happened(self):
        where = os.path.join(self.folder, "r.json")
        result = run_weir(["run", "--top", "50", "--report", where, "--", str(STATIC)], env=ENVIRONMENT)
        self.assertEqual(result.returncode, 0)
        text = result.stderr.decode()
        for expected in ["\nCUDA device 0, Simulated device 0\n", "\nCUDA copies and fills\n  to device ", "\nHeap errors: 1\n",
                         "\n  double free: cudaFree of 1.0 MiB at 0x", "\n    allocated by cudaMalloc at\n",
                         "\nOut of memory: 1\n  cudaMalloc of 1.0 TiB failed after ",
                         "\n  3.9 KiB in 1 block  (device memory, device 0, cudaMalloc)\n"]:
            self.assertIn(expected, text)


if __name__ == "__main__":
    unittest.main()
