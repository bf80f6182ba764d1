// Reading another program's structures by offset. Inside src/stack only.
#pragma once

#include <cstdint>
#include <cstring>

namespace weir::stack::python {

template <class T>
[[gnu::always_inline]] inline T read_at(uintptr_t object, uintptr_t offset) {
  T value;
  memcpy(&value, reinterpret_cast<const void*>(object + offset), sizeof value);
  return value;
}

// Could be the address of an object: not null, in a program's half, aligned.
inline bool may_be_object(uintptr_t address) {
  constexpr uintptr_t kLowest = 4096, kEnd = uintptr_t{1} << 47;
  return address - kLowest < kEnd - kLowest && address % sizeof(uintptr_t) == 0;
}

}  // namespace weir::stack::python
