// Pointers that Weir never gave out, handed to free: another allocator's blocks, which it is to free, or no block at all, which must
// go nowhere. In doubt a pointer is taken for another allocator's.
#pragma once

#include <cstdint>

namespace weir::runtime {

// What lies at an address that is surely of no allocator's heap: "a stack", "a module's data", "a mapping", "unmapped memory", ...
// (static text). nullptr where it may be a block of the host's allocator. stack_pointer: the caller's; 0: not known. The first
// pointer into an area costs a reading of /proc/self/maps; later ones into areas known to be the host's heap a few compares.
const char* place_of_foreign(uintptr_t address, uintptr_t stack_pointer);

// Whether malloc and operator new are families of their own in this process: what operator new would be without Weir is the C++
// library's, and no library between that replaces it by one that may well hand out malloc's blocks. The first call looks through the
// modules that the program started with.
bool families_are_apart();

}  // namespace weir::runtime
