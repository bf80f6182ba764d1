"""What the results say, as ratios: over the real programs, over the micro-benchmarks."""

import figures


class Real:
    """The real programs."""

    def __init__(self, results):
        self.programs = results.get("real", {})

    def samples(self, program, tool, figure):
        return [run[figure] for run in self.programs.get(program, {}).get(tool, {}).get("rounds", [])]

    def ratios(self, program, tool, figure="cpu_s", base="glibc"):
        """Round by round; a tool may have run in fewer rounds than its base."""
        return figures.paired_ratios(self.samples(program, tool, figure), self.samples(program, base, figure))

    def ratio(self, program, tool, figure="cpu_s", base="glibc"):
        found = self.ratios(program, tool, figure, base)
        return figures.median(found) if found else None

    def mean(self, tool, figure="cpu_s", base="glibc"):
        """Geometric mean over the programs that ran under both; None where there is none."""
        found = [ratio for ratio in (self.ratio(program, tool, figure, base) for program in self.programs) if ratio]
        return figures.geometric_mean(found) if found else None

    def worst(self, tool):
        """(ratio, program)."""
        found = [(ratio, program) for program in self.programs if (ratio := self.ratio(program, tool))]
        return max(found) if found else (None, None)

    def interval(self, tool, base):
        """(geometric mean, low, high) of CPU to `base`, with its 95 % interval; None where there are too few rounds."""
        ratios = [found for program in self.programs if len(found := self.ratios(program, tool, base=base)) > 2]
        return (self.mean(tool, base=base), *figures.interval_of_geometric_mean(ratios)) if ratios else None

    def share_of_heaptracks_extra(self):
        """Extra CPU of exact tracking over plain mimalloc beside heaptrack's extra over glibc, on which it runs: in the
        geometric means over the programs that heaptrack survives."""
        pairs = [(self.ratio(program, "weir-exact", base="mimalloc"), self.ratio(program, "heaptrack"))
                 for program in self.programs]
        pairs = [(ours, theirs) for ours, theirs in pairs if ours and theirs]
        if not pairs:
            return None
        ours, theirs = (figures.geometric_mean(ratios) for ratios in zip(*pairs))
        return (ours - 1) / (theirs - 1)


class Micro:
    """Medians of the micro-benchmarks."""

    def __init__(self, results):
        self.cases = results.get("micro", {}).get("cases", {})

    def rounds(self, case, tool):
        return self.cases.get(case, {}).get("tools", {}).get(tool)

    def value(self, case, tool):
        found = self.rounds(case, tool)
        return figures.median(found) if found else None

    def least(self, case, tool):
        """Of the rounds: for what waits for memory, which other users of the machine only make slower."""
        found = self.rounds(case, tool)
        return min(found) if found else None

    def ratio(self, case, tool="weir-exact", base="mimalloc"):
        ours, theirs = self.value(case, tool), self.value(case, base)
        return ours / theirs if ours and theirs else None

    def unwind_ns(self, case):
        """What unw_backtrace takes on the stacks of this case, measured on plain mimalloc."""
        what, _, depth = case.partition("/")
        with_it, without = self.value(f"{what}_unw_backtrace/{depth}", "mimalloc"), self.value(case, "mimalloc")
        return with_it - without if with_it and without else None

    def added_ns(self, case):
        """What exact tracking adds to plain mimalloc's pair."""
        ours, theirs = self.value(case, "weir-exact"), self.value(case, "mimalloc")
        return ours - theirs if ours and theirs else None

    def to_unwind(self, case):
        added, unwind = self.added_ns(case), self.unwind_ns(case)
        return added / unwind if added and unwind else None


def memory_per_block(memory, size):
    row = memory["bytes_per_live_block"][size]
    return row["weir-exact"] - row["mimalloc"]


def growth(micro):
    """(what, value, at most): cost by live blocks, throughput by threads."""
    rows = []
    few, many = (micro.least(f"live_blocks/count:{count}/any:0", "weir-exact") for count in (1_000, 10_000_000))
    if few and many:
        rows.append(("oldest block replaced, least ns of the rounds with 10 million live to that with 1,000", many / few, 1.5))
    for shape in ("same_stack", "inner_frames_change"):
        one, *more = (micro.value(f"threads_{shape}/stack:20/threads:{count}", "weir-exact")
                      for count in (1, 2, 4, 8, 16, 32, 64))
        if one and all(more):
            rows.append((f"throughput of 1 thread to the least of 2 to 64, {shape.replace('_', ' ')}",
                         one / min(more), 1.0))
    return rows
