// Resident bytes of the pool's memory by NUMA node, as the kernel counts them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::pool {

// Adds to bytes[0..] by node, and returns the number of nodes seen (highest node + 1); 0 where the kernel does not tell. For the end of
// the process: the kernel walks the page tables.
size_t read_pool_numa_bytes(uint64_t* bytes, size_t max_nodes);

// Its two ways: by /proc/self/numa_maps, 40 to 75 ns a page; where the machine has one node by mincore(2), about 2 ns a page.
size_t read_numa_maps(uint64_t* bytes, size_t max_nodes);
uint64_t resident_pool_bytes();

}  // namespace weir::pool
