"""What is here: the device, the compiler, the machine."""

import datetime
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

PROBE = """
import ctypes, json
try:
    driver = ctypes.CDLL("libcuda.so.1")
except OSError:
    print(json.dumps({"why": "libcuda.so.1 cannot be loaded"}))
    raise SystemExit
result = driver.cuInit(0)
number, version, total, name = ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t(), ctypes.create_string_buffer(100)
count = ctypes.c_int()
if result != 0:
    print(json.dumps({"why": f"cuInit() gives {result}"}))
    raise SystemExit
driver.cuDeviceGetCount(ctypes.byref(count))
driver.cuDriverGetVersion(ctypes.byref(version))
driver.cuDeviceGetName(name, 100, 0)
driver.cuDeviceTotalMem_v2(ctypes.byref(total), 0)
capability = []
for attribute in (75, 76):
    driver.cuDeviceGetAttribute(ctypes.byref(number), attribute, 0)
    capability.append(str(number.value))
print(json.dumps({"name": name.value.decode(), "count": count.value, "cuda_version": version.value, "total_bytes": total.value,
                  "architecture": "sm_" + "".join(capability)}))
"""

STEERING = ("WEIR", "LD_PRELOAD", "SIMCUDA", "MALLOC", "MIMALLOC", "PYTORCH", "XLA_", "JAX_", "CUPY_", "GPU_CHECK")


def environment(simulated_device=None):
    """This process's environment without what would steer Weir or a framework; with the simulated devices if they are given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(STEERING)}
    kept |= {"LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"}
    if simulated_device:
        paths = [str(simulated_device), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
        kept |= {"LD_LIBRARY_PATH": ":".join(paths), "SIMCUDA_KERNEL_US": "1000", "SIMCUDA_DEVICES": "2"}
    return kept


def device(variables):
    """What the driver says of its first device; {"why": ...} where there is none."""
    try:
        done = subprocess.run([sys.executable, "-c", PROBE], env=variables, capture_output=True, text=True, timeout=120)
        return json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {"why": "the driver did not answer within 120 s"}
    except ValueError:
        return {"why": f"the driver could not be asked: {done.stderr.strip()[-200:]}"}


def nvcc():
    """The compiler's path, or None."""
    found = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
    return pathlib.Path(found).resolve() if pathlib.Path(found).exists() else None


def said_by(*command):
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def first_match(path, prefix):
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith(prefix):
            return line.split(":" if ":" in line else "=", 1)[1].strip().strip('"')
    return "unknown"


def describe(gpu):
    """gpu: what device() gave. nvcc's and the driver's versions are those of the programs that say them, empty without."""
    compiler = nvcc()
    memory = int(first_match("/proc/meminfo", "MemTotal").split()[0])
    return {"gpu": gpu, "cpu": first_match("/proc/cpuinfo", "model name"), "cores": os.cpu_count(),
            "memory_gib": round(memory / 2**20, 1), "kernel": platform.release(),
            "distribution": first_match("/etc/os-release", "PRETTY_NAME"),
            "driver": said_by("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader").split("\n")[0],
            "nvcc": said_by(compiler, "--version").split("\n")[-1] if compiler else "",
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "weir": said_by("git", "describe", "--always", "--dirty") or "unknown"}
