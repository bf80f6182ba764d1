"""Runs a program alone and under Weir, and judges whether it did the same and whether the report says what the program says."""

import os
import signal
import subprocess
import tempfile

import reports
from steps import Failed, Skip

# What a framework's libraries allocate for themselves, beside its allocator.
LIBRARIES = r"/libcu(blas|blasLt|dnn|solver|sparse|fft|rand)|/libnccl|/libnvrtc"

# Module, script, and in which modules the framework's allocator is.
PYTORCH = ("torch", "pytorch_step.py", "libc10_cuda")
CUPY = ("cupy", "cupy_step.py", "/cupy")
JAX = ("jax", "jax_step.py", "xla_cuda_plugin|jax_plugins|/jaxlib/")
CUBLAS = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
ON_DEMAND = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "XLA_FLAGS": "--xla_gpu_autotune_level=0"}


def pytorch_allocator(setting):
    """Under the variable's old name and its new one."""
    return CUBLAS | {"PYTORCH_CUDA_ALLOC_CONF": setting, "PYTORCH_ALLOC_CONF": setting}


# Name, framework, variables.
FRAMEWORKS = [("PyTorch", PYTORCH, CUBLAS), ("CuPy", CUPY, {}), ("JAX", JAX, ON_DEMAND)]
OTHER_ALLOCATORS = [
    ("PyTorch, expandable segments", PYTORCH, pytorch_allocator("expandable_segments:True")),
    ("PyTorch, cudaMallocAsync", PYTORCH, pytorch_allocator("backend:cudaMallocAsync")),
    ("CuPy without its pool", CUPY, {"GPU_CHECK_POOL": "off"}),
    ("JAX, platform allocator", JAX, ON_DEMAND | {"XLA_PYTHON_CLIENT_ALLOCATOR": "platform"})]


class Outcome:
    """returncode is negative for a death by signal; reports: those of its processes, empty without Weir."""

    def __init__(self, returncode, stdout, stderr, found):
        self.returncode, self.stdout, self.stderr, self.reports = returncode, stdout, stderr, found

    def last_words(self):
        return " | ".join(self.stderr.strip().splitlines()[-3:])[-400:]


def run(argv, variables, timeout):
    """Runs argv in a process group of its own, which is killed as a whole when time is up."""
    process = subprocess.Popen([str(word) for word in argv], env=variables, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise Failed(f"{os.path.basename(argv[0])} did not end within {timeout:.0f} s") from None
    return Outcome(process.returncode, stdout.decode(errors="replace"), stderr.decode(errors="replace"), [])


def run_under_weir(library, argv, variables, timeout):
    with tempfile.TemporaryDirectory(prefix="weir-gpu-") as folder:
        options = {"LD_PRELOAD": str(library), "WEIR_REPORT": f"{folder}/%e.%p.json"}
        done = run(argv, variables | options, timeout)
        try:
            done.reports = reports.read_all(folder)
        except reports.Missing as missing:
            raise Failed(f"{missing} (status {done.returncode}: {done.last_words()})") from None
        return done


def behaves_differently(argv, variables, alone, tracked, timeout):
    """What the program did under Weir that it does not do alone, in a word; None where that is nothing."""
    if tracked.returncode != alone.returncode:
        return f"ends with {tracked.returncode}, alone with {alone.returncode}: {tracked.last_words()}"
    if tracked.stdout == alone.stdout:
        return None
    if run(argv, variables, timeout).stdout != alone.stdout:
        return "its stdout is another one each time, alone too: nothing to compare"
    pairs = zip(alone.stdout.splitlines() + ["(end)"], tracked.stdout.splitlines() + ["(end)"])
    first = next((pair for pair in pairs if pair[0] != pair[1]), ("", ""))
    return f"prints another thing: {first[1][:100]!r}, alone {first[0][:100]!r}"


def compare(result, account, found, pool_pattern):
    """Fills in the figures; says what is wrong with them."""
    comparison = reports.Comparison()
    try:
        report = reports.of_device(found)
        reports.compare_kinds(comparison, account, report)
        if account.pool is not None:
            reports.compare_pool(comparison, account, report, pool_pattern, LIBRARIES)
        reports.compare_driver(comparison, account, report)
        result["totals"] = reports.totals(report)
    except reports.Missing as missing:
        return [*comparison.disagreements(), str(missing)]
    finally:
        result["figures"] = comparison.rows
    return comparison.disagreements()


def check(library, argv, variables, timeout, pool_pattern=None):
    """{"stdout_identical", "returncode", "figures": rows or why there are none, "wrong": sentences}"""
    alone = run(argv, variables, timeout)
    if alone.returncode != 0:
        raise Failed(f"it fails alone, with {alone.returncode}: {alone.last_words()}")
    tracked = run_under_weir(library, argv, variables, timeout)
    result = {"returncode": tracked.returncode, "stdout_identical": tracked.stdout == alone.stdout,
              "cuda": reports.has_cuda(tracked.reports), "wrong": []}
    different = behaves_differently(argv, variables, alone, tracked, timeout)
    if different:
        result["wrong"].append(different)
    if result["cuda"]:
        result["wrong"] += compare(result, reports.Account(tracked.stderr), tracked.reports, pool_pattern)
    return result


def importable(python, module, variables):
    question = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    try:
        return subprocess.run([python, "-c", question], env=variables, capture_output=True, timeout=60).returncode == 0
    except OSError:
        return False


def check_framework(library, python, scripts, framework, variables, timeout):
    name, (module, script, allocator), more = framework
    if not importable(python, module, variables):
        raise Skip(f"{python} has no {module}")
    return check(library, [python, "-B", scripts / script], variables | more, timeout, allocator)
