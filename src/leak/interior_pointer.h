// Pointers into a block's middle that are its owner's only one, by the ways in which compilers and libraries lay out objects.
#pragma once

#include "leak/heap_index.h"
#include "leak/memory_map.h"
#include "leak/python_objects.h"

namespace weir::leak {

// Whether `word`, which lies in the block or at its end, stands for the block as its start would. Reads the block.
bool is_as_good_as_start(uintptr_t word, const HeapBlock& block, const MemoryMap& map, PythonObjects& python);

}  // namespace weir::leak
