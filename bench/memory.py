"""What Weir's records take: per live block, per stack, per idle thread, and in a process that does nothing."""

import json
import statistics
import subprocess
import tempfile

import costs
import tools as tools_module

BLOCKS = 1_000_000
STACKS = 100_000
SIZES = (16, 64, 256, 1024)


def resident_bytes(bench, tool, folder, blocks, size, stacks):
    """Resident bytes that the program itself saw with all of its blocks alive; the tool's output goes to `folder`."""
    run = subprocess.run([bench.programs / "live", str(blocks), str(size), str(stacks)], check=True, timeout=300,
                         capture_output=True, text=True,
                         env=tool.environment(folder, tools_module.clean_environment()))
    return int(run.stdout)


def bytes_per_block(bench, tools, rounds):
    """{size: {tool: resident bytes per live block, the program's own included}}."""
    table = {}
    for size in SIZES:
        for tool in tools:
            with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
                values = [resident_bytes(bench, tool, folder, BLOCKS, size, 1) / BLOCKS for _ in range(rounds)]
            table.setdefault(str(size), {})[tool.name] = round(statistics.median(values), 2)
    return table


def stack_bytes(bench, weir):
    """What a hundred thousand stacks and their tree take, and a hundred thousand more, by Weir's own account."""
    tables, metadata = [], []
    for stacks in (STACKS, 2 * STACKS):
        with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
            environment = tools_module.clean_environment() | {"LD_PRELOAD": str(weir.preload),
                                                              "WEIR_REPORT": f"{folder}/report.json"}
            subprocess.run([bench.programs / "live", str(2 * STACKS), "64", str(stacks)], check=True, timeout=300,
                           stdout=subprocess.DEVNULL, env=environment)
            with open(f"{folder}/report.json", encoding="utf-8") as file:
                host = json.load(file)["host"]
        tables.append(host["stack_table"])
        metadata.append(host["metadata_bytes"])
    few, many = tables
    more_stacks = many["stack_count"] - few["stack_count"]
    return {"stacks": more_stacks, "nodes": many["node_count"] - few["node_count"],
            "bytes_per_stack": round((metadata[1] - metadata[0]) / more_stacks, 1),
            "tree_bytes_per_node": round(max(table["tree_bytes"] / table["node_count"] for table in tables), 1)}


def measure(bench, tools, rounds, say):
    by_name = {tool.name: tool for tool in tools}
    weir = by_name.get("weir-exact")
    # heaptrack's records are in another process.
    names = ("glibc", "mimalloc", "lsan", "weir-exact", "weir-sampled")
    compared = [by_name[name] for name in names if name in by_name]
    results = {"bytes_per_live_block": bytes_per_block(bench, compared, rounds)}
    if weir:
        results["stacks"] = stack_bytes(bench, weir)
        results["start"] = costs.measure_start(20 * rounds, weir.preload)
        results["idle_threads"] = costs.measure_idle_threads(rounds=rounds, library=weir.preload)
    say("memory measured")
    return results
