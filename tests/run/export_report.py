"""Reports for tests of `weir export`: one that has something of everything, and ones of any length, written as they are made."""

import json
import random

from html_report import golden, large_report

VALUES = ("leaked_bytes", "leaked_count", "live_bytes", "live_count", "peak_bytes", "peak_count", "total_bytes", "total_count", "temporary_count")
LOST = ("definite", "indirect")


def mixed_report(stack_count=300):
    """Leaks of every kind, on the host and of CUDA's, a peak of which a part was left out, and hot sites."""
    report, cuda = large_report(stack_count), golden("report_cuda.json")
    unknown = len(report["stacks"])
    report["stacks"].append([])
    for row in cuda["leaks"]:
        report["leaks"].append({**row, "kind": "definite", "stack": row["stack"] % stack_count})
    report["leaks"].append({"memory": "host", "kind": "definite", "bytes": 7, "count": 2, "stack": unknown})
    report["leaks"].append({"memory": "mmap", "kind": "live", "bytes": 4096, "count": 1, "stack": 1})
    report["hot_sites"] = [{"memory": "host", "stack": i, "alloc_count": 10**12 + i, "alloc_bytes": 2**45 + i, "temporary_count": 10**11 * (i % 2),
                            "live_count": 0, "live_bytes": 0, "peak_bytes": 1} for i in range(20)]
    report["host"]["peak_left_out"] = {"stack_count": 3, "bytes": 12345, "count": 6}
    report["devices"] = cuda["devices"]
    return report


def totals_of(report, memory=None):
    """What every export must add up to. memory: of that one alone."""
    rows = {name: [row for row in report[name] if memory in (None, row["memory"])] for name in ("leaks", "peak", "hot_sites")}
    left_out = report["host"].get("peak_left_out", {}) if memory in (None, "host") else {}
    sums = {}
    for unit in ("bytes", "count"):
        sums[f"leaked_{unit}"] = sum(row[unit] for row in rows["leaks"] if row["kind"] in LOST)
        sums[f"live_{unit}"] = sum(row[unit] for row in rows["leaks"])
        sums[f"peak_{unit}"] = sum(row[unit] for row in rows["peak"]) + left_out.get(unit, 0)
        sums[f"total_{unit}"] = sum(row[f"alloc_{unit}"] for row in rows["hot_sites"])
    sums["temporary_count"] = sum(row["temporary_count"] for row in rows["hot_sites"])
    return sums


def write_long_report(path, length, depth=24, frame_count=100_000):
    """A finished report of about so many bytes, most of it leaks with samples and their stacks. The sum of its live bytes."""
    chance = random.Random(5)
    report = golden("report_finished.json")
    sample = {"address": "0x7f0000000010", "bytes": 4000, "ns": 1100000, "thread": 1, "family": "malloc"}
    tail = json.dumps({"memory": "host", "kind": "definite", "count": 3, "first_ns": 1, "last_ns": 2, "thread_count": 1,
                       "threads": [{"id": 1, "tid": 4711, "name": "leaky"}], "samples": [sample] * 3})[1:]
    frames = [json.dumps({"module": 0, "offset": 16 * i + 16, "function": f"layer{i % 40}::step_{i}", "file": f"src/part{i % 97}.cpp", "line": i % 900 + 1})
              for i in range(frame_count)]
    count = max((length - 100 * frame_count) // (len(tail) + 40 + 8 * depth), 10)
    live = 0
    with open(path, "w") as out:
        head = json.dumps({key: report[key] for key in ("schema", "process", "options", "host", "devices", "leak_check") if key in report})
        out.write(head[:-1] + ',\n"leaks": [\n')
        for i in range(count):
            live += 40 * (count - i)
            out.write(f'{"," if i else ""}{{"bytes": {40 * (count - i)}, "stack": {i}, {tail}\n')
        out.write('],\n"errors": [], "peak": [{"memory": "host", "bytes": 9, "count": 1, "stack": 0}], "hot_sites": [], "large": [],\n"stacks": [\n')
        for i in range(count):
            numbers = [chance.randrange(min(1 + 12 * level ** 3, frame_count)) for level in reversed(range(depth))]
            out.write(("," if i else "") + json.dumps(numbers) + "\n")
        out.write('],\n"frames": [\n' + ",\n".join(frames) + '],\n"modules": ' + json.dumps(report["modules"]) + ', "warnings": []}\n')
    return live
