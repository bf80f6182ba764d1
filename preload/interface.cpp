// The functions behind include/weir/weir.h.
#include <cstddef>

#include "runtime/leak_interface.h"
#include "runtime/pinned_buffers.h"
#include "runtime/pool_interface.h"
#include "runtime/process_snapshot.h"
#include "runtime/recording.h"
#include "runtime/runtime.h"
#include "weir/weir.h"

#define WEIR_INTERFACE extern "C" __attribute__((visibility("default"), noinline))

namespace runtime = weir::runtime;

WEIR_INTERFACE int weir_reserve_bytes(size_t capacity_bytes) { return runtime::reserve_heap(capacity_bytes) ? 0 : -1; }

WEIR_INTERFACE uint64_t weir_trim_pools(uint64_t keep_bytes) { return runtime::trim_pools(keep_bytes); }

WEIR_INTERFACE uint64_t weir_compact_pools() { return runtime::compact_pools(); }

WEIR_INTERFACE int weir_read_pool(int pool, weir_pool_stats* stats) {
  weir_pool_stats figures{};
  return runtime::read_pool_figures(pool, &figures) && runtime::copy_to_caller(figures, stats) ? 0 : -1;
}

WEIR_INTERFACE int weir_change_option(const char* name, const char* value) {
  return runtime::change_option(name, value) ? 0 : -1;
}

WEIR_INTERFACE int weir_lies_in_pinned(const void* pointer) { return runtime::lies_in_pinned(pointer) ? 1 : 0; }

WEIR_INTERFACE void* weir_allocate_pinned(size_t bytes, unsigned flags) {
  return runtime::allocate_pinned(WEIR_CALLER_REGISTERS(), bytes, (flags & WEIR_ZEROED) != 0);
}

WEIR_INTERFACE int weir_release_pinned(void* buffer) { return runtime::release_pinned(buffer) ? 0 : -1; }

WEIR_INTERFACE int weir_set_recording(int is_on) { return runtime::set_recording(is_on != 0) ? 0 : -1; }

WEIR_INTERFACE int weir_visit_leaks(weir_leak_callback callback, void* context) {
  return runtime::visit_leaks(callback, context);
}

WEIR_INTERFACE int weir_take_snapshot(const char* path) {
  return runtime::write_snapshot(path) == runtime::Snapshot::written ? 0 : -1;
}
