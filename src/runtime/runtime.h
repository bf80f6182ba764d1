// What happens at each event of the host's heap: pool, capture, live set and counters put together. The exported symbols
// forward here.
//
// Every function may be called by any thread at any time, also before constructors, in signal handlers, in destructors of
// ending threads and of the ending process. None throws. nullptr means out of memory: errno is the exported symbol's business.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/freeing_call.h"
#include "runtime/hook_frame.h"
#include "stack/capture.h"
#include "track/record.h"

namespace weir::runtime {

struct Request {
  size_t bytes;
  size_t alignment = 0;  // a power of two; 0 or up to 16: natural
  track::Family family = track::Family::malloc;
  bool zeroed = false;
};

// Any request; plain_path.h has the ordinary one's short way. No lock, no system call where nothing is new (pool page, stack,
// thread).
void* allocate(const stack::Registers& caller, const Request& request);

// The caller's address tells the loader's frees, which tell of closed libraries.
void release(const stack::Registers& caller, void* block, const FreeingCall& call = kFree);

// realloc(nullptr, n) and realloc(p, 0) are the caller's to sort out: block is not nullptr and bytes not 0.
void* reallocate(const stack::Registers& caller, void* block, size_t bytes);

size_t usable_bytes(void* block, HookFrame frame);

// Reserves address space for the pool up to `capacity` bytes in total. False where the pool is off or the kernel gives no more.
bool reserve_heap(size_t capacity);

// A call that could not be served, counted for the report.
void note_failed_allocation();

// Reads the options into pool, capture and thread ends. Called once by the start of the process, inside the guard.
void configure_runtime(const core::Inside&);

// Everything of the heap's that fork may have left locked or counted twice. In the child, before its first event.
void runtime_reset_after_fork();

}  // namespace weir::runtime
