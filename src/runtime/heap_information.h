// Answers to glibc's questions about the heap, in its own forms.
#pragma once

#include <malloc.h>
#include <stdio.h>

namespace weir::runtime {

// arena: bytes of the pool's pages; uordblks: allocated; fordblks: free in pages; ordblks: live blocks; keepcost: cached.
struct mallinfo2 heap_information();

// malloc_info: XML to a stream of the host's. 0, EINVAL for options other than 0, -1 where the stream fails.
int write_heap_information(int options, FILE* stream);

// malloc_stats: a few lines on stderr, as glibc prints them.
void print_heap_statistics();

// malloc_trim: gives free memory back; true where some was.
bool trim_heap();

}  // namespace weir::runtime
