"""What the environment asks of the simulated driver, asked by ctypes: each case in a process of its own."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(os.environ.get("WEIR_BUILD", "build")).resolve()
DRIVER = BUILD / "simcuda" / "libcuda.so.1"
EMPTY_DRIVER = BUILD / "simcuda" / "empty" / "libcuda.so.1"
OLD_DRIVER = BUILD / "simcuda" / "old" / "libcuda.so.1"

PREPARED = """
import ctypes, json, time
d = ctypes.CDLL(DRIVER)
c, p, n = ctypes.c_void_p(), ctypes.c_uint64(), ctypes.c_size_t()
started = d.cuInit(0)
d.cuCtxCreate_v2(ctypes.byref(c), 0, 0)
def allocate(bytes): return d.cuMemAlloc_v2(ctypes.byref(p), ctypes.c_size_t(bytes))
def found(name, version):
    function, status = ctypes.c_void_p(), ctypes.c_int()
    d.cuGetProcAddress_v2(name, ctypes.byref(function), version, ctypes.c_uint64(0), ctypes.byref(status))
    return status.value
"""


def answer_of(expression, driver=DRIVER, **environment):
    program = f"DRIVER = {str(driver)!r}\n{PREPARED}\nprint(json.dumps(({expression})))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ | environment, check=True)
    return json.loads(done.stdout)


@unittest.skipUnless(DRIVER.exists(), "no CUDA toolkit: there is no simulated driver")
class SimulatedDriver(unittest.TestCase):
    def test_has_as_many_devices_as_asked(self):
        count = "(d.cuDeviceGetCount(ctypes.byref(n)), n.value)[1]"
        self.assertEqual(answer_of(count), 1)
        self.assertEqual(answer_of(count, SIMCUDA_DEVICES="3"), 3)
        self.assertEqual(answer_of("started", SIMCUDA_DEVICES="0"), 100)  # CUDA_ERROR_NO_DEVICE

    def test_has_as_much_memory_as_asked(self):
        self.assertEqual(answer_of("allocate(1 << 20), allocate(1 << 20)", SIMCUDA_MEMORY="1048576"), [0, 2])

    def test_fails_the_calls_it_was_told_to(self):
        calls = "[allocate(8) for _ in range(4)]"
        self.assertEqual(answer_of(calls, SIMCUDA_FAIL="cuMemAlloc_v2:3=2"), [0, 0, 2, 0])
        self.assertEqual(answer_of(calls, SIMCUDA_FAIL="cuMemAlloc_v2:0=999,cuMemFree_v2:1=1"), [999] * 4)

    def test_is_slow_where_told_to(self):
        timed = "time.monotonic(), allocate(8), time.monotonic()"
        begin, result, end = answer_of(timed, SIMCUDA_SLOW="cuMemAlloc_v2=50000")
        self.assertEqual(result, 0)
        self.assertGreaterEqual(end - begin, 0.05)

    def test_an_old_one_lacks_newer_functions(self):
        # 0: found, 1: no such name, 2: the name is known in a later version only.
        asked = "found(b'cuMemAlloc', 12000), found(b'cuMemAllocAsync', 12000), found(b'cuMemAlloc', 1000), found(b'cuNone', 12000)"
        self.assertEqual(answer_of(asked), [0, 0, 2, 1])
        self.assertEqual(answer_of(asked, SIMCUDA_VERSION="11010"), [0, 1, 2, 1])

    def test_a_driver_built_old_has_no_newer_symbols(self):
        names = ["cuMemAlloc", "cuMemAllocAsync", "cuMemCreate", "cuGetProcAddress", "cuGetProcAddress_v2", "cuGraphAddMemAllocNode",
                 "cuGreenCtxCreate", "cuMemcpyBatchAsync"]
        asked = f"[hasattr(d, name) for name in {names}]"
        self.assertEqual(answer_of(asked), [True] * 8)
        self.assertEqual(answer_of(asked, driver=OLD_DRIVER), [True] * 3 + [False] * 5)
        version = "(d.cuDriverGetVersion(ctypes.byref(n)), n.value)[1], allocate(8), d.cuMemFree_v2(p)"
        self.assertEqual(answer_of(version, driver=OLD_DRIVER), [11020, 0, 0])

    def test_an_empty_one_gives_addresses_and_does_nothing(self):
        asked = "allocate(100), p.value, allocate(100), p.value, d.cuMemFree_v2(p), d.cuMemcpyHtoD_v2(None, None, 5), found(b'cuMemAlloc', 12000)"
        first, one, second, two, *others = answer_of(asked, driver=EMPTY_DRIVER)
        self.assertEqual([first, second, *others], [0] * 5)
        self.assertNotEqual(one, two)

    def test_logs_calls_with_their_results(self):
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "calls"
            answer_of("allocate(100), d.cuMemFree_v2(p), d.cuMemFree_v2(p)", SIMCUDA_LOG=str(log))
            lines = [json.loads(line) for line in log.read_text().splitlines()]
        calls = [(line["call"], line["result"]) for line in lines if "result" in line]
        self.assertEqual(calls, [("cuCtxCreate_v2", 0), ("cuMemAlloc_v2", 0), ("cuMemFree_v2", 0), ("cuMemFree_v2", 1)])
        self.assertEqual({line["address"] for line in lines if "address" in line}, {lines[1]["address"]})

    def test_logs_all_calls_where_asked(self):
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "calls"
            answer_of("d.cuCtxSynchronize(), d.cuDriverGetVersion(None)", SIMCUDA_LOG=str(log), SIMCUDA_LOG_ALL="1")
            calls = [(line["call"], line["result"]) for line in map(json.loads, log.read_text().splitlines())]
        self.assertEqual(calls, [("cuInit", 0), ("cuCtxCreate_v2", 0), ("cuCtxSynchronize", 0), ("cuDriverGetVersion", 1)])

    def test_counts_calls_and_bytes(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "counts"
            answer_of("[(allocate(3 << 20), d.cuMemFree_v2(p)) for _ in range(5)], allocate(100)", SIMCUDA_COUNTS=str(file),
                      SIMCUDA_DEVICES="2")
            counts = json.loads(file.read_text())
        self.assertEqual(counts["calls"], {"cuInit": 1, "cuCtxCreate_v2": 1, "cuMemAlloc_v2": 6, "cuMemFree_v2": 5})
        self.assertEqual(counts["devices"], [{"peak_bytes": 4 << 20}, {"peak_bytes": 0}])

    def test_says_of_what_it_does_not_do_that_it_is_not_supported(self):
        self.assertEqual(answer_of("d.cuTexObjectCreate(None, None, None, None)"), 801)  # CUDA_ERROR_NOT_SUPPORTED


if __name__ == "__main__":
    unittest.main()
