// The functions behind include/weir/weir.h.
#include <cstddef>

#include "runtime/runtime.h"

extern "C" __attribute__((visibility("default"))) int weir_reserve_bytes(size_t capacity_bytes) {
  return weir::runtime::reserve_heap(capacity_bytes) ? 0 : -1;
}
