#include "mimalloc_page.h"

/* In this order. */
/* clang-format off */
#include <mimalloc.h>
#include <mimalloc-internal.h>
/* clang-format on */

struct weir_pool_page_geometry weir_pool_page(void* base) {
  mi_page_t* page = _mi_ptr_page(base);
  struct weir_pool_page_geometry geometry;
  geometry.start = (uintptr_t)_mi_page_start(_mi_page_segment(page), page, &geometry.bytes);
  geometry.block_bytes = mi_page_block_size(page);
  return geometry;
}

void weir_pool_retire_page(struct mi_page_s* page) { _mi_page_retire(page); }
