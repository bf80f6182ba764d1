// How full the pool's pages are, as the live set knows them.
#pragma once

#include <cstdint>

namespace weir::track {

struct PageUsageTotals {
  uint64_t page_bytes;         // of all pages that hold or held blocks
  uint64_t active_page_bytes;  // of those with a live block
  uint64_t allocated_bytes;    // live blocks in block sizes
};
// How many blocks of the pool's page are in use, as the pool has it.
using UsedBlocks = uint32_t (*)(const void* page);

// Walks all pages; exact where no other thread allocates meanwhile. used_blocks: asked where the process samples, and the records
// do not tell; blocks that another thread freed and the owner has not collected yet count as used there.
PageUsageTotals read_page_usage(UsedBlocks used_blocks);

}  // namespace weir::track
