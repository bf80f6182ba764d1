"""What Weir takes for granted of a driver, and what it promises: whether the results say so. Each function returns (holds, what was
found), or None where that was not measured."""

import modes

KIB, MIB = 1 << 10, 1 << 20
SMALL_GRANULE, LARGE_GRANULE = 512, 2 * MIB  # of device memory: up to 1 MiB, and above
MOST_LOSS_PERCENT = 1.0
MOST_OF_LIVE = 1.15


def granule_of(size):
    """Bytes that the driver is taken to use for a request."""
    granule = LARGE_GRANULE if size > MIB else SMALL_GRANULE
    return -(-size // granule) * granule


def granule(results):
    """cuMemGetInfo falls in pieces of 2 MiB, whatever the block: one piece more or less says nothing."""
    if "rounding" not in results["measured"]:
        return None
    rows = [row for row in results["measured"]["rounding"]["alone"] if row["kind"] == "device"]
    other = [row for row in rows
             if abs(row["mean_block_bytes"] - granule_of(row["bytes"])) * row["block_count"] > LARGE_GRANULE]
    found = [f"{row['bytes']:,} B take {row['mean_block_bytes']:,.0f}, not {granule_of(row['bytes']):,}" for row in other]
    return not other, "; ".join(found[:4]) or f"{len(rows)} sizes from {rows[0]['bytes']} B to {rows[-1]['bytes']:,} B"


def event_does_not_serialise(results):
    if "context_event" not in results["measured"]:
        return None
    row = next(row for row in results["measured"]["context_event"]["rows"] if "long_kernel_ns" in row)
    long, short, after = (row[name][modes.ALONE] for name in ("long_kernel_ns", "short_kernel_ns", "short_kernel_after_event_ns"))
    return after < long / 2, (f"beside a kernel of {long / 1e3:,.0f} us a short one in another stream ends after {short / 1e3:,.0f} us, "
                              f"after an event {after / 1e3:,.0f} us")


def never_early(results):
    found = results["pools"].get("never_early")
    if found is None:
        return None
    counts = "; ".join(f"{mode}: {count['reused']} of {count['allocations']} reused" for mode, count in found["modes"].items())
    wrong = f"{len(found['wrong'])} wrong; " if found["wrong"] else ""
    return bool(found["ways"]) and not found["wrong"], f"{wrong}{len(found['ways'])} ways; {counts}"


def answers_are_the_same(results):
    asked = {name: results["measured"][name]["same"] for name in ("capture_matrix", "ipc_reuse", "rounding")
             if name in results["measured"]}
    asked |= {name: results["pools"][name]["same"] for name in ("captures", "differential") if name in results["pools"]}
    if not any(asked.values()):
        return None
    wrong = [f"{name} ({mode})" for name, same in asked.items() for mode, one in same.items() if not one]
    return not wrong, ", ".join(wrong) or ", ".join(name for name in asked if asked[name])


def there_is_room(results):
    found = results["pools"].get("traces")
    if found is None or found["modes"][modes.ALONE]["out_of_memory"] > 0:
        return None
    of_live = {mode: one["reserved_peak_bytes"] / one["peak_live_bytes"] for mode, one in found["modes"].items()
               if one["reserved_peak_bytes"]}
    holds = all(one["out_of_memory"] == 0 for one in found["modes"].values())
    ratios = ", ".join(f"{mode} {ratio:.3f}" for mode, ratio in of_live.items())
    return holds and all(ratio <= MOST_OF_LIVE for ratio in of_live.values()), \
        f"{found['operations']} operations at {found['percent']} %; reserved / live at the peak: {ratios}"


def sanitizer(results):
    found = results["pools"].get("sanitizer")
    if found is None or not found["alone"]["found"]:
        return None
    return found["under_weir"]["found"], f"the pool said: {', '.join(found['limitations']) or 'nothing'}"


def loss_percent(row):
    """What a step takes longer under Weir as a user has it than alone; negative: it is faster."""
    return (row["step_ns"][modes.DEFAULT] / row["step_ns"][modes.ALONE] - 1) * 100


def no_loss(results):
    losses = {name: loss_percent(found["rows"][0]) for name, found in results["frameworks"].items() if found["defaults"]}
    if not losses:
        return None
    return max(losses.values()) <= MOST_LOSS_PERCENT, ", ".join(f"{name} {loss:+.2f} %" for name, loss in losses.items())


CLAIMS = {
    "Device memory is taken in granules of 512 B up to 1 MiB, of 2 MiB above": granule,
    "An event of the context does not make its streams wait for one another": event_does_not_serialise,
    "No memory is given out while work queued before its free is pending": never_early,
    "What the driver answers is the same under Weir": answers_are_the_same,
    "There is room wherever the driver alone has it, and at most 1.15 of what is live is reserved": there_is_room,
    "compute-sanitizer finds a planted write out of bounds under Weir": sanitizer,
    "Frameworks at their defaults lose at most 1 %": no_loss,
}


def of(results):
    """[{"claim", "holds": True, False or None (not measured), "found"}]; results: None where there are none."""
    verdicts = []
    for claim, judge in CLAIMS.items():
        holds, found = (judge(results) if results else None) or (None, "")
        verdicts.append({"claim": claim, "holds": holds, "found": found})
    return verdicts
