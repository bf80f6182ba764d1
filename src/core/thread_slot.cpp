#include "core/thread_slot.h"

namespace weir::core {

thread_local constinit ThreadSlot thread_slot{};

}  // namespace weir::core
