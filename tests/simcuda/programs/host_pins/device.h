// What the random calls and the cases share: the context that they work in, and its memory. See main.cpp.
#pragma once

#include <unistd.h>

#include "../must.h"

namespace host_pins {

constexpr size_t kLargest = 24 * kMiB;

extern CUcontext context;
extern bool is_primary;
extern CUstream stream;
extern CUdeviceptr memory, memory_too;

// With a stream and memory of its own; the context is current.
void enter_context();

// A stream's host function that takes a while.
void delay(void*);

// Of some of the bytes, the first and the last among them.
unsigned sum_of(const unsigned char* start, size_t bytes);
unsigned sum_on_device(CUdeviceptr address, size_t bytes);

// Both print what they find. run_case: false where there is no such case.
void run_random(unsigned seed, unsigned long calls, bool with_graphs);
bool run_case(const char* name);

}  // namespace host_pins
