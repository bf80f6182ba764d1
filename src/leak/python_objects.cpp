#include "leak/python_objects.h"

#include <cstring>

#include "core/elf_image.h"

namespace weir::leak {
namespace {

constexpr int kMostMetaclasses = 3;  // of a type's type, and so on, until type itself

uintptr_t type_at(uintptr_t object) {
  uintptr_t type;
  memcpy(&type, reinterpret_cast<const void*>(object + sizeof(uintptr_t)), sizeof type);
  return type;
}

uintptr_t round_up_to_word(uintptr_t bytes) { return (bytes + sizeof(uintptr_t) - 1) & ~(sizeof(uintptr_t) - 1); }

}  // namespace

bool PythonObjects::is_object(uintptr_t offset, const HeapBlock& block) {
  return (offset == kCollectorBytes || offset == kCollectorBytes + kInstanceBytes) &&
         offset + kHeadBytes <= block.bytes && has_type(block.address + offset);
}

// Their order is a byte for each of them and two more, of which the last tells how many bytes it has.
bool PythonObjects::is_before_values(uintptr_t offset, const HeapBlock& block) const {
  constexpr unsigned long k311 = 0x030b0000, k312 = 0x030c0000, k313 = 0x030d0000;
  if (library_.version < k311 || library_.version >= k313) return false;
  const uintptr_t order_bytes = library_.version < k312 ? offset : offset + 1;
  if (order_bytes == 0 || order_bytes % sizeof(uintptr_t) != 0 || order_bytes > block.bytes) return false;
  const uintptr_t value_count = (block.bytes - order_bytes) / sizeof(uintptr_t);
  return block.bytes % sizeof(uintptr_t) == 0 && round_up_to_word(value_count + 2) == order_bytes &&
         *reinterpret_cast<const uint8_t*>(block.address + order_bytes - 1) == order_bytes;
}

bool PythonObjects::has_type(uintptr_t object) {
  const uintptr_t type = type_at(object);
  uintptr_t& proven = proven_[type / kHeadBytes % kMostProven];
  if (type == proven) return type != 0;
  if (!is_type(type, kMostMetaclasses)) return false;
  proven = type;
  return true;
}

bool PythonObjects::is_type(uintptr_t address, int metaclasses) const {
  if (address == library_.type_of_types) return true;
  return metaclasses != 0 && may_be_read(address) && is_type(type_at(address), metaclasses - 1);
}

// A type lies in a module, or is a block: other memory that the word might lead to may have no file behind it any more.
bool PythonObjects::may_be_read(uintptr_t address) const {
  HeapBlock block;
  if (address % sizeof(uintptr_t) != 0) return false;
  const Area* area = map_.find(address);
  if (area == nullptr || !area->readable || address + kHeadBytes > area->end) return false;
  return heap_.may_hold(address) && heap_.find(address, &block)
             ? address + kHeadBytes <= block.address + block.bytes
             : core::module_at(reinterpret_cast<const void*>(address)) != nullptr;
}

}  // namespace weir::leak
