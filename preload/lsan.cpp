// LeakSanitizer's entry points, for programs that call them where they are present.
#include "runtime/leak_interface.h"

#define WEIR_EXPORTED extern "C" __attribute__((visibility("default")))

namespace runtime = weir::runtime;

WEIR_EXPORTED void __lsan_disable() { runtime::begin_ignoring_blocks(); }
WEIR_EXPORTED void __lsan_enable() { runtime::end_ignoring_blocks(); }
WEIR_EXPORTED void __lsan_ignore_object(const void* object) { runtime::ignore_object(object); }
WEIR_EXPORTED void __lsan_register_root_region(const void* start, size_t bytes) {
  runtime::register_root_region(start, bytes);
}
WEIR_EXPORTED void __lsan_unregister_root_region(const void* start, size_t bytes) {
  runtime::unregister_root_region(start, bytes);
}
WEIR_EXPORTED void __lsan_do_leak_check() { runtime::check_leaks_once(); }
WEIR_EXPORTED int __lsan_do_recoverable_leak_check() { return runtime::find_leaks_now(); }
