// What the programs share whose main holds a block in its frame, and has lost another, when it ends the process in some way.
#pragma once

#include "leak.h"

static OWN_FRAME void* keep_one(void) {
  void* block = block_of(32);
  use(block);
  return block;
}

static OWN_FRAME void leak_one(void) { use(block_of(40)); }

// The statements `...` end the process.
#define MAIN_THAT_HOLDS_ONE(...)     \
  int main(void) {                   \
    void* volatile own = keep_one(); \
    leak_one();                      \
    scrub();                         \
    use((void*)&own);                \
    __VA_ARGS__                      \
  }
