"""What the tests of CUDA's pools share: the modes, and a program run on the simulated device in one of them."""

import json
import os
import pathlib
import tempfile

import weir_test as wt

SIMCUDA = wt.build_dir() / "simcuda"
OFF, STRICT, ON, VMM = "off", "strict", "on", "vmm"
MODES = (OFF, STRICT, ON, VMM)  # of Weir; None: without it


def run(program, arguments=(), mode=None, options=None, counts=False, timeout=120, report=False, **environment):
    """The program's result, run alone or in a mode of the pools. counts: the result has `.counts`, what the driver was asked and used
    (SIMCUDA_COUNTS: tests/simcuda/driver/settings.h)."""
    argv = [wt.program(program), *map(str, arguments)]
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "counts"
        environment = {"LD_LIBRARY_PATH": SIMCUDA, **environment, **({"SIMCUDA_COUNTS": file} if counts else {})}
        if mode is None:
            result = wt.run_alone(argv, env=environment, timeout=timeout)
        else:
            result = wt.run_under_weir(argv, env=environment, timeout=timeout, report=report,
                                       weir_options={"CUDA_POOL": mode, **(options or {})})
        result.counts = json.loads(file.read_text()) if counts and file.exists() else None
    return result


def said_of(result):
    """The object that a program prints as its last line; where it did not come so far, what it left instead."""
    if not result.stdout.endswith(b"}\n"):
        raise AssertionError(f"exit status {result.returncode}, stdout {result.stdout[-500:]!r}, stderr {result.stderr[-2000:]!r}")
    return json.loads(result.stdout.splitlines()[-1])


def number_from_environment(name, otherwise):
    """For a longer run by hand."""
    return int(os.environ.get(name) or otherwise)
