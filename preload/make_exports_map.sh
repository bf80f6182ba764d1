#!/bin/sh
# Prints the linker's version script for the exports listed in the files given: lines of the form WEIR_EXPORT(name) and
# WEIR_CUDA_ENTRY(name, ...).
echo '{ global:'
sed -n -e 's/^WEIR_EXPORT(\([A-Za-z0-9_]*\)).*/  \1;/p' -e 's/^WEIR_CUDA_ENTRY(\([A-Za-z0-9_]*\),.*/  \1;/p' "$@"
echo 'local: *; };'
