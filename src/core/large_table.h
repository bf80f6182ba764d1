// Tables of which most processes touch nothing, or a few pages far apart, lie by themselves behind all other variables: a small variable
// between two of them would have a page of its own in every process. preload/large_tables.ld puts them there.
#pragma once

// In front of the definition of a zeroed variable of 2 KiB or more at namespace scope.
#define WEIR_LARGE_TABLE [[gnu::section(".bss.weir_large_table")]]
