"""NVIDIA's own runtimes, on the simulated driver, which they refuse, and its own driver, where there is no device: they answer as without
Weir, and whoever asks for a function of the driver's that Weir stands before gets its wrapper."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import weir_test

sys.path.insert(0, str(weir_test.REPOSITORY / "tests" / "simcuda"))
import memory_calls  # noqa: E402

DRIVER = weir_test.simulated_driver()
ENTRY_POINTS = weir_test.REPOSITORY / "src" / "cuda" / "entry_points.def"
# As CMake found them: an nvcc on the PATH may be a script that says nothing of where its toolkit lies.
FOUND = weir_test.configured("WEIR_NVCC", "WEIR_CUDA_INCLUDE")
NVCC = FOUND.get("WEIR_NVCC", "")
TOOLKIT = pathlib.Path(FOUND.get("WEIR_CUDA_INCLUDE", "")).parent
LIBRARIES = TOOLKIT / "lib64"


def hooked_names():
    """As cuGetProcAddress knows them: without the suffixes that dlsym wants."""
    symbols = re.findall(r"^WEIR_CUDA_ENTRY\((\w+),", ENTRY_POINTS.read_text(), re.M)
    return {re.sub(r"(_v\d+)?(_pt[ds]s?z?)?$", "", symbol) for symbol in symbols}


def real_driver():
    """The folder of NVIDIA's own libcuda.so.1: the system's, or where scripts/setup unpacked Debian's; None where there is neither."""
    unpacked = pathlib.Path(os.environ.get("WEIR_DEPS_DIR") or weir_test.build_dir() / "deps") / "libcuda1" / "libcuda.so.1"
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True).stdout
    installed = re.findall(r"libcuda\.so\.1 .*x86-64.*=> (\S+)", listed)
    found = [pathlib.Path(path).parent for path in [*installed, unpacked] if pathlib.Path(path).exists()]
    return found[0] if found else None


class Compared(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-runtimes-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def nvcc(self, name, *flags):
        source = weir_test.REPOSITORY / "tests" / "programs" / "look_up" / f"{name}.cu"
        subprocess.run([NVCC, *flags, source, "-o", self.folder / name], check=True)
        return self.folder / name

    def compare(self, argv, libraries, env=None, **how):
        env = {"LD_LIBRARY_PATH": ":".join(map(str, libraries))} | (env or {})
        alone = weir_test.run_alone(argv, env=env)
        under = weir_test.run_under_weir(argv, env=env, **how)
        self.assertEqual((under.stdout, under.returncode), (alone.stdout, alone.returncode), under.stderr)
        self.assertEqual(len(under.reports), 1, under.stderr)
        return under


@unittest.skipUnless(DRIVER, "no CUDA toolkit: there is no simulated driver")
class RealRuntimes(Compared):
    def what_is_given(self, program):
        """{(way, name): libraries} of what the program asks for, while it answers as without Weir."""
        observer = weir_test.compile_c("look_up/observes.c", self.folder / "observes.so", "-shared", "-fPIC")
        notes = self.folder / "observed"
        self.compare([program], [LIBRARIES, DRIVER], env={"OBSERVED": notes}, preloads_before=[observer])
        given = {}
        for way, name, library in (line.split(" ") for line in notes.read_text().splitlines()):
            given.setdefault((way, name), set()).add(library)
        return given

    def assert_all_wrapped(self, program):
        given, hooked = self.what_is_given(program), hooked_names()
        asked = {name: libraries for (way, name), libraries in given.items() if way == "asked"}
        wrapped = {name: libraries for name, libraries in asked.items() if name in hooked}
        self.assertEqual({name: libraries for name, libraries in wrapped.items() if libraries != {"libweir.so"}}, {})
        others = set().union(*(libraries for name, libraries in asked.items() if name not in hooked))
        self.assertLessEqual(others, {"libcuda.so.1", "none"})  # the simulated driver has not all there is for graphics
        memory = [name for name in wrapped if re.search("Mem|Array|Ipc", name) and "cpy" not in name]
        pools = [name for name in wrapped if memory_calls.is_seen_by_pools(name)]
        print(f"{program.name}: asked for {len(asked)} functions, {len(wrapped)} of them wrapped, {len(memory)} for memory, "
              f"{len(pools)} that pools must see")
        self.assertGreater(len(memory), 25)
        self.assertGreater(len(pools), 15)
        for (way, name), libraries in given.items():
            if way == "dlsym":
                self.assertEqual(libraries, {"libweir.so"} if re.sub(r"_v\d+$", "", name) in hooked else {"libcuda.so.1"}, name)

    @unittest.skipUnless(os.path.exists(NVCC), "no nvcc")
    def test_static_runtime(self):
        self.assert_all_wrapped(self.nvcc("runtime_asks", "-cudart", "static"))

    # Without it the loader would find the stand-in beside the simulated driver.
    @unittest.skipUnless(os.path.exists(NVCC) and any(LIBRARIES.glob("libcudart.so.*")), "no nvcc, or no shared runtime with it")
    def test_shared_runtime(self):
        self.assert_all_wrapped(self.nvcc("runtime_asks", "-cudart", "shared"))

    @unittest.skipUnless((LIBRARIES / "libcublas.so").exists(), "no cuBLAS in the toolkit")
    def test_runtime_within_cublas(self):
        flags = [f"-I{TOOLKIT / 'include'}", f"-L{LIBRARIES}", "-lcublas"]
        self.assert_all_wrapped(weir_test.compile_c("look_up/blas_asks.c", self.folder / "blas_asks", *flags))


@unittest.skipUnless(real_driver(), "no libcuda.so.1 of NVIDIA's: neither installed nor fetched by scripts/setup")
class RealDriver(Compared):
    CALLS = """
import ctypes
d = ctypes.CDLL("libcuda.so.1")
n, p, context = ctypes.c_int(-1), ctypes.c_uint64(), ctypes.c_void_p()
size = ctypes.c_size_t(4096)
print("cuInit", d.cuInit(0))
print("cuDriverGetVersion", d.cuDriverGetVersion(ctypes.byref(n)), n.value > 0)
print("cuDeviceGetCount", d.cuDeviceGetCount(ctypes.byref(n)))
print("cuMemAlloc_v2", d.cuMemAlloc_v2(ctypes.byref(p), size))
print("cuMemAllocHost_v2", d.cuMemAllocHost_v2(ctypes.byref(context), size))
print("cuMemAllocManaged", d.cuMemAllocManaged(ctypes.byref(p), size, 1))
print("cuMemAllocAsync", d.cuMemAllocAsync(ctypes.byref(p), size, None))
print("cuMemFree_v2", d.cuMemFree_v2(ctypes.c_uint64(4096)))
print("cuMemFreeHost", d.cuMemFreeHost(None))
print("cuCtxCreate_v2", d.cuCtxCreate_v2(ctypes.byref(context), 0, 0))
print("cuMemAlloc_v9", hasattr(d, "cuMemAlloc_v9"))
for name in (b"cuMemAlloc", b"cuMemFree", b"cuInit", b"cuNone"):
    function, status = ctypes.c_void_p(), ctypes.c_int(-1)
    result = d.cuGetProcAddress_v2(name, ctypes.byref(function), 12000, ctypes.c_uint64(0), ctypes.byref(status))
    print(name, result, status.value, function.value is not None)
"""

    def setUp(self):
        super().setUp()
        if "gives 0" in self.answer_of_init():
            self.skipTest("there is a device: this is about what is said where there is none")

    def answer_of_init(self):
        env = {"LD_LIBRARY_PATH": real_driver()}
        code = "import ctypes; print('gives', ctypes.CDLL('libcuda.so.1').cuInit(0))"
        return weir_test.run_alone([weir_test.system_python(), "-c", code], env=env).stdout.decode()

    def test_no_device_is_passed_on(self):
        under = self.compare([weir_test.system_python(), "-c", self.CALLS], [real_driver()])
        self.assertIn(b"cuInit 100\n", under.stdout)  # CUDA_ERROR_NO_DEVICE
        calls = {call["name"]: call["failed_count"] for call in under.report["cuda"]["calls"]}
        self.assertEqual(calls.get("cuMemAlloc_v2"), 1)

    @unittest.skipUnless(os.path.exists(NVCC), "no nvcc")
    def test_runtimes_pass_it_on(self):
        for runtime in ("static", "shared"):
            with self.subTest(runtime=runtime):
                under = self.compare([self.nvcc("runtime_asks", "-cudart", runtime)], [LIBRARIES, real_driver()])
                self.assertIn(b"devices:", under.stdout)


if __name__ == "__main__":
    unittest.main()
