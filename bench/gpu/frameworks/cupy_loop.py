"""Times steps of gradient descent in CuPy. GPU_CHECK_POOL=off: without CuPy's pool."""

import os

import cupy

import timing

if os.environ.get("GPU_CHECK_POOL") == "off":
    cupy.cuda.set_allocator(None)

INPUTS = (cupy.arange(2048 * 512, dtype=cupy.float32) % 17).reshape(2048, 512) / 17
WANTED = (cupy.arange(2048, dtype=cupy.float32) % 5).reshape(2048, 1)
WEIGHTS = cupy.zeros((512, 1), dtype=cupy.float32)


def step():
    global WEIGHTS
    error = cupy.tanh(INPUTS @ WEIGHTS) - WANTED
    WEIGHTS = WEIGHTS - 0.0001 * (INPUTS.T @ error)


def result():
    return float(WEIGHTS.astype(cupy.float64).sum()).hex()


timing.time_steps(step, cupy.cuda.runtime.deviceSynchronize, result)
