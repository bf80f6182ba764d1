"""How a program is run to see what Weir changes: alone, and under Weir with its pools of CUDA's memory in each mode."""

import programs

ALONE, TRACK, STRICT, ON, VMM, PINS = "alone", "track", "strict", "on", "vmm", "pins"
UNDER_WEIR = (TRACK, STRICT, ON, VMM)
ALL = (ALONE, *UNDER_WEIR)
# Segments have no handles for other processes (docs/cuda-pools.md).
WITH_HANDLES = (ALONE, TRACK, STRICT, ON)
# Where blocks of the host's heap are copied.
OF_HOST_BLOCKS = (ALONE, TRACK, PINS)
DEFAULT = STRICT  # what a user has who sets nothing

TITLES = {ALONE: "alone", TRACK: "track only", STRICT: "strict", ON: "on", VMM: "vmm", PINS: "host blocks pinned"}
POOLS = {TRACK: "off", STRICT: "strict", ON: "on", VMM: "vmm", PINS: "off"}  # WEIR_CUDA_POOL
PIN_ABOVE = {PINS: "512KiB"}  # WEIR_HOST_PIN_ABOVE


def run(library, mode, argv, variables, timeout):
    """What programs.run() gives; `reports` is empty where the program runs alone."""
    if mode == ALONE:
        return programs.run(argv, variables, timeout)
    options = {"WEIR_CUDA_POOL": POOLS[mode], "WEIR_HOST_PIN_ABOVE": PIN_ABOVE.get(mode, "off")}
    return programs.run_under_weir(library, argv, variables | options, timeout)
