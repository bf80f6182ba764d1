"""What a framework's script says of its memory at its end, on stderr, for scripts/gpu-check to hold Weir's report against:

pool BYTES COUNT   what the framework itself says that it holds of the device, and in how many allocations ("-": it does not say)
used BYTES         in use by cuMemGetInfo
"""

import ctypes
import os
import sys


def used_bytes():
    """Of the first device; the framework has its primary context already."""
    driver = ctypes.CDLL("libcuda.so.1")
    context, free_bytes, total_bytes = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_size_t()
    for result in (driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0), driver.cuCtxSetCurrent(context),
                   driver.cuMemGetInfo_v2(ctypes.byref(free_bytes), ctypes.byref(total_bytes))):
        if result != 0:
            raise RuntimeError(f"the driver gives {result}")
    return total_bytes.value - free_bytes.value


def end(pool_bytes, pool_count=None):
    """Ends the process at once, so that all that is held now is held when the report is written."""
    count = "-" if pool_count is None else pool_count
    print(f"pool {pool_bytes} {count}\nused {used_bytes()}", file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(0)
