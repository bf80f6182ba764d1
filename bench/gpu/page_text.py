"""How figures and tables are written in docs/benchmarks-gpu.md."""

import modes


def table(head, rows):
    lines = ["| " + " | ".join(str(cell) for cell in head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]) + "\n"


def size(count):
    for unit, bytes_ in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= bytes_ and count % bytes_ == 0:
            return f"{count // bytes_} {unit}"
    return f"{count:,} B"


def microseconds(figure):
    return f"{figure / 1e3:,.2f}"


def times(row, name, of):
    """A time in each mode, in microseconds."""
    return [microseconds(row[name][mode]) for mode in of]


def yes(holds):
    return "yes" if holds else "**no**"


def columns(names, of):
    """A heading for each name in each mode."""
    return [f"{name}{', ' if name else ''}{modes.TITLES[mode]}" for name in names for mode in of]
