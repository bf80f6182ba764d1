"""What the end of a process takes: the raw report, and finishing one with functions, files and lines."""

import json
import os
import pathlib
import subprocess
import tempfile
import time

import tools as tools_module

BLOCKS, STACKS = 1_000_000, 100_000


def time_at_exit(bench, tools, argv, rounds, say):
    """{tool: {"exit_s": [...], "output_bytes": n}}: from the end of main to that of the last process."""
    results = {}
    for round_ in range(rounds):
        for turn in range(len(tools)):
            tool = tools[(turn + round_) % len(tools)]
            one = results.setdefault(tool.name, {"exit_s": [], "wall_s": [], "output_bytes": 0})
            if "failed" in one:
                continue
            try:
                run = bench.run(tool, argv)
            except Exception as error:  # shown with the results
                results[tool.name] = {"failed": str(error)[:300]}
                say(f"{argv[0]} under {tool.name} failed: {error}")
                continue
            one["exit_s"].append(run["exit_s"])
            one["wall_s"].append(run["wall_s"])
            one["output_bytes"] = run["output_bytes"]
    return results


def symbolising(bench, weir, command, rounds):
    """Seconds that `weir show --json` takes over 10,000 distinct frames of a program with debug information."""
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        report = pathlib.Path(folder) / "report.json"
        environment = tools_module.clean_environment()
        subprocess.run([bench.programs / "many_frames"], check=True, timeout=60,
                       env=environment | {"LD_PRELOAD": str(weir.preload), "WEIR_REPORT": str(report)})
        seconds = []
        for _ in range(rounds):
            start = time.monotonic()
            shown = subprocess.run([command, "show", "--json", report], check=True, capture_output=True,
                                   env=environment, timeout=300)
            seconds.append(time.monotonic() - start)
    frames = json.loads(shown.stdout)["frames"]
    named = sum(1 for frame in frames if "place<" in frame.get("function", ""))
    if named < 10_000:
        raise RuntimeError(f"only {named} of {len(frames)} frames were given the name of their function")
    return {"frames": len(frames), "seconds": seconds}


def measure(bench, tools, command, rounds, say):
    results = {
        "empty": time_at_exit(bench, tools, ["/bin/true"], rounds * 3, say),
        "million": time_at_exit(bench, tools, [bench.programs / "live", BLOCKS, 64, STACKS], rounds, say),
    }
    weir = next((tool for tool in tools if tool.name == "weir-exact"), None)
    if weir and os.access(command, os.X_OK):
        results["symbolising"] = symbolising(bench, weir, command, rounds)
    say("ends of processes measured")
    return results
