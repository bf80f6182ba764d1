"""The micro-benchmarks (micro.cpp) under every tool, interleaved."""

import json
import re
import subprocess
import tempfile

import tools as tools_module

SLOW = "large_touched/bytes:(268435456|1073741824)"  # seconds each, most of it the kernel's; in the first rounds only
SLOW_ROUNDS = 3
UNWINDING = "mimalloc"  # the tool beside which unw_backtrace is measured


def run_once(bench, tool, seconds, slow):
    """{case: {"ns": CPU time per round of the loop, "per_s": throughput where the case has one}}."""
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        out = f"{folder}/micro.json"
        command = [*tool.command(folder), bench.programs / "micro", f"--benchmark_min_time={seconds}",
                   f"--benchmark_out={out}", "--benchmark_out_format=json"]
        if not slow:
            command.append(f"--benchmark_filter=-{SLOW}")
        environment = tools_module.clean_environment() | ({"BENCH_UNWIND": "1"} if tool.name == UNWINDING else {})
        subprocess.run(command, env=tool.environment(folder, environment), cwd=folder, check=True, timeout=900,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(out, encoding="utf-8") as file:
            rows = json.load(file)["benchmarks"]
    figures = {}
    for row in rows:
        if row.get("error_occurred") or row["name"] == "warm_up":
            continue
        name = re.sub(r"/iterations:\d+|/(real|manual)_time", "", row["name"])
        if "items_per_second" in row:
            figures[name] = {"per_s": row["items_per_second"]}
        else:
            # By the wall where two threads hand blocks to each other, else CPU time of the one thread.
            figures[name] = {"ns": row["real_time" if row["name"].endswith("/real_time") else "cpu_time"]}
    return figures


def measure(bench, tools, rounds, seconds, slow, say):
    """{"cases": {case: {"unit": "ns" or "per_s", "tools": {tool: [of each round]}}}, "failed": {tool: why}}.

    slow: the slow cases, too.
    """
    results, failed = {}, {}
    for round_ in range(rounds):
        for turn in range(len(tools)):
            tool = tools[(turn + round_) % len(tools)]
            if tool.name in failed:
                continue
            try:
                figures = run_once(bench, tool, seconds, slow=slow and round_ < SLOW_ROUNDS)
            except (subprocess.SubprocessError, OSError, ValueError) as error:
                failed[tool.name] = f"{type(error).__name__}: {error}"[:300]
                say(f"micro-benchmarks under {tool.name} failed: {error}")
                continue
            for case, figure in figures.items():
                for unit, value in figure.items():
                    by_tool = results.setdefault(case, {"unit": unit, "tools": {}})["tools"]
                    by_tool.setdefault(tool.name, []).append(value)
        say(f"micro-benchmarks: round {round_ + 1} of {rounds} done")
    return {"cases": results, "failed": failed}
