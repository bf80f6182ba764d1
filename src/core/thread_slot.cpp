#include "core/thread_slot.h"

namespace weir::core {

thread_local constinit ThreadSlot thread_slot{};
thread_local constinit bool thread_locals_ready = true;

}  // namespace weir::core
