"""A few steps of gradient descent in JAX, and some large arrays that are kept. Which allocator: XLA_PYTHON_CLIENT_ALLOCATOR."""

import jax
import jax.numpy as jnp

import account

INPUTS = (jnp.arange(512 * 128, dtype=jnp.float32) % 17).reshape(512, 128) / 17
WANTED = jnp.arange(512, dtype=jnp.float32) % 5


def loss(weights):
    return jnp.mean((jnp.tanh(INPUTS @ weights) - WANTED) ** 2)


def descend():
    step = jax.jit(jax.value_and_grad(loss))
    weights = jnp.zeros(128, dtype=jnp.float32)
    for number in range(5):
        value, gradient = step(weights)
        weights = weights - 0.01 * gradient
        print(f"step {number}: loss {float(value).hex()}")
    return weights


def pool():
    """Bytes that JAX holds of the device: of its pool's regions, or of all live arrays where it has no pool."""
    stats = jax.devices()[0].memory_stats() or {}
    if "pool_bytes" in stats:
        return stats["pool_bytes"]
    return sum(array.nbytes for array in jax.live_arrays())


if jax.devices()[0].platform not in ("gpu", "cuda"):
    raise SystemExit("JAX sees no GPU")
kept = [descend()]
kept += [jnp.full(megabytes << 18, megabytes, dtype=jnp.float32) for megabytes in (10, 64, 300)]
print(f"kept: {sum(float(array.sum()) for array in kept).hex()}")
jax.block_until_ready(kept)
account.end(pool())
