"""What Weir records of CUDA memory is what the driver logged, one to one, however a program comes to the driver's functions.

The programs make every call that the toolkit has (tests/simcuda/memory_calls.py derives which from the toolkit's own files); the log is the
simulated driver's own. What Weir asks the driver itself is in that log too: of those functions the log of a run without Weir says what
the program called.
"""

import collections
import os
import pathlib
import re
import sys
import tempfile
import unittest

import driver_record
import weir_test as wt

sys.path.insert(0, str(wt.REPOSITORY / "tests" / "simcuda"))
import memory_calls  # noqa: E402

SIMCUDA = wt.build_dir() / "simcuda"
PROGRAM = wt.program("memory_calls")
PLUGIN = wt.build_dir() / "tests" / "programs" / "libmemory_calls_plugin.so"
ENTRY_POINTS = wt.REPOSITORY / "src" / "cuda" / "entry_points.def"
DRIVER_HEADER = wt.REPOSITORY / "src" / "cuda" / "driver.h"

# Takes the functions' addresses as ctypes finds them, and calls some itself.
PYTHON = """
import ctypes, sys
driver = ctypes.CDLL("libcuda.so.1")
plugin = ctypes.CDLL(sys.argv[1])
plugin.name_of.restype = ctypes.c_char_p
names = []
while plugin.name_of(len(names)) is not None: names.append(plugin.name_of(len(names)).decode())
addresses = (ctypes.c_void_p * len(names))(*[ctypes.cast(getattr(driver, name), ctypes.c_void_p) for name in names])
wrong = plugin.run_with(addresses)
address = ctypes.c_uint64()
allocated = driver.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(12345))
sys.exit(wrong or allocated)
"""

ROUTES = {
    "linked": [wt.program("memory_calls_linked")],
    "dlsym": [PROGRAM, "dlsym"],
    "dlsym(RTLD_DEFAULT)": [PROGRAM, "default"],
    "cuGetProcAddress": [PROGRAM, "cuGetProcAddress"],
    "cuGetProcAddress_v2": [PROGRAM, "cuGetProcAddress_v2"],
    "a plugin": [PROGRAM, "plugin", PLUGIN],
    "ctypes": [wt.system_python(), "-c", PYTHON, PLUGIN],
}
unittest.TestCase.maxDiff = None
RUNTIME_PROGRAMS = {kind: wt.program(f"cuda_runtime_calls_{kind}") for kind in ("static", "shared")}
LEAK_KINDS = ("device", "managed", "pinned", "registered", "async", "graph", "vmm", "array", "ipc", "external")


def exported_memory_calls():
    """From the toolkit's stub of the driver; what the programs call and the driver logs."""
    return re.findall(r"\((\w+)\)", (wt.build_dir() / "tests/simcuda/generated/memory_calls.inc").read_text())


def listed_entry_points():
    return re.findall(r"^WEIR_CUDA_ENTRY\((\w+),", ENTRY_POINTS.read_text(), re.M)


def asked_by_weir():
    """Functions that Weir calls too."""
    return set(re.findall(r"^  X\(\w+, (cu\w+),", DRIVER_HEADER.read_text(), re.M))


def not_listed(names, listed):
    return sorted(set(names) - set(listed))


def toolkit_include():
    return pathlib.Path(wt.configured("WEIR_CUDA_INCLUDE")["WEIR_CUDA_INCLUDE"])


def run_logged(argv, run, settings=None, **options):
    """The run, and the driver's lines by process. settings: what else the simulated driver is told. Without Weir's pool: the driver then
    sees each call that the program makes."""
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "calls")
        environment = {"LD_LIBRARY_PATH": SIMCUDA, "SIMCUDA_DEVICES": 2, "SIMCUDA_LOG": log,
                       "SIMCUDA_KERNELS": SIMCUDA / "libsimcuda_kernels.so"} | (settings or {})
        if run is wt.run_under_weir:
            options["weir_options"] = {"CUDA_POOL": "off"} | (options.get("weir_options") or {})
        result = run(argv, env=environment, **options)
        return result, driver_record.read_log(log)


def asked_of(lines):
    """The calls as the program made them, free of addresses."""
    fields = ("call", "result", "asked", "bytes", "kind", "device", "from", "to")
    return [tuple(line.get(field) for field in fields) for line in lines if "result" in line]


def without(calls, lines):
    return [line for line in lines if line["call"] not in calls]


def of_same_process(lines, alone_log):
    """The lines of the process that asked the same in the run without Weir; what Weir asks apart."""
    questions = asked_by_weir()
    same = [alone for alone in alone_log.values()
            if asked_of(without(questions, alone)) == asked_of(without(questions, lines))]
    return same[0] if same else None


@unittest.skipUnless(PLUGIN.exists(), "no CUDA toolkit: there is no simulated driver")
class EveryEntryPoint(unittest.TestCase):
    def test_what_the_toolkit_exports_for_memory_is_in_the_list(self):
        self.assertEqual(not_listed(exported_memory_calls(), listed_entry_points()), [])

    def test_what_the_toolkit_declares_for_memory_is_in_the_list(self):
        declared = re.findall(r"\bCUDAAPI\s+(cu\w+)\s*\(", (toolkit_include() / "cuda.h").read_text(errors="replace"))
        self.assertGreater(len(declared), 500)
        self.assertEqual(not_listed(memory_calls.memory_calls(declared), listed_entry_points()), [])

    def test_nothing_else_is_in_the_list(self):
        self.assertEqual(not_listed(listed_entry_points(), exported_memory_calls()), [])

    def test_each_that_is_missing_from_the_list_is_named(self):
        names = exported_memory_calls()
        listed = listed_entry_points()
        for name in names:
            self.assertEqual(not_listed(names, [other for other in listed if other != name]), [name])

    def test_a_function_of_a_newer_toolkit_has_to_be_looked_at(self):
        new = ["cuMemAllocTiled", "cuMemAlloc_v3", "cuTileFree_ptsz", "cuMemcpyWithAttributesAsync_v2",
               "cuLaunchTile", "cuCtxCreate_v5", "cuPointerGetTile_ptsz", "cuTileQuery", "cuDeviceGetTile"]
        self.assertEqual(memory_calls.memory_calls(new), new[:-1])


@unittest.skipUnless(PLUGIN.exists(), "no CUDA toolkit: there is no simulated driver")
class Record(unittest.TestCase):
    def assert_record(self, report, lines, alone_log):
        self.assert_calls(report, lines, alone_log)
        record = driver_record.Record(lines)
        self.assert_kinds(report, record)
        self.assert_leaks(report, record)

    def assert_calls(self, report, lines, alone_log):
        names, questions = set(exported_memory_calls()), asked_by_weir()
        alone = of_same_process(lines, alone_log)
        self.assertIsNotNone(alone, "without Weir no process asks the same")
        recorded = {call["name"]: (call["count"], call["failed_count"]) for call in report["cuda"]["calls"]}
        self.assertEqual(recorded, driver_record.calls_of(lines, names - questions)
                         | driver_record.calls_of(alone, names & questions))

    def assert_kinds(self, report, record):
        expected = record.kinds()
        recorded, failed = {}, collections.Counter()
        for device in report["devices"]:
            for kind, figures in device["kinds"].items():
                failed[kind] += figures["failed_count"]
                if figures["alloc_count"]:
                    recorded[device["index"], kind] = {name: figures[name] for name in next(iter(expected.values()))}
        differing = {place: (recorded.get(place), expected.get(place)) for place in recorded | expected
                     if recorded.get(place) != expected.get(place)}
        self.assertEqual(differing, {})
        self.assertEqual({kind: count for kind, count in failed.items() if count}, dict(record.failed))

    def assert_leaks(self, report, record):
        leaked, live = collections.Counter(), collections.Counter()
        for leak in report["leaks"]:
            if leak["memory"] in LEAK_KINDS:
                leaked[leak["memory"], leak["device"], "bytes"] += leak["bytes"]
                leaked[leak["memory"], leak["device"], "count"] += leak["count"]
        for (device, kind), figures in record.kinds().items():
            if kind in LEAK_KINDS and figures["live_count"]:
                live[kind, device, "bytes"] += figures["live_bytes"]
                live[kind, device, "count"] += figures["live_count"]
        self.assertEqual(leaked, live)

    def assert_transfers(self, report, lines):
        by_call, by_ends = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
        for transfer in report["cuda"]["transfers"]:
            counts = {"count": transfer["count"], "bytes": transfer["bytes"]}
            by_call[transfer["call"]].update(counts)
            if "Batch" not in transfer["call"]:
                by_ends[transfer["direction"], transfer["host_memory"]].update(counts)
        self.assertEqual((dict(by_call), dict(by_ends)), driver_record.transfers_of(lines))


class Routes(Record):
    def check_route(self, route):
        _, alone_log = run_logged(ROUTES[route], wt.run_alone)
        result, log = run_logged(ROUTES[route], wt.run_under_weir)
        self.assertEqual((result.returncode, result.stderr.decode()), (0, ""))
        self.assertEqual(len(result.reports), 2)  # the program, and the child that opens its memory
        called = {line["call"] for lines in log.values() for line in lines}
        self.assertEqual(not_listed(exported_memory_calls(), called), [])
        for report in result.reports:
            lines = log[report["process"]["pid"]]
            self.assert_record(report, lines, alone_log)
            self.assert_transfers(report, lines)


for route in ROUTES:
    setattr(Routes, "test_" + re.sub(r"\W+", "_", route), lambda self, route=route: self.check_route(route))


class OfTheRuntime(Record):
    def check_runtime(self, kind):
        program = RUNTIME_PROGRAMS[kind]
        if not program.exists():
            self.skipTest("no nvcc: there are no programs of the CUDA runtime")
        _, alone_log = run_logged([program], wt.run_alone)
        result, log = run_logged([program], wt.run_under_weir)
        self.assertEqual((result.returncode, result.stderr.decode()), (0, ""))
        self.assert_record(result.report, log[result.report["process"]["pid"]], alone_log)

    def test_static(self):
        self.check_runtime("static")

    def test_shared(self):
        self.check_runtime("shared")


class PassesThrough(Record):
    programs = ROUTES | {f"the {kind} runtime": [program] for kind, program in RUNTIME_PROGRAMS.items() if program.exists()}

    def test_the_driver_is_asked_the_same_with_and_without_weir(self):
        for route, argv in self.programs.items():
            with self.subTest(route=route):
                self.check_same(argv, {}, apart=asked_by_weir())

    def test_off(self):
        for route, argv in self.programs.items():
            with self.subTest(route=route):
                for report in self.check_same(argv, {"CUDA": "off"}).reports:
                    self.assertEqual((report["devices"], report["cuda"]["calls"], report["cuda"]["transfers"]), ([], [], []))
                    self.assertFalse(report["cuda"]["tracked"])
                    self.assertEqual({leak["memory"] for leak in report["leaks"]} - {"host", "mmap"}, set())

    def check_same(self, argv, weir_options, apart=frozenset()):
        """apart: functions whose calls are not compared."""
        alone, alone_log = run_logged(argv, wt.run_alone)
        result, log = run_logged(argv, wt.run_under_weir, weir_options=weir_options)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (alone.returncode, alone.stdout, alone.stderr))
        self.assertEqual(alone.returncode, 0)
        in_order = [sorted((asked_of(without(apart, lines)) for lines in of.values()), key=len) for of in (log, alone_log)]
        self.assertEqual(*in_order)
        return result


class Refusals(Record):
    def test_calls_that_the_driver_was_told_to_fail_are_counted_as_failed(self):
        # The log cannot say what a refused node of any type would have been; without its context the program could do nothing; and of
        # what Weir calls too, Weir's call might be the first.
        spared = {"cuGraphAddNode", "cuGraphAddNode_v2", "cuCtxCreate_v2"} | asked_by_weir()
        names = [name for name in exported_memory_calls() if name not in spared]
        faults = ",".join(f"{name}:1=999" for name in names)
        _, alone_log = run_logged(ROUTES["dlsym"], wt.run_alone, {"SIMCUDA_FAIL": faults})
        result, log = run_logged(ROUTES["dlsym"], wt.run_under_weir, {"SIMCUDA_FAIL": faults})
        self.assertNotEqual(result.returncode, 0)  # the program's expectations are not met
        self.assertEqual(len(result.reports), 2)
        for report in result.reports:
            self.assert_record(report, log[report["process"]["pid"]], alone_log)
        failed = {line["call"] for lines in log.values() for line in lines if line.get("result") == 999}
        self.assertGreater(len(failed), len(names) - 20)


if __name__ == "__main__":
    unittest.main()
