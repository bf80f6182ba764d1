// The pool page of a block, read from mimalloc's own segment headers. Only for blocks that the pool has handed out. The one
// header that sees mimalloc's internals, so that the hot path can have it inline.
#pragma once

#include <cstddef>

#define MI_DEBUG 0  // as mimalloc itself is built: its structures depend on it
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wpedantic"
// In this order.
// clang-format off
#include <mimalloc.h>
#include <mimalloc-internal.h>
// clang-format on
#pragma GCC diagnostic pop

#include "pool/mimalloc_page.h"

namespace weir::pool {

struct BlockPage {
  const void* page;
  size_t block_bytes;
};

// Cost: three loads of lines that mi_malloc has just used.
inline BlockPage block_page(void* base) {
  const mi_page_t* page = _mi_ptr_page(base);
  const size_t block_bytes = page->xblock_size;
  return {page, block_bytes < MI_HUGE_BLOCK_SIZE ? block_bytes : weir_pool_page(base).block_bytes};
}

}  // namespace weir::pool
