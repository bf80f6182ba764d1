"""How a program is run to see what Weir changes: alone, and under Weir with its pools of CUDA's memory in each mode."""

import programs

ALONE, TRACK, STRICT, ON, VMM = "alone", "track", "strict", "on", "vmm"
UNDER_WEIR = (TRACK, STRICT, ON, VMM)
ALL = (ALONE, *UNDER_WEIR)
# Segments have no handles for other processes (docs/cuda-pools.md).
WITH_HANDLES = (ALONE, TRACK, STRICT, ON)
DEFAULT = STRICT  # what a user has who sets nothing

TITLES = {ALONE: "alone", TRACK: "track only", STRICT: "strict", ON: "on", VMM: "vmm"}
OPTIONS = {TRACK: "off", STRICT: "strict", ON: "on", VMM: "vmm"}  # WEIR_CUDA_POOL


def run(library, mode, argv, variables, timeout):
    """What programs.run() gives; `reports` is empty where the program runs alone."""
    if mode == ALONE:
        return programs.run(argv, variables, timeout)
    return programs.run_under_weir(library, argv, variables | {"WEIR_CUDA_POOL": OPTIONS[mode]}, timeout)
