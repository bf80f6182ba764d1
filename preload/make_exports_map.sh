#!/bin/sh
# Prints the linker's version script for the exports of the driver's names, lines of the form WEIR_CUDA_ENTRY(name, ...) of the file
# given, in a version that is hidden (cuda.cpp). As the first one it takes references that name no version, as all to the driver are;
# look-ups by name pass it by, and find what they would without Weir. All other exports have none, so as to serve every version.
echo 'WEIR_REFERENCES { global:'
sed -n 's/^WEIR_CUDA_ENTRY(\([A-Za-z0-9_]*\),.*/  \1;/p' "$@"
# What is not hidden by the compiler: of the C++ library's templates too.
echo 'local: weir_export_*; _ZZ*; _ZN*; };'
