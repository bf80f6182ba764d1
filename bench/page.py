"""docs/benchmarks.md from the results of a run, and the same tables for the terminal."""

import figures

# What must hold (at most), what is reached for: the rows of the page's first table.
DEPTH_20 = "/stack:20"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]) + "\n"


def ratio_text(value):
    return "-" if value is None else f"{value:.2f}"


class Real:
    """Ratios over the real programs."""

    def __init__(self, results):
        self.programs = results.get("real", {})

    def samples(self, program, tool, figure):
        return [run[figure] for run in self.programs.get(program, {}).get(tool, {}).get("rounds", [])]

    def ratios(self, program, tool, figure="cpu_s", base="glibc"):
        return figures.paired_ratios(self.samples(program, tool, figure), self.samples(program, base, figure))

    def ratio(self, program, tool, figure="cpu_s", base="glibc"):
        found = self.ratios(program, tool, figure, base)
        return figures.median(found) if found else None

    def mean(self, tool, figure="cpu_s", base="glibc"):
        """Geometric mean over the programs that ran under both; None where there is none."""
        found = [ratio for ratio in (self.ratio(program, tool, figure, base) for program in self.programs) if ratio]
        return figures.geometric_mean(found) if found else None

    def worst(self, tool):
        found = [(ratio, program) for program in self.programs if (ratio := self.ratio(program, tool))]
        return max(found) if found else (None, None)

    def share_of_heaptracks_extra(self):
        """Extra CPU of exact tracking over plain mimalloc, as a share of heaptrack's extra over glibc... over the same programs."""
        shares = []
        for program in self.programs:
            weir, heaptrack = self.ratio(program, "weir-exact", base="mimalloc"), self.ratio(program, "heaptrack")
            if weir and heaptrack:
                shares.append((weir, heaptrack))
        if not shares:
            return None
        weir = figures.geometric_mean([pair[0] for pair in shares])
        heaptrack = figures.geometric_mean([pair[1] for pair in shares])
        return (weir - 1) / (heaptrack - 1)


class Micro:
    """Medians of the micro-benchmarks."""

    def __init__(self, results):
        self.cases = results.get("micro", {}).get("cases", {})

    def value(self, case, tool):
        found = self.cases.get(case, {}).get("tools", {}).get(tool)
        return figures.median(found) if found else None

    def ratio(self, case, tool="weir-exact", base="mimalloc"):
        ours, theirs = self.value(case, tool), self.value(case, base)
        return ours / theirs if ours and theirs else None

    def unwind_ns(self, case):
        """What unw_backtrace takes on the stacks of this case, measured on plain mimalloc."""
        what, depth = case.split("/")
        with_it, without = self.value(f"{what}_unw_backtrace/{depth}", "mimalloc"), self.value(case, "mimalloc")
        return with_it - without if with_it and without else None

    def to_unwind(self, case):
        """What exact tracking adds to a pair, as a share of an unw_backtrace on the same stacks."""
        unwind, ours, theirs = self.unwind_ns(case), self.value(case, "weir-exact"), self.value(case, "mimalloc")
        return (ours - theirs) / unwind if unwind and ours and theirs else None


def must_show(results):
    """(what, value, at most, reach for)."""
    real, micro = Real(results), Micro(results)
    worst, which = real.worst("weir-exact")
    instructions = results.get("instructions", {})
    return [
        ("exact, geometric mean of CPU over the real programs, to glibc", real.mean("weir-exact"), 1.10, 1.00),
        (f"exact, worst program ({which}), to glibc", worst, 1.35, 1.15),
        ("exact, extra CPU over plain mimalloc, as a share of heaptrack's extra", real.share_of_heaptracks_extra(), 1 / 10, 1 / 16),
        ("sampled, instructions to plain mimalloc", sampled_instructions(instructions), 1.03, 1.01),
        ("malloc+free pair at depth 20, same stack, to plain mimalloc", micro.ratio("same_stack" + DEPTH_20), 3.5, 2.5),
        ("the same, inner frames changing", micro.ratio("inner_frames_change" + DEPTH_20), 2.5, 1.8),
        ("all frames changing, to libunwind's unw_backtrace on the same stacks", micro.to_unwind("all_frames_change" + DEPTH_20), 1.0, 0.7),
        ("peak RSS over glibc's, geometric mean", real.mean("weir-exact", "peak_bytes"), 1.25, 1.10),
    ]


def sampled_instructions(instructions):
    rows = instructions.get("real", {})
    found = [row["weir-sampled"] / row["mimalloc"] for row in rows.values() if row.get("weir-sampled") and row.get("mimalloc")]
    return figures.geometric_mean(found) if found else None


def must_show_table(results):
    rows = []
    for what, value, at_most, reach in must_show(results):
        holds = "not measured" if value is None else "yes" if value <= at_most else "**no**"
        rows.append((what, "-" if value is None else f"{value:.3f}", f"{at_most:.3g}", f"{reach:.3g}", holds))
    return table(("", "value", "at most", "reach for", "holds"), rows)


def real_table(results, figure):
    real = Real(results)
    if not real.programs:
        return ""
    tools = [tool for tool in results["tools"] if tool != "glibc"]
    rows = []
    for program in real.programs:
        base = real.samples(program, "glibc", figure)
        unit = f"{figures.median(base):.2f} s" if figure.endswith("_s") else f"{figures.median(base) / 1e6:.0f} MB"
        cells = []
        for tool in tools:
            ratios = real.ratios(program, tool, figure)
            low, high = figures.quartiles(ratios) if ratios else (0, 0)
            cells.append(f"{figures.median(ratios):.2f} ({low:.2f}-{high:.2f})" if ratios else "failed")
        rows.append((program, unit, *cells))
    rows.append(("geometric mean", "", *(ratio_text(real.mean(tool, figure)) for tool in tools)))
    return table(("program", "glibc", *(results["tools"][tool] for tool in tools)), rows)


def micro_table(results):
    micro = Micro(results)
    tools = list(results["tools"])
    rows = []
    for case, one in micro.cases.items():
        cells = []
        for tool in tools:
            value = micro.value(case, tool)
            cells.append("-" if value is None else f"{value:.1f}" if one["unit"] == "ns" else f"{value / 1e6:.1f} M/s")
        rows.append((case, *cells, ratio_text(micro.ratio(case))))
    return table(("case (ns a pair)", *(results["tools"][tool] for tool in tools), "exact to mimalloc"), rows) if rows else ""


def summary(results):
    return "\n".join(part for part in (must_show_table(results), real_table(results, "cpu_s"), real_table(results, "peak_bytes"),
                                       micro_table(results)) if part)


def text(results, notes):
    return "# Benchmarks\n\n" + summary(results) + "\n" + notes
