"""What Weir costs and saves frameworks: those that have a pool of their own at their defaults, and the same with it switched off."""

import modes
import programs
from steps import Skip

# Module, and the script that times its steps.
PYTORCH, CUPY, JAX = ("torch", "pytorch_loop.py"), ("cupy", "cupy_loop.py"), ("jax", "jax_loop.py")
# As a user has them: alone, and under Weir with nothing set.
AT_DEFAULTS, ROUNDS_AT_DEFAULTS = (modes.ALONE, modes.DEFAULT), 5
SECONDS = 25  # in which rounds are begun

# Name, framework, variables.
DEFAULTS = [("PyTorch, timed", PYTORCH, programs.CUBLAS), ("CuPy, timed", CUPY, {}), ("JAX, timed", JAX, {})]
WITHOUT_POOL = [
    ("PyTorch without its cache, timed", PYTORCH, programs.CUBLAS | {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}),
    ("CuPy without its pool, timed", CUPY, {"GPU_CHECK_POOL": "off"}),
    ("JAX, platform allocator, timed", JAX, programs.ON_DEMAND | {"XLA_PYTHON_CLIENT_ALLOCATOR": "platform"})]


def measure(measuring, python, scripts, framework, rounds, left_s):
    """What Measuring.times() gives of the framework's steps, and "defaults": it is as a user has it."""
    name, (module, script), more = framework
    if not programs.importable(python, module, measuring.variables):
        raise Skip(f"{python} has no {module}")
    measuring.variables = measuring.variables | more
    defaults = framework in DEFAULTS
    found = measuring.times([python, "-B", scripts / script], AT_DEFAULTS if defaults else modes.ALL,
                            min(rounds, ROUNDS_AT_DEFAULTS), SECONDS, left_s)
    return found | {"defaults": defaults}
