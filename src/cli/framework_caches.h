// The memory that frameworks for machine learning keep in caches of their own: what PyTorch, CuPy, RMM, TensorFlow and JAX ask CUDA or the
// C library for in large blocks, hand out in parts, and hold until the process ends.
#pragma once

#include "cli/report_file.h"

namespace weir::cli {

// Sets "framework_cache" (such as "PyTorch") on the leaks of a symbolised report, of any memory and kind, that a framework's cache allocated
// for itself: blocks that it hands out in parts, and its records of them. A block is that where the innermost functions of its stack, but for
// those by which a cache is known to get its memory, are the cache's. What a cache's caller allocates, what the cache
// has others allocate (a callback, an allocator of the program's), and what a cache passes on to CUDA one by one (PyTorch's
// under PYTORCH_NO_CUDA_MEMORY_CACHING=1) is none. Leaks that are a runtime's own ("runtime") are left alone.
void name_framework_caches(Json& report);

}  // namespace weir::cli
