// How full the pool's pages are, as the live set knows them.
#pragma once

#include <cstdint>

namespace weir::track {

struct PageUsageTotals {
  uint64_t page_bytes;         // of all pages that hold or held blocks
  uint64_t active_page_bytes;  // of those with a live block
  uint64_t allocated_bytes;    // live blocks in block sizes
};
// Walks all pages; exact where no other thread allocates meanwhile.
PageUsageTotals read_page_usage();

}  // namespace weir::track
