#!/usr/bin/env python3
"""Makes what the simulated driver is built from out of the toolkit's own public files: which functions a driver exports (the dynamic
symbols of the toolkit's stub) and which of them cuGetProcAddress() gives for a name, a version and a kind of default stream
(cudaTypedefs.h: the nth version of a name is the symbol with its nth suffix).

  entry_points.py INCLUDE_FOLDER STUB_LIBRARY OUTPUT_FOLDER

writes entry_points.inc (rows for proc_address.cpp), memory_calls.inc (what the log is to hold whatever becomes of the call:
memory_calls.py), unimplemented.S (a weak symbol for each function, which says that it is not
supported; what the driver's sources define takes its place) and old.map (a linker's version script for a driver of OLD_VERSION, which
lacks every function that came later)."""

import collections
import pathlib
import re
import sys

from memory_calls import exported_symbols, memory_calls

SUFFIXES = ("", "_v2", "_v3", "_v4", "_v5")
STREAM_SUFFIXES = ("_ptsz", "_ptds")
OLD_VERSION = 11020  # the first with memory pools, the last without cuGetProcAddress()


def versions_by_name(include):
    """(name, whether of the thread's default stream) -> versions, rising."""
    text = "".join((include / name).read_text() for name in ("cudaTypedefs.h", "cudaProfilerTypedefs.h"))
    versions = collections.defaultdict(set)
    for name, version, stream in re.findall(r"\*PFN_(cu\w+?)_v(\d+)(_ptsz|_ptds)?\)", text):
        versions[name, bool(stream)].add(int(version))
    return {key: sorted(found) for key, found in versions.items()}


def rows(symbols, versions):
    """(name, version, whether of the thread's default stream, symbol)."""
    known = set(symbols)
    for (name, per_thread), of_name in sorted(versions.items()):
        ends = STREAM_SUFFIXES if per_thread else ("",)
        named = [name + suffix + end for suffix in SUFFIXES for end in ends if name + suffix + end in known]
        # Where there are more symbols than versions, the oldest have no type any more.
        count = min(len(named), len(of_name))
        for version, symbol in zip(of_name[-count:], named[-count:] if count else []):
            yield name, version, per_thread, symbol


def write_rows(path, listed):
    with open(path, "w") as file:
        for name, version, per_thread, symbol in listed:
            file.write(f'SIMCUDA_ENTRY_POINT("{name}", {version}, {str(per_thread).lower()}, {symbol})\n')


def write_memory_calls(path, symbols):
    path.write_text("".join(f"SIMCUDA_MEMORY_CALL({symbol})\n" for symbol in memory_calls(symbols)))


def write_unimplemented(path, symbols):
    with open(path, "w") as file:
        file.write(".text\n")
        for number, symbol in enumerate(symbols):
            file.write(f".weak {symbol}\n.type {symbol}, @function\n{symbol}:\n"
                       f"  leaq .Lname{number}(%rip), %rdi\n  jmp simcuda_unimplemented\n"
                       f".size {symbol}, . - {symbol}\n")
        file.write(".section .rodata\n")
        for number, symbol in enumerate(symbols):
            file.write(f'.Lname{number}: .asciz "{symbol}"\n')
        file.write('.section .note.GNU-stack, "", @progbits\n')


def write_old_map(path, listed):
    # Of two patterns the one without wildcards counts.
    newer = sorted(symbol for name, version, per_thread, symbol in listed if version > OLD_VERSION)
    path.write_text("{\n global: cu*;\n local:\n" + "".join(f"  {symbol};\n" for symbol in newer) + "  *;\n};\n")


def main(include, stub, output):
    symbols = exported_symbols(stub)
    output = pathlib.Path(output)
    output.mkdir(parents=True, exist_ok=True)
    listed = list(rows(symbols, versions_by_name(pathlib.Path(include))))
    write_rows(output / "entry_points.inc", listed)
    write_memory_calls(output / "memory_calls.inc", symbols)
    write_old_map(output / "old.map", listed)
    write_unimplemented(output / "unimplemented.S", symbols)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
