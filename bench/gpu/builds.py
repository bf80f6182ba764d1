"""Builds what the checks run: libweir.so, the nvcc programs with each kind of runtime, and the measuring programs."""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess

from machine import ROOT
from steps import Failed, Skip

SOURCES = ROOT / "bench" / "gpu"
PROGRAMS = ("linear", "host_memory", "async_pools", "graphs", "virtual_memory")
MEASURES = {"capture_matrix": "calls while capturing", "ipc_reuse": "IPC handles across reuse",
            "rounding": "rounding of the driver", "loops": "loops that allocate, use and free",
            "churn": "churn in threads", "call_times": "times of calls", "context_event": "events of the context",
            "pinned_cost": "pinned memory per MiB", "host_copies": "copies of the heap's blocks"}
# Measuring programs of the pools: here, and the simulated device's, which use nothing but the driver.
POOL_PROGRAMS = ROOT / "tests" / "simcuda" / "programs"
POOL_MEASURES = {"never_early": SOURCES / "measure", "pool_capture": POOL_PROGRAMS, "pool_trace": POOL_PROGRAMS,
                 "pool_differential": POOL_PROGRAMS}
PLANTED = "out_of_bounds"


def run_logged(command, log, timeout):
    """Failed with the end of what it said where the command fails; all of it is in the log."""
    command = [str(word) for word in command]
    try:
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=timeout)
        status, said = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        status, said = f"no end within {timeout:.0f} s", (late.stdout or b"").decode(errors="replace")
    with open(log, "a", encoding="utf-8") as file:
        file.write(f"== {' '.join(command)}\n{said}")
    if status != 0:
        end = " | ".join(said.strip().splitlines()[-3:])
        raise Failed(f"{pathlib.Path(command[0]).name}: {status}; {end} (all of it: {log})")


def require_tools(*names):
    missing = [name for name in names if not shutil.which(name)]
    if missing:
        raise Failed(f"no {' and no '.join(missing)} on PATH: install them, or name a built libweir.so with --library")


def sources_of(folder, name):
    """The file of that name, or all of the folder of that name."""
    file = folder / f"{name}.cpp"
    return [file] if file.exists() else sorted((folder / name).glob("*.cpp"))


class Builder:
    """build: the project's build tree; what is made here goes to its folder `gpu`. nvcc: None where there is none.
    simulated: the programs get the stand-in runtime, from the tree's folder `simcuda`."""

    def __init__(self, run, build, nvcc, gpu, simulated):
        self.run, self.tree, self.nvcc, self.simulated = run, build, nvcc, simulated
        self.folder = build / "gpu"
        self.log = self.folder / "build.log"
        self.architecture = [] if simulated or "architecture" not in gpu else [f"-arch={gpu['architecture']}"]

    def prepare(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log.write_text("")

    # ---- libweir.so ----

    def library(self, given):
        """The library's path. given: one that is built already, or None."""
        if given:
            if not given.is_file():
                raise Failed(f"there is no {given}")
            return given.resolve()
        there = self.tree / "lib" / "libweir.so"
        if there.exists():
            require_tools("ninja")
            run_logged(["ninja", "-C", self.tree, "lib/libweir.so"], self.log, self.run.left_s())
            return there
        return self.library_alone()

    def library_alone(self):
        """Builds the library and nothing else, which needs none of the packages that the command and the tests need."""
        require_tools("cmake", "ninja", "make")
        sources = pathlib.Path(os.environ.get("WEIR_DEPS_DIR") or ROOT / "build" / "deps").resolve()
        for name in ("mimalloc", "libunwind"):
            if not (sources / name).is_dir():
                raise Failed(f"there is no {sources / name}: scripts/setup fetches the sources of mimalloc and libunwind "
                             "where the internet is; carry them here and name their folder by WEIR_DEPS_DIR, or give "
                             "--library")
        tree = self.folder / "weir"
        run_logged(["cmake", "-S", ROOT, "-B", tree, "-G", "Ninja", "-DBUILD_TESTING=OFF", "-DWEIR_COMMAND=OFF",
                    f"-DWEIR_DEPS_DIR={sources}"], self.log, self.run.left_s())
        run_logged(["ninja", "-C", tree, "lib/libweir.so"], self.log, self.run.left_s())
        return tree / "lib" / "libweir.so"

    # ---- programs ----

    def program(self, name, kind):
        """kind: static or shared, the runtime that it is linked with."""
        return self.folder / "programs" / f"{name}_{kind}"

    def measure(self, name):
        return self.folder / "measure" / name

    def planted(self):
        """The program with an error for compute-sanitizer."""
        return self.folder / "programs" / PLANTED

    def host_kernels(self):
        return self.folder / "programs" / "host_kernels.so"

    def runtime(self, kind):
        """What links a program with its runtime."""
        if kind == "shared":
            toolkit = self.nvcc.parent.parent
            places = [] if self.simulated else [toolkit / "lib64", toolkit / "targets" / "x86_64-linux" / "lib"]
            return ["-cudart", "shared", *(word for place in places for word in ("-Xlinker", f"-rpath,{place}"))]
        if self.simulated:
            return ["-cudart", "none", self.tree / "simcuda" / "libcudart_sim.a", "-ldl", "-lpthread"]
        return ["-cudart", "static"]

    def build_program(self, name):
        source, compiled = SOURCES / "programs" / f"{name}.cu", self.folder / "programs" / f"{name}.o"
        self.make(compiled, [source], ["-c", *self.architecture])
        for kind in ("static", "shared"):
            self.make(self.program(name, kind), [compiled], self.runtime(kind))

    def build_all(self):
        """Compiles and links what is older than its sources."""
        if self.nvcc is None:
            raise Skip("no nvcc")
        for folder in ("programs", "measure"):
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
        tasks = [lambda name=name: self.build_program(name) for name in PROGRAMS]
        measures = {name: SOURCES / "measure" for name in MEASURES} | POOL_MEASURES
        tasks += [lambda name=name: self.make(self.measure(name), sources_of(measures[name], name),
                                              ["-std=c++20", "-cudart", "none", "-lcuda"]) for name in measures]
        tasks.append(lambda: self.make(self.planted(), [SOURCES / "programs" / f"{PLANTED}.cu"],
                                       [*self.architecture, *self.runtime("static")]))
        if self.simulated:
            tasks.append(lambda: self.make(self.host_kernels(), [SOURCES / "programs" / "host_kernels.cpp"],
                                           ["-shared", "-Xcompiler", "-fPIC", "-cudart", "none"]))
        with concurrent.futures.ThreadPoolExecutor(max(1, os.cpu_count() // 2)) as pool:
            for task in [pool.submit(task) for task in tasks]:
                task.result()

    def make(self, target, sources, words):
        folders = {folder for source in sources for folder in (source.parent, source.parent.parent)}
        read = [*sources, *(header for folder in folders for header in folder.glob("*.h"))]
        if target.exists() and all(one.stat().st_mtime <= target.stat().st_mtime for one in read):
            return
        run_logged([self.nvcc, "-O2", "-g", *sources, "-o", target, *words], self.log, self.run.left_s())
