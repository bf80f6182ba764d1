// Resident bytes of the pool's memory by NUMA node, as the kernel counts them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::pool {

// Fills bytes[0..] by node from /proc/self/numa_maps and returns the number of nodes seen (highest node + 1); 0 where the
// kernel does not tell. For the end of the process: the kernel walks the page tables.
size_t read_pool_numa_bytes(uint64_t* bytes, size_t max_nodes);

}  // namespace weir::pool
