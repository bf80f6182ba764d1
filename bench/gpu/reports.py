"""Reads Weir's reports, and holds a program's own account of its memory against them."""

import itertools
import json
import pathlib
import re

MIB = 1 << 20
FIGURES = ("alloc_count", "alloc_bytes", "free_count", "free_bytes", "live_count", "live_bytes")
# The kinds that lie in the device's own memory while they live.
ON_DEVICE = ("device", "async", "vmm", "array", "graph")
# What the driver may take beyond what was asked for: each block rounded to its page, and what it keeps in a pool for more.
SLACK_PER_BLOCK_BYTES, SLACK_BYTES = 2 * MIB, 64 * MIB


class Missing(Exception):
    """A key that a report must have is not there; the message says which, as a whole sentence."""


def get(report, *path):
    """report[path[0]][path[1]]...; Missing names the first key that is not there."""
    value = report
    for depth, key in enumerate(path):
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path[:depth + 1])
            raise Missing(f"the report has no {name.lstrip('.')}") from None
    return value


def read_all(folder):
    """The reports of a run's processes, by name. Missing where there is none, or one is no JSON."""
    reports = []
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        try:
            reports.append(json.loads(path.read_text()))
        except ValueError:
            raise Missing(f"the report {path.name} is no JSON") from None
    if not reports:
        raise Missing("there is no report")
    return reports


def has_cuda(reports):
    """The library that wrote them knows of CUDA at all."""
    return any("cuda" in report for report in reports)


def of_device(reports):
    """The one that speaks of a device, of a program's processes."""
    for report in reports:
        if get(report, "devices"):
            return report
    raise Missing("no report speaks of a device: devices is empty")


class Account:
    """What a program said on stderr: see bench/gpu/programs/ledger.h and bench/gpu/frameworks/account.py."""

    def __init__(self, stderr):
        self.kinds, self.live, self.pool, self.first_used, self.last_used = {}, {}, None, None, None
        for words in (line.split() for line in stderr.splitlines()):
            if words[:1] == ["figure"] and len(words) == 6:
                self.add_kind(words[1], *map(int, words[2:]))
            elif words[:1] == ["live"] and len(words) == 4:
                self.live[words[1]] = int(words[2]), int(words[3])
            elif words[:1] == ["pool"] and len(words) == 3:
                self.pool = int(words[1]), None if words[2] == "-" else int(words[2])
            elif words[:1] == ["used"] and all(word.isdecimal() for word in words[1:]):
                self.first_used = int(words[1]) if len(words) == 3 else None
                self.last_used = int(words[-1])

    def add_kind(self, kind, alloc_count, alloc_bytes, free_count, free_bytes):
        self.kinds[kind] = dict(zip(FIGURES, (alloc_count, alloc_bytes, free_count, free_bytes, alloc_count - free_count,
                                              alloc_bytes - free_bytes)))
        self.live[kind] = alloc_count - free_count, alloc_bytes - free_bytes

    def live_on_device(self):
        """(count, bytes)"""
        held = [self.live[kind] for kind in ON_DEVICE if kind in self.live]
        return sum(count for count, _ in held), sum(size for _, size in held)


class Comparison:
    """rows: {"what", "program", "report", "agrees"} of every figure that was compared."""

    def __init__(self):
        self.rows = []

    def equal(self, what, program, report):
        self.between(what, program, report, report)

    def between(self, what, program, low, high):
        """The program's figure lies within these two of the report's."""
        self.rows.append({"what": what, "program": program, "report": low if low == high else [low, high],
                          "agrees": low <= program <= high})

    def disagreements(self):
        return [f"{row['what']}: the program says {row['program']:,}, the report {said(row['report'])}"
                for row in self.rows if not row["agrees"]]


def said(figure):
    return f"{figure:,}" if not isinstance(figure, list) else f"{figure[0]:,} to {figure[1]:,}"


def leaked(report, memory):
    """(count, bytes) of the leaks of that memory."""
    entries = [leak for leak in get(report, "leaks") if get(leak, "memory") == memory]
    return sum(leak["count"] for leak in entries), sum(leak["bytes"] for leak in entries)


def compare_kinds(comparison, account, report):
    """Every allocation and release was seen, once each, and what is live is in leaks."""
    for kind, figures in account.kinds.items():
        for figure in FIGURES:
            comparison.equal(f"{kind} {figure}", figures[figure], get(report, "devices", 0, "kinds", kind, figure))
    for kind, (count, size) in account.live.items():
        if kind not in account.kinds:  # only what is left is the program's to say
            known = get(report, "devices", 0, "kinds").get(kind, {})
            comparison.equal(f"{kind} live_bytes", size, known.get("live_bytes", 0))
        comparison.equal(f"{kind} bytes of leaks", size, leaked(report, kind)[1])
        comparison.equal(f"{kind} count of leaks", count, leaked(report, kind)[0])


def live_on_device(report):
    kinds = get(report, "devices", 0, "kinds")
    return sum(get(kinds, kind, "live_bytes") for kind in ON_DEVICE if kind in kinds)


def compare_driver(comparison, account, report):
    """cuMemGetInfo said the same to the program at its end as to Weir when it asked last, and to the report's sums. To the program
    what lies idle in Weir's pool is free, as it is without a pool."""
    driver = get(report, "devices", 0, "driver")
    used, known, idle, rest = (get(driver, key) for key in
                               ("used_bytes", "known_bytes", "pool_idle_bytes", "driver_and_context_bytes"))
    # What was allocated and freed since that reading is known, what the driver rounded is not.
    since = live_on_device(report) - known
    expected, tolerance = used - idle + since, 2 * MIB if since == 0 else SLACK_BYTES
    low = expected - tolerance
    if since != 0 and get(report, "devices", 0, "kinds").get("async", {}).get("free_count"):
        # What a stream had still to free was in that reading, and not live any more.
        low = min(low, live_on_device(report))
    comparison.between("used by cuMemGetInfo, bytes", account.last_used, low, expected + tolerance)
    comparison.equal("used_bytes = known_bytes + pool_idle_bytes + driver_and_context_bytes", used, known + idle + rest)
    if account.first_used is not None:
        count, size = account.live_on_device()
        comparison.equal("live on the device", size, live_on_device(report))
        growth = account.last_used - account.first_used
        comparison.between("what cuMemGetInfo grew by, to what is live: bytes", growth, size,
                           size + SLACK_BYTES + count * SLACK_PER_BLOCK_BYTES)


def modules_of(report, stack):
    """Paths of the modules on a stack."""
    frames = get(report, "stacks", stack) if isinstance(stack, int) else stack
    frames = frames["frames"] if isinstance(frames, dict) else frames
    found = [get(report, "frames", frame).get("module") for frame in frames]
    return {get(report, "modules", module, "path") for module in found if module is not None}


def through(report, pattern, but_not):
    """Leaks of device memory whose stack goes through a module that matches, and through none of the others."""
    found = []
    for leak in get(report, "leaks"):
        if get(leak, "memory") not in ON_DEVICE:
            continue
        paths = modules_of(report, get(leak, "stack"))
        if any(re.search(pattern, path) for path in paths) and not any(re.search(but_not, path) for path in paths):
            found.append(leak)
    return found


def nearest_sum(sizes, wanted):
    """The sum of all, or the sum of some of the sizes where that is what is wanted: a framework asks for memory beside its
    pool's by the same libraries. Only few sizes are tried in every combination."""
    if sum(sizes) != wanted and len(sizes) <= 16:
        for some in itertools.chain.from_iterable(itertools.combinations(sizes, n) for n in range(len(sizes))):
            if sum(some) == wanted:
                return wanted
    return sum(sizes)


def compare_pool(comparison, account, report, pattern, but_not):
    """What the framework says that its allocator holds is in the leaks that go through its allocator."""
    held = through(report, pattern, but_not)
    size, count = account.pool
    comparison.equal("held by the framework's allocator, bytes", size, nearest_sum([leak["bytes"] for leak in held], size))
    if count is not None and sum(leak["bytes"] for leak in held) == size:
        comparison.equal("held by the framework's allocator, blocks", count, sum(leak["count"] for leak in held))


def totals(report):
    """The figures of the first device that are kept in the results."""
    kinds = get(report, "devices", 0, "kinds")
    return {"kinds": {kind: {figure: get(kinds, kind, figure) for figure in ("alloc_count", "free_count", "live_bytes")}
                      for kind in kinds if get(kinds, kind, "alloc_count")},
            "driver": get(report, "devices", 0, "driver")}


def limitation(report):
    """Why the pool of CUDA's memory is not what was asked for; None where it is, or the library knows of no pool."""
    return ((report.get("cuda") or {}).get("pool") or {}).get("limitation")
