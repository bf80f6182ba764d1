"""Times steps of gradient descent in JAX. Which allocator: XLA_PYTHON_CLIENT_ALLOCATOR."""

import jax
import jax.numpy as jnp

import timing

if jax.devices()[0].platform not in ("gpu", "cuda"):
    raise SystemExit("JAX sees no GPU")

INPUTS = (jnp.arange(2048 * 512, dtype=jnp.float32) % 17).reshape(2048, 512) / 17
WANTED = jnp.arange(2048, dtype=jnp.float32) % 5
weights = jnp.zeros(512, dtype=jnp.float32)


def loss(at):
    return jnp.mean((jnp.tanh(INPUTS @ at) - WANTED) ** 2)


gradient = jax.jit(jax.grad(loss))


def step():
    global weights
    weights = weights - 0.01 * gradient(weights)


timing.time_steps(step, lambda: weights.block_until_ready(), lambda: float(weights.sum()).hex())
