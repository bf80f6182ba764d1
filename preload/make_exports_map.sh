#!/bin/sh
# Prints the linker's version script for the exports listed in $1: lines of the form WEIR_EXPORT(name).
echo '{ global:'
sed -n 's/^WEIR_EXPORT(\([A-Za-z0-9_]*\)).*/  \1;/p' "$1"
echo 'local: *; };'
