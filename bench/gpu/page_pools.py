"""The sections of docs/benchmarks-gpu.md on the pools: what calls, loops and frameworks take, and what the pools keep to."""

import modes
import verdicts
from page_text import columns, microseconds, size, table, times, yes


def loops_text(results):
    if "loops" not in results["measured"]:
        return ""
    found = results["measured"]["loops"]
    rows = [(f"{row['memory']}, {size(row['bytes'])}", row["work"], *times(row, "round_ns", found["modes"])) for row in found["rows"]]
    return ("## Loops that allocate, use and free\n\nMicroseconds a round, medians. Work: a fill of 64 bytes, queued in a stream "
            "before the free; waited for, or not.\n\n" + table(("memory", "work", *columns([""], found["modes"])), rows))


def churn_text(results):
    if "churn" not in results["measured"]:
        return ""
    found = results["measured"]["churn"]
    rows = [(row["threads"], call, *times(row, name, found["modes"])) for row in found["rows"]
            for call, name in (("alloc", "alloc_ns"), ("free", "free_ns"), ("any, of all threads together", "operation_ns"))]
    return ("## Churn in threads\n\nMicroseconds a call, medians; sizes from 256 bytes to 4 MiB, work queued on each block.\n\n" +
            table(("threads", "call", *columns([""], found["modes"])), rows))


def call_times_text(results):
    if "call_times" not in results["measured"]:
        return ""
    found = results["measured"]["call_times"]
    rows = [(row["kind"], size(row["bytes"]), "behind a kernel" if row["behind_kernel"] else "idle", call,
             *times(row, name, found["modes"])) for row in found["rows"] for call, name in (("alloc", "alloc_ns"), ("free", "free_ns"))]
    return (f"## Times of calls\n\nMicroseconds, medians; rounds in turns: {found['rounds']}. Behind a kernel: one of 1 ms was "
            "launched just before.\n\n" + table(("kind", "size", "device", "call", *columns([""], found["modes"])), rows))


def pinned_text(results):
    if "pinned_cost" not in results["measured"]:
        return ""
    found = results["measured"]["pinned_cost"]
    rows = [(size(row["bytes"]), call, *times(row, name, found["modes"])) for row in found["rows"]
            for call, name in (("alloc", "alloc_ns_per_mib"), ("free", "free_ns_per_mib"))]
    return ("## Pinned memory\n\nMicroseconds per MiB of cuMemHostAlloc and cuMemFreeHost; of three, the median.\n\n" +
            table(("size", "call", *columns([""], found["modes"])), rows))


def host_copies_text(results):
    if "host_copies" not in results["measured"]:
        return ""
    found = results["measured"]["host_copies"]
    calls = (("to the device, a block's first", "first_to_device_ns_per_mib"), ("to the device", "to_device_ns_per_mib"),
             ("to the host, a block's first", "first_to_host_ns_per_mib"), ("to the host", "to_host_ns_per_mib"),
             ("to the device, in a stream that is waited for", "in_stream_ns_per_mib"))
    rows = [(size(row["bytes"]), call, *times(row, name, found["modes"])) for row in found["rows"] for call, name in calls]
    return ("## Copies of blocks of the heap\n\nMicroseconds per MiB, medians but for a block's first copy; with WEIR_HOST_PIN_ABOVE in the "
            "last column.\n\n" + table(("size", "copy", *columns([""], found["modes"])), rows))


def frameworks_text(results):
    if not results["frameworks"]:
        return ""
    rows = []
    for name, found in results["frameworks"].items():
        took = found["rows"][0]["step_ns"]
        loss = f"{verdicts.loss_percent(found['rows'][0]):+.2f} %"
        rows.append((name, found["rounds"], *(microseconds(took[mode]) if mode in took else "-" for mode in modes.ALL), loss))
    return ("## Frameworks\n\nMicroseconds a step of training, medians over runs in turns; the last column: how much longer under "
            "Weir's default.\n\n" + table(("framework", "runs", *columns([""], modes.ALL), "loss"), rows))


def never_early_text(results):
    found = results["pools"].get("never_early")
    if found is None:
        return ""
    rows = [(modes.TITLES[mode], *(f"{count[name]:,}" for name in ("allocations", "reused", "changed", "spoiled")))
            for mode, count in found["modes"].items()]
    unseen = "".join(f" {what}: {'; '.join(found[key])}." for what, key in
                     (("Not seen", "unseen"), ("The driver alone is wrong, and it is left out", "left_out")) if found[key])
    return ("## Memory that is given out again\n\nA read and a write were queued behind a kernel of 1 ms, the block freed and the same "
            "size allocated at once and filled.\nChanged: the late read found another content; spoiled: the late write was seen in "
            "memory that was given out since.\nThe program was seen to tell memory that it reuses early itself, with work queued by: "
            f"{'; '.join(found['ways']) or 'none'}.{unseen}\n\n" +
            table(("", "allocations", "at an address freed before", "changed", "spoiled"), rows))


def traces_text(results):
    found = results["pools"].get("traces")
    if found is None:
        return ""
    rows = [(modes.TITLES[mode], one["out_of_memory"], f"{one['peak_live_bytes']:,}",
             f"{one['reserved_peak_bytes']:,}" if one["reserved_peak_bytes"] else "-", microseconds(one["operation_ns"]))
            for mode, one in found["modes"].items()]
    return (f"## Random traces\n\n{found['operations']:,} allocations and frees of 1 byte to 4 GiB, with at most "
            f"{found['percent']} % of the device live.\n\n" +
            table(("", "out of memory", "peak live, bytes", "peak reserved, bytes", "us a call"), rows))


def race_text(results):
    found = results["pools"].get("captures")
    if found is None:
        return ""
    rows = [(modes.TITLES[mode], "-" if mode == modes.ALONE else yes(found["same"][mode]),
             *(race[name] for name in ("captures", "spoilt", "served", "refused"))) for mode, race in found["race"].items()]
    return (f"## Captures beside a pool\n\n{found['cells']} calls made while a stream captures, with idle blocks in the pool: is each "
            "answer, and what becomes of the capture, the same as\nalone? And a race: captures while three threads allocate and free.\n\n" +
            table(("", "the same", "captures", "spoilt", "rounds beside them", "calls refused"), rows))


def sanitizer_text(results):
    found = results["pools"].get("sanitizer")
    if found is None:
        return ""
    rows = [(who, yes(found[key]["found"]), found[key]["returncode"]) for who, key in (("alone", "alone"), ("under Weir", "under_weir"))]
    signs = ", ".join(f"`{sign}`" for sign in found["signs"]["variables"] + found["signs"]["libraries"])
    return ("## compute-sanitizer\n\nA program writes one element beyond a block, where an earlier block of that place had room.\n\n" +
            table(("memcheck", "finds it", "exit status"), rows) +
            f"\nWhat a process finds around it that the tool has started, and not without: {signs or 'nothing'}.\n")


SECTIONS = (loops_text, churn_text, call_times_text, pinned_text, host_copies_text, frameworks_text, never_early_text, traces_text, race_text,
            sanitizer_text)
