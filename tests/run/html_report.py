"""Reports for tests of `weir html`: large ones, and ones whose every name is hostile."""

import copy
import json
import pathlib
import random

from weir_test import REPOSITORY, run_weir

GOLDEN = REPOSITORY / "tests" / "golden"
GOLDEN_PAGES = ("report_finished", "report_cuda", "report_errors", "report_no_leaks", "report_suppressed", "report_raw")
DEPTH = 24
# Each ends or begins something somewhere: a page, a script, a comment, a line of JavaScript, a terminal's colour, the order of letters.
HOSTILE = ("</script><script>window.hostile=1</script>", "<!--<script>", "]]>", "<img src=x onerror=window.hostile=1>",
           "\u2028\u2029", "\x1b[31mred\x1b[0m", "\u202egnp.exe", "' onclick=window.hostile=1 \"", "{{7*7}}", "${7*7}", "\\u003c\\", "&lt;b&gt;")


def golden(name):
    return json.loads((GOLDEN / name).read_text())


def merged_report(folder, *reports):
    """What `weir merge` makes of them; each of a process of its own."""
    paths = [pathlib.Path(folder, f"of_{number}.json") for number in range(len(reports))]
    for path, report in zip(paths, reports):
        path.write_text(json.dumps(report))
    result = run_weir(["merge", *paths, "-o", "-"])
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def of_process(name, peak_bytes=None, **process):
    """A golden report, as another process would have left it."""
    report = golden(f"{name}.json")
    report["process"].update(process)
    if peak_bytes is not None:
        report["host"]["totals"]["peak_bytes"] = report["timeline"]["peak"]["bytes"] = peak_bytes
    return report


def _frames(count):
    return [{"module": 0, "offset": 16 * number + 16, "function": f"layer{number % 40}::step_{number}", "file": f"src/part{number % 97}.cpp",
             "line": number % 900 + 1} for number in range(count)]


def _stack(chance, frame_count):
    """Innermost first; the outer part is shared by many, the inner one by few."""
    return [chance.randrange(min(1 + 6 * level * level, frame_count)) for level in reversed(range(DEPTH))]


def large_report(stack_count, frame_count=20_000):
    """A finished report in which so many stacks hold something at exit, and as many held it at the peak."""
    chance = random.Random(7)
    report = golden("report_finished.json")
    report["modules"] = report["modules"][:1]
    report["frames"] = _frames(frame_count)
    heads = [_stack(chance, frame_count) for _ in range(max(stack_count // 20, 1))]
    report["stacks"] = []
    for _ in range(stack_count):  # most differ from another in their inner half only
        shared = chance.randrange(6, DEPTH)
        report["stacks"].append(_stack(chance, frame_count)[:DEPTH - shared] + chance.choice(heads)[DEPTH - shared:])
    kinds = ("definite", "indirect", "possible", "reachable")
    row = {"memory": "host", "first_ns": 1, "last_ns": 2, "thread_count": 1, "threads": [{"id": 1}]}
    sample = {"address": "0x7f0000000010", "bytes": 16, "ns": 1, "thread": 1, "family": "malloc"}
    report["leaks"] = [{**row, "kind": kinds[i % 4], "bytes": 40 * (stack_count - i), "count": i % 9 + 1, "stack": i, "samples": [sample] * 3}
                       for i in range(stack_count)]
    report["peak"] = [{"memory": "host", "bytes": 40 * (stack_count - i), "count": 1, "stack": i} for i in range(stack_count)]
    report["hot_sites"], report["errors"], report["large"] = [], [], []
    return report


def _poison(value, path=()):
    """Each text of a person's in a copy of the value becomes hostile; what the schema fixes stays."""
    if isinstance(value, dict):
        return {key: _poison(item, path + (key,)) for key, item in value.items()}
    if isinstance(value, list):
        return [_poison(item, path) for item in value]
    fixed = {"schema", "memory", "kind", "symbols", "build_id", "base", "address", "start"}
    if isinstance(value, str) and path and path[-1] not in fixed:
        return value + "".join(HOSTILE)
    return value


def hostile_report(report):
    """report: parsed, or a golden one's name."""
    return _poison(copy.deepcopy(golden(report) if isinstance(report, str) else report))
