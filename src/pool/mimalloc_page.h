/* The geometry of a pool page, asked of mimalloc's own functions: in C, as mimalloc is. */
#ifndef WEIR_POOL_MIMALLOC_PAGE_H
#define WEIR_POOL_MIMALLOC_PAGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_pool_page_geometry {
  uintptr_t start;
  size_t bytes;
  size_t block_bytes;
};

/* Of the page that holds `base`, a live pool block. */
struct weir_pool_page_geometry weir_pool_page(void* base);

/* mimalloc's _mi_page_retire: the page's last block was freed. By the thread that owns the page. */
struct mi_page_s;
void weir_pool_retire_page(struct mi_page_s* page);

#ifdef __cplusplus
}
#endif

#endif
