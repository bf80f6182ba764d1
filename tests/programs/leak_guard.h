// What the programs share that have guard pages in a block which holds another one.
#pragma once

#include <malloc.h>
#include <sys/mman.h>

#include "leak.h"

enum { kPage = 4096 };

static char* volatile held;  // the block with the guard pages

static OWN_FRAME void* keep_one(void) {
  void* block = block_of(32);
  use(block);
  return block;
}
