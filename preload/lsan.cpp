// LeakSanitizer's entry points, for programs that call them where they are present. They do nothing: leaks are reported
// as blocks still live at the end, and are not classified yet.
#include <stddef.h>

#define WEIR_EXPORTED extern "C" __attribute__((visibility("default")))

WEIR_EXPORTED void __lsan_disable() {}
WEIR_EXPORTED void __lsan_enable() {}
WEIR_EXPORTED void __lsan_ignore_object(const void*) {}
WEIR_EXPORTED void __lsan_register_root_region(const void*, size_t) {}
WEIR_EXPORTED void __lsan_unregister_root_region(const void*, size_t) {}
WEIR_EXPORTED void __lsan_do_leak_check() {}
WEIR_EXPORTED int __lsan_do_recoverable_leak_check() { return 0; }
