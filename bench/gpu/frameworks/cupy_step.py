"""A few steps of gradient descent in CuPy, and some large arrays that are kept. GPU_CHECK_POOL=off: without CuPy's pool."""

import os

import cupy

import account

POOL = os.environ.get("GPU_CHECK_POOL") != "off"
if not POOL:
    cupy.cuda.set_allocator(None)


def descend():
    inputs = (cupy.arange(512 * 128, dtype=cupy.float32) % 17).reshape(512, 128) / 17
    wanted = (cupy.arange(512, dtype=cupy.float32) % 5).reshape(512, 1)
    weights = cupy.zeros((128, 1), dtype=cupy.float32)
    for step in range(5):
        error = inputs @ weights - wanted
        weights -= 0.001 * (inputs.T @ error)
        print(f"step {step}: loss {float((error * error).mean()).hex()}")
    return inputs, wanted, weights


def churn():
    total = 0.0
    for i in range(60):
        total += float(cupy.full((i * 7919) % 3000000 + 1, i, dtype=cupy.float32).mean())
    print(f"churn: {total.hex()}")


kept = list(descend())
churn()
kept += [cupy.full(megabytes << 18, megabytes, dtype=cupy.float32) for megabytes in (10, 64, 300)]
print(f"kept: {sum(float(array.astype(cupy.float64).sum()) for array in kept).hex()}")
cupy.cuda.runtime.deviceSynchronize()
if POOL:
    account.end(cupy.get_default_memory_pool().total_bytes())
account.end(sum(array.nbytes for array in kept), len(kept))
