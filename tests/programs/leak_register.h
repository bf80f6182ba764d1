// What the programs share whose threads hold a block in one register each, and nowhere else.
#pragma once

#include "leak.h"

static void* volatile slot;  // from which a thread takes the pointer
static volatile int ready;   // which it sets then

static OWN_FRAME void keep_one(void) { slot = block_of(40); }

static void hold(void* (*run)(void*)) {
  ready = 0;
  keep_one();
  scrub();
  start_thread(run, NULL);
  wait_for(&ready);
}
