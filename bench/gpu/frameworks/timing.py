"""Times the steps of a framework's script, for scripts/gpu-check: prints one row of JSON with the median time of a step."""

import json
import statistics
import sys
import time

WARM_UP_STEPS = 20
BATCH_STEPS = 10
FEWEST_BATCHES, MOST_SECONDS = 5, 3.0


def time_steps(step, wait, result):
    """step() queues one step's work, wait() waits for all of it. result() says what the first steps came to, the same each time."""
    for _ in range(WARM_UP_STEPS):
        step()
    wait()
    came_to = result()
    batches, begin = [], time.perf_counter()
    while len(batches) < FEWEST_BATCHES or time.perf_counter() - begin < MOST_SECONDS:
        start = time.perf_counter_ns()
        for _ in range(BATCH_STEPS):
            step()
        wait()
        batches.append((time.perf_counter_ns() - start) / BATCH_STEPS)
    print(json.dumps([{"result": came_to, "step_ns": statistics.median(batches)}]))
    sys.stdout.flush()
