#!/usr/bin/env python3
"""Says which of the driver's functions that Weir knows a toolkit's cuda.h declares.

  declared_names.py COMPILER INCLUDE_FOLDER OUTPUT SOURCE...

writes OUTPUT: for each function named in the sources `#define WEIR_DECLARES_cuMemAlloc 1`, or 0."""

import pathlib
import re
import subprocess
import sys


def declared(compiler, include):
    """With __CUDA_API_VERSION_INTERNAL the header declares all versions of a function by their exported names."""
    command = [compiler, "-E", "-P", "-x", "c++", "-D__CUDA_API_VERSION_INTERNAL", "-I", include, "-"]
    text = subprocess.run(command, input="#include <cuda.h>\n", check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"\bCUresult\s+(cu[A-Z]\w*)\s*\(", text))


def main(compiler, include, output, *sources):
    known = set()
    for source in sources:
        known |= set(re.findall(r"\bcu[A-Z]\w*", pathlib.Path(source).read_text()))
    names = declared(compiler, include)
    lines = [f"#define WEIR_DECLARES_{name} {int(name in names)}\n" for name in sorted(known)]
    pathlib.Path(output).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(output).write_text("".join(lines))


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
