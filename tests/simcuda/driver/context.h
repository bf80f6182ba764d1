// Devices and contexts, and which context a thread has.
#pragma once

#include <array>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <thread>

#include "device_memory.h"
#include "driver.h"
#include "stream.h"

namespace simcuda {

struct Device;

// What a memory pool holds. Handles to pools are addresses of these.
struct Pool {
  Device& device;
  CUmemPoolProps properties{};
  uint64_t release_threshold = 0;
  uint64_t used_bytes = 0, used_high_bytes = 0;
  // By attribute, from CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES on.
  std::array<int, 4> reuse_settings{0, 1, 1, 1};
  bool is_default = false;
  bool is_destroyed = false;  // gone for the program; its blocks live on until they are freed
  int imported_file = -1;     // of another process's pool, which gives no memory of its own: the memory that it shares
  bool is_imported() const { return imported_file >= 0; }
};

struct Context {
  Context(Device& of, bool primary);
  Stream& stream_of_this_thread();
  // An error after which nothing works in this context any more, but for its end.
  void fail(CUresult error) {
    for (Context* const of : {this, &owner()}) {
      if (of->sticky_error == CUDA_SUCCESS) of->sticky_error = error;
    }
  }
  // Whose the memory is that is allocated in it: of a green context, its device's primary one.
  Context& owner() { return primary_of_green == nullptr ? *this : *primary_of_green; }

  Device& device;
  const bool is_primary;
  bool is_alive = true;  // a primary one: retained
  int retained = 0;
  unsigned flags = 0;
  const uint64_t id;
  StreamPointer legacy_stream;
  std::map<CUstream, StreamPointer> streams;  // all but the legacy one, by handle
  std::map<std::thread::id, StreamPointer> thread_streams;
  std::map<CUevent, std::unique_ptr<Event>> events;
  std::map<CUlimit, size_t> limits;
  std::set<Context*> peers;             // whose memory this one may use
  Context* primary_of_green = nullptr;  // nullptr: it is no green context
  CUresult sticky_error = CUDA_SUCCESS;
};

struct Device {
  Device(int number, size_t bytes);
  const int ordinal;
  DeviceMemory memory;
  Context primary;
  Pool default_pool;
  Pool* current_pool;
  std::list<Pool> pools;
  uint64_t graph_bytes = 0, graph_high_bytes = 0;
};

// Makes the devices. Once.
void initialise();

// CUDA_ERROR_INVALID_DEVICE where there is none of that number.
Device& device_of(CUdevice ordinal);
int device_count();
Device* device_holding(uintptr_t address);  // nullptr: none

// Every context that was made and not destroyed, the primary ones included.
const std::set<Context*>& all_contexts();
void add_context(Context* context);
void remove_context(Context* context);
Context& context_of(CUcontext handle);  // null: the current one
inline CUcontext handle_of(const Context& context) {
  return reinterpret_cast<CUcontext>(const_cast<Context*>(&context));
}

// The thread's contexts, the current one last.
std::vector<Context*>& context_stack();

// Refuses where the thread has none, where it was destroyed, and where an earlier error made it unusable.
Context& current_context();
inline Context& current_owner() { return current_context().owner(); }

// The context and, of a primary one, the green contexts of its device.
std::vector<Context*> with_green_contexts(Context& context);

// Stops the context's streams and frees what was allocated in it.
void end_context(Lock&, Context& context);
// The same for one that is not primary. Its handle stays one that is known to be gone: a Context is never deleted.
void destroy_context(Lock&, Context& context);

void retain_primary(Context& primary);
// Ends it with the last of its retains.
void release_primary(Lock&, Context& primary);

}  // namespace simcuda
