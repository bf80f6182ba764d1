"""The tools that read what `weir export` writes, as functions: what each says of a file."""

import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess

from weir_test import REPOSITORY

READERS = REPOSITORY / "tests" / "readers"
MODULES = pathlib.Path(os.environ.get("WEIR_DEPS_DIR") or REPOSITORY / "build" / "deps") / "readers" / "node_modules"


def why_not(*tools):
    """Why one of the tools cannot be asked; None where all can. Packages of npm's by their own names."""
    for tool in tools:
        is_there = (MODULES / tool).is_dir() and shutil.which("node") if tool in ("speedscope", "@duckdb") else shutil.which(tool)
        if not is_there:
            return f"no {tool} to read exports with"
    return None


def _said(*argv, input=None, cwd=None):
    result = subprocess.run([str(word) for word in argv], input=input, cwd=cwd, capture_output=True, timeout=300)
    if result.returncode != 0:
        raise AssertionError(f"{argv[0]} refuses it: {result.stderr.decode()[-500:]}")
    return result.stdout.decode()


def pprof_raw(path):
    """go tool pprof: {name of a value: its sum}, and the text that it was taken from."""
    text = _said("go", "tool", "pprof", "-symbolize=none", "-raw", path)
    samples = text[text.index("Samples:\n"):text.index("Locations\n")].splitlines()
    names = [word.split("/")[0] for word in samples[1].split()]
    sums = dict.fromkeys(names, 0)
    for line in samples[2:]:
        if re.match(r" *[\d ]+:", line):
            for name, value in zip(names, line.split(":")[0].split()):
                sums[name] += int(value)
    return sums, text


def pprof_top(path, value, *arguments):
    """How much of a value `go tool pprof -top` accounts for, with nodes of any size."""
    text = _said("go", "tool", "pprof", "-symbolize=none", "-top", "-unit=B", "-nodefraction=0", "-nodecount=100000", f"-sample_index={value}", *arguments, path)
    return int(re.search(r"nodes accounting for (\d+)B?", text)[1])


def protobuf_text(path):
    """protoc's decoding of a profile."""
    return _said("protoc", f"--proto_path={REPOSITORY / 'tests' / 'run'}", "--decode=weir.test.Profile", "profile.proto",
                 input=gzip.decompress(pathlib.Path(path).read_bytes()))


def protobuf_sums(path):
    """By protoc: {name of a value: its sum}."""
    text = protobuf_text(path)
    strings = re.findall(r'(?m)^string_table: "(.*)"$', text)
    names = [strings[int(number)] for number in re.findall(r"(?m)^sample_type \{\n  type: (\d+)$", text)]
    values = [int(value) for value in re.findall(r"(?m)^  value: (-?\d+)$", text)]
    return {name: sum(values[i::len(names)]) for i, name in enumerate(names)}


def speedscope(*paths):
    """For each file its profiles: name, unit, total, stacks."""
    return json.loads(_said("node", READERS / "speedscope.mjs", MODULES, *paths))


def duckdb(query, cwd):
    return json.loads(_said("node", READERS / "duckdb.mjs", MODULES, input=query.encode(), cwd=cwd))


def sqlite(commands, cwd):
    return _said("sqlite3", "-batch", ":memory:", input=commands.encode(), cwd=cwd)


def ms_print(path):
    """ms_print's snapshots, [(ms, bytes)], and its text."""
    text = _said("ms_print", path)
    rows = re.findall(r"^ +\d+ +([\d,]+) +([\d,]+) +[\d,]+ +[\d,]+ +[\d,]+$", text, re.M)
    return [tuple(int(figure.replace(",", "")) for figure in row) for row in rows], text


def heaptrack_print(path, folder):
    """heaptrack_print's exact figures: leaked and peak bytes, by its stacks of leaks and its own massif.out; and the text."""
    stacks, massif = pathlib.Path(folder, "heaptrack.stacks"), pathlib.Path(folder, "heaptrack.massif")
    text = _said("heaptrack_print", "--disable-builtin-suppressions", "-F", stacks, "--flamegraph-cost-type", "leaked", "-M", massif, "--massif-detailed-freq", "1", "-f", path)
    leaked = [line.rsplit(" ", 1) for line in stacks.read_text().splitlines()]
    peak = max(int(value) for value in re.findall(r"mem_heap_B=(\d+)", massif.read_text()))
    return {"leaked": sum(int(value) for _, value in leaked), "peak": peak, "stacks": [stack for stack, _ in leaked]}, text
